//! Vector quantization: codes that are rows of a table.

mod codebook;
mod prior;

use super::{Batch, Discrete, Latent, Likelihood, Model, Terms};
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use crate::nn::{Conv, Mode, Module};
use crate::tensor::TensorType;

pub use codebook::Codebook;
pub use prior::CodePrior;

use prior::gumbel_max;

/// VQ-VAE (van den Oord 2017, arXiv 1711.00937): the encoder's grid of vectors z is replaced, place by place, by the nearest
/// vectors e of a [`Codebook`]. The loss is equation 3 with the table's own term left to its running means:
/// −ln p(x|e) + β‖z − sg(e)‖², and ∂/∂e goes straight through to z.
///
/// The posterior is a point among Kᴾ, so the KL is −ln p(k₁…k_P) nats. Without a [`CodePrior`] p is uniform, P · ln K for every
/// example, and samples take each place's code by how often it was there in training (the state `usage`). With one the loss
/// also has the KL, which no gradient takes to the encoder, and samples are the prior's.
#[derive(Debug)]
pub struct VectorQuantized {
    /// x → a grid [B, H, W, C].
    pub encoder: Box<dyn Module>,
    /// H and W.
    pub grid: [usize; 2],
    /// The table; a 1×1 convolution (`project`) takes the encoder's C channels to its D.
    pub codebook: Codebook,
    /// β.
    pub commitment: f32,
    /// [B, H, W, D] → what the likelihood takes.
    pub decoder: Box<dyn Module>,
    /// p(x|e).
    pub likelihood: Box<dyn Likelihood>,
    /// p(k₁…k_P), where it is trained.
    pub prior: Option<CodePrior>,
}

/// A batch's codes.
#[derive(Clone, Copy, Debug)]
pub struct Quantized {
    /// The encoder's vectors [B · H · W, D].
    pub z: Value,
    /// The nearest code of each, U32 [B · H · W].
    pub index: Value,
    /// The codes' vectors e [B · H · W, D].
    pub vectors: Value,
}

impl VectorQuantized {
    /// The codes of a batch.
    ///
    /// # Errors
    /// Where the encoder's grid is another one.
    pub fn quantize(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> Result<Quantized> {
        let x = batch.get(g, "x")?;
        let features = g.scoped("encoder", |g| self.encoder.forward(g, x, mode))?;
        let z = g.scoped("project", |g| Conv::new(self.codebook.width, 1).forward(g, features, mode))?;
        let [height, width] = self.grid;
        if g.shape(z).dims() != [batch.size(), height, width, self.codebook.width] {
            let message = format!("the encoder yields a grid {}, not one of {height}×{width}", g.shape(features));
            return Err(Error::shape("vector quantization", message));
        }
        let z = g.reshape(z, [batch.size() * self.places(), self.codebook.width])?;
        g.scoped("codebook", |g| {
            let index = self.codebook.nearest(g, z)?;
            let vectors = self.codebook.vectors(g)?;
            Ok(Quantized { z, index, vectors: g.gather(vectors, index)? })
        })
    }

    /// What the likelihood takes, of vectors [B, H · W · D].
    fn decode_raw(&self, g: &mut Graph, vectors: Value, mode: Mode) -> Result<Value> {
        let [height, width] = self.grid;
        let grid = [g.shape(vectors).len() / self.latent(), height, width, self.codebook.width];
        let grid = g.reshape(vectors, grid)?;
        g.scoped("decoder", |g| self.decoder.forward(g, grid, mode))
    }

    /// The vectors of `indices`, as `rows` rows.
    fn rows(&self, g: &mut Graph, indices: Value, rows: usize) -> Result<Value> {
        let vectors = g.scoped("codebook", |g| self.codebook.vectors(g))?;
        let found = g.embedding(vectors, indices)?;
        g.reshape(found, [rows, g.shape(found).len() / rows])
    }

    /// −ln p(k_i|k_{<i}) of each place, [B, P].
    fn kl(&self, g: &mut Graph, index: Value) -> Result<Value> {
        let (rows, codes) = (g.shape(index).len() / self.places(), self.codebook.codes);
        let Some(prior) = self.prior else { return g.full([rows, self.places()], (codes as f32).ln()) };
        let indices = g.reshape(index, [rows, self.places()])?;
        let log_probs = g.scoped("prior", |g| prior.log_probs(g, indices, codes))?;
        g.scale(log_probs, -1.0)
    }

    /// How often each code is at each place, [H · W, K].
    fn usage(&self, g: &mut Graph) -> Result<Value> {
        let (places, codes) = (self.places(), self.codebook.codes);
        g.state("usage", TensorType::f32([places, codes]), Init::Constant(1.0 / codes as f32))
    }

    /// Moves table and usage towards a batch.
    fn follow(&self, g: &mut Graph, found: &Quantized) -> Result<()> {
        let (places, codes) = (self.places(), self.codebook.codes);
        let rng = g.noise_state()?;
        let (z, usage) = (g.detach(found.z)?, self.usage(g)?);
        let shares = g.one_hot(found.index, codes)?;
        let shares = g.reshape(shares, [g.shape(z).dims()[0] / places, places, codes])?;
        let shares = g.mean(shares, &[0])?;
        g.ema(usage, shares, 1.0 - self.codebook.decay)?;
        self.codebook.update(g, z, found.index, rng)
    }

    /// e^entropy of how often the batch's codes are taken: how many codes are in use.
    fn perplexity(&self, g: &mut Graph, index: Value) -> Result<Value> {
        let counts = self.codebook.counts_of(g, index)?;
        let shares = g.scale(counts, 1.0 / g.shape(index).len() as f32)?;
        let logs = g.affine(shares, 1.0, 1e-10)?;
        let logs = g.log(logs)?;
        let terms = g.mul(shares, logs)?;
        let entropy = g.sum_all(terms)?;
        let entropy = g.scale(entropy, -1.0)?;
        g.exp(entropy)
    }
}

impl Model for VectorQuantized {
    /// Figures: `perplexity`; `commitment`, Σ (z − e)² of an example, before β.
    fn terms(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> Result<Terms> {
        let found = self.quantize(g, batch, mode)?;
        let rows = [batch.size(), self.latent()];
        let [z, vectors] = [g.reshape(found.z, rows)?, g.reshape(found.vectors, rows)?];
        let vectors = g.detach(vectors)?;
        let jump = g.sub(vectors, z)?;
        let jump = g.detach(jump)?;
        let through = g.add(z, jump)?;
        let decoded = self.decode_raw(g, through, mode)?;
        let x = batch.get(g, "x")?;
        if mode == Mode::Train {
            g.scoped("codebook", |g| self.follow(g, &found))?;
        }
        let kl_each = self.kl(g, found.index)?;
        g.scoped("objective", |g| {
            let log_prob = self.likelihood.log_prob(g, decoded, x)?;
            let log_prob = g.per_example(log_prob)?;
            let reconstruction_each = g.scale(log_prob, -1.0)?;
            let reconstruction = g.mean_all(reconstruction_each)?;
            let off = g.sub(z, vectors)?;
            let off = g.square(off)?;
            let off = g.per_example(off)?;
            let commitment = g.mean_all(off)?;
            let weighted = g.scale(commitment, self.commitment)?;
            let kl = g.mean_all(kl_each)?;
            let kl = g.scale(kl, self.places() as f32)?;
            let bound = g.add(reconstruction, kl)?;
            let trained = if self.prior.is_some() { bound } else { reconstruction };
            Ok(Terms {
                loss: g.add(trained, weighted)?,
                players: vec![],
                elbo: g.scale(bound, -1.0)?,
                reconstruction,
                kl,
                figures: vec![("perplexity", self.perplexity(g, found.index)?), ("commitment", commitment)],
                reconstruction_each,
                kl_each,
                latent: Latent { z: through, ..Latent::point(vectors) },
                mean: self.likelihood.mean(g, decoded)?,
            })
        })
    }

    /// H · W · D: a code is its vectors.
    fn latent(&self) -> usize {
        self.places() * self.codebook.width
    }

    fn decode(&self, g: &mut Graph, z: Value, _: &Batch) -> Result<Value> {
        let decoded = self.decode_raw(g, z, Mode::Eval)?;
        g.scoped("objective", |g| self.likelihood.mean(g, decoded))
    }

    fn sample(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let rng = g.noise_state()?;
        if let Some(prior) = self.prior {
            let size = (self.places(), self.codebook.codes);
            let drawn = g.scoped("prior", |g| prior.sample(g, rng, batch.size(), size))?;
            let vectors = drawn.into_iter().map(|index| self.rows(g, index, batch.size()));
            let vectors = vectors.collect::<Result<Vec<_>>>()?;
            return g.concat(&vectors, 1);
        }
        let usage = g.scoped("codebook", |g| self.usage(g))?;
        let shares = g.log(usage)?;
        let shares = g.reshape(shares, [1, self.places(), self.codebook.codes])?;
        let shares = g.tile(shares, batch.size())?;
        let index = gumbel_max(g, rng, shares)?;
        self.vectors(g, index)
    }

    fn discrete(&self) -> Option<&dyn Discrete> {
        Some(self)
    }
}

impl Discrete for VectorQuantized {
    fn codes(&self) -> usize {
        self.codebook.codes
    }
    fn places(&self) -> usize {
        self.grid[0] * self.grid[1]
    }
    fn indices(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let index = self.quantize(g, batch, Mode::Eval)?.index;
        g.reshape(index, [batch.size(), self.places()])
    }
    fn vectors(&self, g: &mut Graph, indices: Value) -> Result<Value> {
        self.rows(g, indices, g.shape(indices).dims()[0])
    }
}
