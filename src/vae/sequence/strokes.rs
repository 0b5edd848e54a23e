//! Movements of a pen as elements.

use super::{Draw, Elements, Picked};
use crate::dist::{BivariateMixture, Categorical};
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use crate::tensor::TensorType;
use crate::vae::Batch;
use std::ops::Range;

/// Numbers of a step: Δx, Δy, and one of three states of the pen (down, lifted, over).
const STEP: usize = 5;
const PENS: usize = 3;

/// Steps of sketches: the column `x`, F32 [B, T, 5], as [`crate::data::sketches`] has them, and `length` (U32 \[B\]) of those
/// before the end for the encoder. A movement is a mixture of bivariate Gaussians, the pen after it categorical (Ha & Eck 2017,
/// arXiv 1704.03477, section 3). Movements count before the end, the pen at every step, the padding's too (their equation 9).
#[derive(Clone, Copy, Debug)]
pub struct Strokes {
    /// Gaussians of the mixture, M.
    pub components: usize,
    /// What the model divides movements by: one deviation of both coordinates (their section 3.1, the training set's). It
    /// is saved with the weights.
    pub scale: f32,
}

impl Strokes {
    /// Strokes that are as large as those of `x` [N, T, 5] in the root mean square, which is their deviation about 0.
    ///
    /// # Errors
    /// [`Error::Config`] where nothing moves, or without end.
    pub fn like(x: &[f32], components: usize) -> Result<Self> {
        let moves = || x.chunks_exact(STEP).filter(|step| step[4] == 0.0);
        let square = moves().map(|step| f64::from(step[0]).powi(2) + f64::from(step[1]).powi(2)).sum::<f64>();
        let scale = (square / (2 * moves().count().max(1)) as f64).sqrt() as f32;
        if components == 0 || !scale.is_finite() || scale <= 0.0 {
            let message = format!("{components} Gaussians for movements of {scale} make no sketches");
            return Err(Error::Config(message));
        }
        Ok(Self { components, scale })
    }

    fn scale(&self, g: &mut Graph) -> Result<Value> {
        g.unscoped(|g| g.state("strokes.scale", TensorType::f32([]), Init::Constant(self.scale)))
    }
    /// 1 for steps before the end, else 0: [B, T].
    fn moves(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let x = batch.get(g, "x")?;
        let over = number(g, x, STEP - 1)?;
        g.affine(over, -1.0, 1.0)
    }
    /// A step with the pen in state `pen` and no movement, [1, 5].
    fn still(&self, g: &mut Graph, pen: usize) -> Result<Value> {
        let parts = [(2 + pen, 0.0), (1, 1.0), (PENS - 1 - pen, 0.0)];
        let parts = parts.iter().filter(|(count, _)| *count > 0).map(|&(count, value)| g.full([1, count], value));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        g.concat(&parts, 1)
    }
    /// What `heads` [..., 6·M + 3] say of movements and of the pen.
    fn distributions(&self, g: &mut Graph, heads: Value) -> Result<(BivariateMixture, Categorical)> {
        let m = self.components;
        let mut part = |k: usize| range(g, heads, k * m..(k + 1) * m);
        let movement = BivariateMixture {
            logits: part(0)?,
            mu: [part(1)?, part(2)?],
            logsigma: [part(3)?, part(4)?],
            skew: part(5)?,
        };
        Ok((movement, Categorical { logits: range(g, heads, 6 * m..6 * m + PENS)? }))
    }
}

/// Numbers `range` of the last axis.
fn range(g: &mut Graph, x: Value, range: Range<usize>) -> Result<Value> {
    let axis = g.shape(x).rank() - 1;
    g.slice(x, axis, range)
}

/// Number `k` of the last axis, which goes.
fn number(g: &mut Graph, x: Value, k: usize) -> Result<Value> {
    let dims = g.shape(x).dims().to_vec();
    let number = range(g, x, k..k + 1)?;
    g.reshape(number, &dims[..dims.len() - 1])
}

impl Elements for Strokes {
    fn read(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let (x, scale) = (batch.get(g, "x")?, self.scale(g)?);
        let (movement, pen) = (range(g, x, 0..2)?, range(g, x, 2..STEP)?);
        let movement = g.div(movement, scale)?;
        g.concat(&[movement, pen], 2)
    }
    fn prompts(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let (x, first) = (self.read(g, batch)?, self.first(g)?);
        let [size, steps] = [0, 1].map(|axis| g.shape(x).dims()[axis]);
        let first = g.reshape(first, [1, 1, STEP])?;
        let first = g.expand(first, [size, 1, STEP])?;
        let before = g.slice(x, 1, 0..steps - 1)?;
        g.concat(&[first, before], 1)
    }
    fn blank(&self, g: &mut Graph) -> Result<Value> {
        g.full([1, STEP], 0.0)
    }
    /// S₀ of the paper: at the start the pen is down.
    fn first(&self, g: &mut Graph) -> Result<Value> {
        self.still(g, 0)
    }
    fn numbers(&self) -> usize {
        6 * self.components + PENS
    }

    /// The density of movements in the units of `x`.
    fn log_prob(&self, g: &mut Graph, heads: Value, batch: &Batch) -> Result<Value> {
        let (x, steps, scale) = (batch.get(g, "x")?, self.read(g, batch)?, self.scale(g)?);
        let (movement, pen) = self.distributions(g, heads)?;
        let to = [number(g, steps, 0)?, number(g, steps, 1)?];
        let log_p = movement.log_prob(g, to)?;
        let stretched = g.log(scale)?;
        let stretched = g.scale(stretched, 2.0)?;
        let (log_p, moves) = (g.sub(log_p, stretched)?, self.moves(g, batch)?);
        let moved = g.mul(log_p, moves)?;
        let state = range(g, x, 2..STEP)?;
        let drawn = pen.log_prob(g, state)?;
        let (moved, drawn) = (g.per_example(moved)?, g.per_example(drawn)?);
        g.add(moved, drawn)
    }

    /// Movements.
    fn count(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let moves = self.moves(g, batch)?;
        let each = g.per_example(moves)?;
        g.mean_all(each)
    }
    fn figure(&self, _: &mut Graph, each: Value) -> Result<(&'static str, Value)> {
        Ok(("nats_per_movement", each))
    }

    fn pick(&self, g: &mut Graph, head: Value, draw: Option<Draw>) -> Result<Picked> {
        let (movement, pen) = self.distributions(g, head)?;
        let (to, state) = match draw {
            None => (movement.mode(g)?, pen.mode(g)?),
            Some(Draw { noise, temperature }) => {
                let (movement, pen) = (movement.tempered(g, temperature)?, pen.tempered(g, temperature)?);
                (movement.sample(g, noise)?, pen.sample(g, noise)?)
            }
        };
        let rows = g.shape(head).dims()[0];
        let state = g.one_hot(state, PENS)?;
        let ends = g.slice(state, 1, PENS - 1..PENS)?;
        let goes_on = g.affine(ends, -1.0, 1.0)?;
        let [dx, dy] = to.map(|number| g.reshape(number, [rows, 1]));
        let moved = g.concat(&[dx?, dy?], 1)?;
        let moved = g.mul(moved, goes_on)?;
        let scale = self.scale(g)?;
        let drawn = g.mul(moved, scale)?;
        Ok(Picked { element: g.concat(&[drawn, state], 1)?, vector: g.concat(&[moved, state], 1)?, ends })
    }
    fn padding(&self, g: &mut Graph) -> Result<Option<Value>> {
        self.still(g, PENS - 1).map(Some)
    }
}
