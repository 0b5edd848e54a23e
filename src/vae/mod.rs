//! A variational autoencoder, composed: encoder × posterior × prior × decoder × likelihood × objective. Each part is a
//! small type; a published variant is a combination. Parts only build graph: no training loop, no device.

mod likelihood;
mod objective;
mod posterior;
mod prior;
pub mod zoo;

use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::{Mode, Module};
use crate::tensor::{Shape, TensorType};

pub use likelihood::{
    BernoulliLogits, DiscretizedLogisticPixels, GaussianPixels, LaplacePixels, Likelihood, NegativeBinomialCounts,
    PoissonCounts, Spread,
};
pub use objective::Elbo;
pub use posterior::{Delta, DiagonalGaussian, Flowed, Latent, Posterior};
pub use prior::{FlowPrior, MixturePrior, Prior, PriorContext, StandardNormal, VampPrior};

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
    /// KL of each example in its parts, which sum to it: [B, L] by latent dimension where it falls apart so, else [B, 1].
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
        // Outside of the scope, for a prior may encode.
        let kl_each = self.with_context(g.shape(x).dims()[1..].into(), |context| self.prior.kl(g, &latent, context))?;
        g.scoped("objective", |g| {
            let log_prob = self.likelihood.log_prob(g, decoded, x)?;
            let log_prob = g.per_example(log_prob)?;
            let reconstruction_each = g.scale(log_prob, -1.0)?;
            let reconstruction = g.mean_all(reconstruction_each)?;
            let kl = g.mean_all(kl_each)?;
            let kl = g.scale(kl, g.shape(kl_each).last() as f32)?;
            let bound = g.add(reconstruction, kl)?;
            let elbo = g.scale(bound, -1.0)?;
            let loss = self.objective.loss(g, reconstruction, kl, kl_each, self.posterior.latent())?;
            let mean = self.likelihood.mean(g, decoded)?;
            Ok(Terms { loss, elbo, reconstruction, kl, reconstruction_each, kl_each, latent, mean })
        })
    }

    /// q(z|x) and a sample of it.
    pub fn encode(&self, g: &mut Graph, x: Value, mode: Mode) -> Result<Latent> {
        let features = g.scoped("encoder", |g| self.encoder.forward(g, x, mode))?;
        g.scoped("posterior", |g| self.posterior.infer(g, features))
    }

    /// `count` samples of p(z), [count, L], for a model of examples shaped `data`.
    ///
    /// Inputs it declares: `rng`, as [`Vae::terms`].
    pub fn sample_prior(&self, g: &mut Graph, count: usize, data: &Shape) -> Result<Value> {
        let rng = noise_state(g)?;
        self.with_context(data.clone(), |context| self.prior.sample(g, rng, count, context))
    }

    /// ln p(z) of each row of `z` [B, L], \[B\], nats, for a model of examples shaped `data`.
    pub fn prior_log_prob(&self, g: &mut Graph, z: Value, data: &Shape) -> Result<Value> {
        self.with_context(data.clone(), |context| self.prior.log_prob(g, z, context))
    }

    /// What the prior may ask.
    fn with_context<R>(&self, data: Shape, ask: impl FnOnce(&PriorContext<'_>) -> Result<R>) -> Result<R> {
        let encode = |g: &mut Graph, x: Value| {
            let features = g.scoped("encoder", |g| self.encoder.forward(g, x, Mode::Eval))?;
            let q = g.scoped("posterior", |g| self.posterior.distribution(g, features))?;
            q.ok_or_else(|| {
                Error::Config("this prior needs a posterior that is Gaussian, neither a point nor behind a flow".into())
            })
        };
        ask(&PriorContext { data, latent: self.posterior.latent(), encode: &encode })
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
