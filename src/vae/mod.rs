//! A variational autoencoder, composed: encoder × posterior × prior × decoder × likelihood × objective. Each part is a
//! small type with one file; a published variant is a combination. Parts only build graph: no training loop, no device.

mod likelihood;
mod objective;
mod posterior;
mod prior;
pub mod zoo;

use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::{Mode, Module};
use crate::tensor::TensorType;

pub use likelihood::{
    BernoulliLogits, DiscretizedLogisticPixels, GaussianPixels, LaplacePixels, Likelihood, NegativeBinomialCounts,
    PoissonCounts, Spread,
};
pub use objective::Elbo;
pub use posterior::{Delta, DiagonalGaussian, Latent, Posterior};
pub use prior::{Prior, StandardNormal};

/// The six parts. See the module.
#[derive(Debug)]
pub struct Vae {
    /// x → features [B, F].
    pub encoder: Box<dyn Module>,
    /// Features → q(z|x).
    pub posterior: Box<dyn Posterior>,
    /// p(z).
    pub prior: Box<dyn Prior>,
    /// z [B, L] → what the likelihood takes.
    pub decoder: Box<dyn Module>,
    /// p(x|z).
    pub likelihood: Box<dyn Likelihood>,
    /// How the terms become a loss.
    pub objective: Elbo,
}

/// What [`Vae::terms`] yields. Batch means unless said; all in nats per example.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// What is minimised: a scalar.
    pub loss: Value,
    /// The evidence lower bound, whatever β and free bits are: a scalar.
    pub elbo: Value,
    /// −ln p(x|z): a scalar.
    pub reconstruction: Value,
    /// KL(q(z|x) ‖ p(z)): a scalar.
    pub kl: Value,
    /// −ln p(x|z) of each example: \[B\].
    pub reconstruction_each: Value,
    /// KL of each example and latent dimension: [B, L].
    pub kl_each: Value,
    /// The sample and its distribution.
    pub latent: Latent,
    /// E[x|z], shaped as x.
    pub mean: Value,
}

impl Vae {
    /// The model in one picture: encodes `x` [B, …], samples, decodes, and weighs the terms.
    ///
    /// Inputs it declares: `rng` (`U32` \[4\]: seed, step) where the posterior samples, `beta` (a scalar).
    pub fn terms(&self, g: &mut Graph, x: Value, mode: Mode) -> Result<Terms> {
        let latent = self.encode(g, x, mode)?;
        let decoded = g.scoped("decoder", |g| self.decoder.forward(g, latent.z, mode))?;
        let mut expected = g.shape(x).dims().to_vec();
        if let Some(last) = expected.last_mut() {
            *last *= self.likelihood.width();
        }
        if g.shape(decoded).dims() != expected {
            let (found, data, width) = (g.shape(decoded), g.shape(x), self.likelihood.width());
            let message = format!("the decoder yields {found}, the data is {data} with {width} numbers for each");
            return Err(Error::shape("vae", message));
        }
        g.scoped("objective", |g| {
            let log_prob = self.likelihood.log_prob(g, decoded, x)?;
            let log_prob = g.per_example(log_prob)?;
            let reconstruction_each = g.scale(log_prob, -1.0)?;
            let reconstruction = g.mean_all(reconstruction_each)?;
            let kl_each = self.prior.kl(g, &latent)?;
            let kl = g.mean_all(kl_each)?;
            let kl = g.scale(kl, self.posterior.latent() as f32)?;
            let bound = g.add(reconstruction, kl)?;
            let elbo = g.scale(bound, -1.0)?;
            let loss = self.objective.loss(g, reconstruction, kl, kl_each)?;
            let mean = self.likelihood.mean(g, decoded)?;
            Ok(Terms { loss, elbo, reconstruction, kl, reconstruction_each, kl_each, latent, mean })
        })
    }

    /// q(z|x) and a sample of it.
    pub fn encode(&self, g: &mut Graph, x: Value, mode: Mode) -> Result<Latent> {
        let features = g.scoped("encoder", |g| self.encoder.forward(g, x, mode))?;
        g.scoped("posterior", |g| self.posterior.infer(g, features))
    }

    /// E[x|z] for z [B, L].
    pub fn decode(&self, g: &mut Graph, z: Value, mode: Mode) -> Result<Value> {
        let decoded = g.scoped("decoder", |g| self.decoder.forward(g, z, mode))?;
        g.scoped("objective", |g| self.likelihood.mean(g, decoded))
    }
}

/// The graph's noise state: `U32` \[4\] = (seed, step), each low word first.
pub(crate) fn noise_state(g: &mut Graph) -> Result<Value> {
    g.input("rng", TensorType::u32([4]))
}
