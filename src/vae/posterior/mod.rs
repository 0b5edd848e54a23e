//! Posteriors: from the encoder's features to q(z|x).

mod flowed;

use crate::dist::Normal;
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::nn::{Linear, Mode, Module, Start};
use std::fmt::Debug;

pub use flowed::Flowed;

/// A sample of the posterior and what it was drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Latent {
    /// The sample, [B, L].
    pub z: Value,
    /// What stands for x without noise: the mean μ, or where a flow takes it, [B, L].
    pub mu: Value,
    /// The distribution, before a flow; `None` for a point.
    pub q: Option<Normal>,
    /// ln q(z|x) \[B\] where a flow has changed the density.
    pub log_q_flowed: Option<Value>,
}

impl Latent {
    /// ln q(z|x) of each example's sample, \[B\], nats; `None` for a point.
    pub fn log_q(&self, g: &mut Graph) -> Result<Option<Value>> {
        match (self.log_q_flowed, self.q) {
            (None, Some(q)) => {
                let each = q.log_prob(g, self.z)?;
                g.per_example(each).map(Some)
            }
            (flowed, _) => Ok(flowed),
        }
    }
}

/// How features become a latent distribution.
pub trait Posterior: Debug + Send + Sync {
    /// q(z|x) from `features` [B, F], and `samples` samples for each example, the samples as the slow axis: everything in
    /// the [`Latent`] has samples · B rows.
    fn infer(&self, g: &mut Graph, features: Value, samples: usize) -> Result<Latent>;
    /// q(z|x) alone, without a sample; `None` where it is no Gaussian: for a point and behind a flow.
    fn distribution(&self, g: &mut Graph, features: Value) -> Result<Option<Normal>>;
    /// Latent dimensions L.
    fn latent(&self) -> usize;
}

/// N(μ, diag σ²) with a linear head each for μ (`mu`) and ln σ² (`logvar`), the latter clamped so that no early step
/// explodes (Kingma & Welling 2013, arXiv 1312.6114).
#[derive(Clone, Copy, Debug)]
pub struct DiagonalGaussian {
    /// L.
    pub latent: usize,
    /// Limits of ln σ².
    pub logvar: (f32, f32),
}

impl DiagonalGaussian {
    /// `latent` dimensions, ln σ² in [−12, 6].
    pub fn new(latent: usize) -> Self {
        Self { latent, logvar: (-12.0, 6.0) }
    }
}

impl DiagonalGaussian {
    /// The two heads on `features` [B, F].
    pub(super) fn normal(&self, g: &mut Graph, features: Value) -> Result<Normal> {
        let head = |g: &mut Graph, name: &str| {
            g.scoped(name, |g| Linear::new(self.latent).start(Start::Xavier).forward(g, features, Mode::Train))
        };
        let mu = head(g, "mu")?;
        let raw = head(g, "logvar")?;
        let logvar = g.clamp(raw, self.logvar.0, self.logvar.1)?;
        Ok(Normal { mu, logvar })
    }
}

impl Posterior for DiagonalGaussian {
    fn infer(&self, g: &mut Graph, features: Value, samples: usize) -> Result<Latent> {
        let q = self.normal(g, features)?;
        let q = Normal { mu: g.tile(q.mu, samples)?, logvar: g.tile(q.logvar, samples)? };
        let rng = g.noise_state()?;
        Ok(Latent { z: q.rsample(g, rng)?, mu: q.mu, q: Some(q), log_q_flowed: None })
    }
    fn distribution(&self, g: &mut Graph, features: Value) -> Result<Option<Normal>> {
        self.normal(g, features).map(Some)
    }
    fn latent(&self) -> usize {
        self.latent
    }
}

/// A point: z = μ. With it the model is a deterministic autoencoder and the KL is 0.
#[derive(Clone, Copy, Debug)]
pub struct Delta {
    /// L.
    pub latent: usize,
}

impl Posterior for Delta {
    fn infer(&self, g: &mut Graph, features: Value, samples: usize) -> Result<Latent> {
        let mu = g.scoped("mu", |g| Linear::new(self.latent).forward(g, features, Mode::Train))?;
        let mu = g.tile(mu, samples)?;
        Ok(Latent { z: mu, mu, q: None, log_q_flowed: None })
    }
    fn distribution(&self, _: &mut Graph, _: Value) -> Result<Option<Normal>> {
        Ok(None)
    }
    fn latent(&self) -> usize {
        self.latent
    }
}
