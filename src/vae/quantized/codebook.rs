//! A table of code vectors that follows what is assigned to it.

use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use crate::tensor::TensorType;

/// K vectors of D numbers, each the running mean of the encoder's vectors that are nearest to it (van den Oord 2017, arXiv
/// 1711.00937, appendix A.1). Two states under the scope, `counts` N [K, 1] and `sums` m [K, D], follow those of each batch;
/// the vectors are m / N. No gradient reaches them.
///
/// At the start all codes are dead, so the first batch fills the table with vectors of its own.
#[derive(Clone, Copy, Debug)]
pub struct Codebook {
    /// K.
    pub codes: usize,
    /// D.
    pub width: usize,
    /// What remains of a count and a sum after a step.
    pub decay: f32,
    /// A code whose count falls below this share of the mean count is dead: it becomes a vector drawn from the batch, with the
    /// mean count (Dhariwal 2020, arXiv 2005.00341, section 3.1). 0 for never.
    pub restart: f32,
}

/// The count at which a code's vector is half its mean: far below what one assignment brings.
const LEAST: f32 = 1e-5;

/// The states of a table and the vectors they make.
struct Table {
    counts: Value,
    sums: Value,
    vectors: Value,
}

impl Codebook {
    fn table(&self, g: &mut Graph) -> Result<Table> {
        let Self { codes, width, decay, restart } = *self;
        if codes < 2 || width == 0 || !(0.0..1.0).contains(&decay) || !(0.0..1.0).contains(&restart) {
            let message = "a codebook has 2 codes or more of 1 number or more, decay and restart in [0, 1)";
            return Err(Error::Config(format!("{message}, not {self:?}")));
        }
        let counts = g.state("counts", TensorType::f32([codes, 1]), Init::Constant(0.0))?;
        let sums = g.state("sums", TensorType::f32([codes, width]), Init::Normal(LEAST))?;
        let held = g.affine(counts, 1.0, LEAST)?;
        Ok(Table { counts, sums, vectors: g.div(sums, held)? })
    }

    /// The vectors [K, D].
    pub fn vectors(&self, g: &mut Graph) -> Result<Value> {
        Ok(self.table(g)?.vectors)
    }

    /// Which code is nearest to each row of `z` [n, D], the first of several: U32 \[n\].
    pub fn nearest(&self, g: &mut Graph, z: Value) -> Result<Value> {
        let vectors = self.vectors(g)?;
        // ‖z − e‖² without ‖z‖², which is the same for all codes.
        let squares = g.square(vectors)?;
        let squares = g.sum(squares, &[1])?;
        let products = g.matmul_t(z, vectors, false, true)?;
        let doubled = g.scale(products, -2.0)?;
        let distances = g.add(doubled, squares)?;
        g.argmin(distances)
    }

    /// How many rows each code has: [K, 1] of `index` \[n\].
    pub fn counts_of(&self, g: &mut Graph, index: Value) -> Result<Value> {
        let ones = g.full([g.shape(index).len(), 1], 1.0)?;
        g.scatter_add(ones, index, self.codes)
    }

    /// Moves the table towards the rows `z` [n, D] that have the codes `index` \[n\], and restarts dead codes. `rng` is the
    /// graph's noise state.
    pub fn update(&self, g: &mut Graph, z: Value, index: Value, rng: Value) -> Result<()> {
        let Table { counts, sums, .. } = self.table(g)?;
        let (rows, momentum) = (g.shape(z).dims()[0], 1.0 - self.decay);
        let mut batch = [self.counts_of(g, index)?, g.scatter_add(z, index, self.codes)?];
        if self.restart > 0.0 {
            let mean = rows as f32 / self.codes as f32;
            let step = g.sub(batch[0], counts)?;
            let step = g.scale(step, momentum)?;
            let next = g.add(counts, step)?;
            let [least, one] = [g.full([], self.restart * mean)?, g.full([], 1.0)?];
            let alive = g.where_at_least(next, least, one)?;
            let uniform = g.uniform(rng, [self.codes, rows])?;
            let drawn = g.argmax(uniform)?;
            let drawn = g.gather(z, drawn)?;
            let fresh = [g.full([self.codes, 1], mean)?, g.scale(drawn, mean)?];
            for (k, state) in [counts, sums].into_iter().enumerate() {
                batch[k] = restarted(g, (state, batch[k], fresh[k]), alive, momentum)?;
            }
        }
        g.ema(counts, batch[0], momentum)?;
        g.ema(sums, batch[1], momentum)?;
        Ok(())
    }
}

/// What a running mean of this momentum has to be fed: `batch` where `alive` is 1, and where it is 0 what takes `state` to
/// `fresh` in one step.
fn restarted(
    g: &mut Graph,
    (state, batch, fresh): (Value, Value, Value),
    alive: Value,
    momentum: f32,
) -> Result<Value> {
    let way = g.sub(fresh, state)?;
    let way = g.scale(way, 1.0 / momentum)?;
    let fed = g.add(state, way)?;
    let off = g.sub(batch, fed)?;
    let off = g.mul(alive, off)?;
    g.add(fed, off)
}
