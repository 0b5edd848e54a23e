//! Posteriors: from the encoder's features to q(z|x).

mod behind;
mod flowed;

use crate::dist::Normal;
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::{Linear, Mode, Module, Start};
use std::fmt::Debug;

pub use behind::Behind;
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
    /// ln σ² of z around `mu`, [B, L], where it is Gaussian around it: neither for a point nor behind a flow.
    pub logvar: Option<Value>,
}

impl Latent {
    /// A sample `z` of the Gaussian `q`.
    pub fn gaussian(z: Value, q: Normal) -> Self {
        Self { z, mu: q.mu, q: Some(q), log_q_flowed: None, logvar: Some(q.logvar) }
    }
    /// The point `z`.
    pub fn point(z: Value) -> Self {
        Self { z, mu: z, q: None, log_q_flowed: None, logvar: None }
    }
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

/// How codes are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// Samples for each row of features.
    pub samples: usize,
    /// How many blocks of rows, one after the other and equally long, are drawn with one and the same noise. Whatever is
    /// compared between the blocks then differs by the rows, not by luck.
    pub alike: usize,
}

/// So many samples, each row by itself.
impl From<usize> for Draws {
    fn from(samples: usize) -> Self {
        Self { samples, alike: 1 }
    }
}

impl Draws {
    /// The distribution `q` of rows [B, L] and samples of it, both with samples · B rows.
    fn of(self, g: &mut Graph, q: Normal) -> Result<(Value, Normal)> {
        let &[rows, latent] = g.shape(q.mu).dims() else {
            return Err(Error::shape("posterior", format!("codes are rows of numbers, not {}", g.shape(q.mu))));
        };
        let q = Normal { mu: g.tile(q.mu, self.samples)?, logvar: g.tile(q.logvar, self.samples)? };
        let rng = g.noise_state()?;
        if self.alike <= 1 {
            return Ok((q.rsample(g, rng)?, q));
        }
        if rows % self.alike != 0 {
            return Err(Error::shape("posterior", format!("{rows} rows are not {} equal blocks", self.alike)));
        }
        let block = rows / self.alike * latent;
        let eps = g.normal(rng, [self.samples, 1, block])?;
        let room = g.full([self.samples, self.alike, block], 0.0)?;
        let eps = g.add(eps, room)?;
        let eps = g.reshape(eps, [self.samples * rows, latent])?;
        Ok((g.reparameterize(q.mu, q.logvar, eps)?, q))
    }
}

/// How features become a latent distribution.
pub trait Posterior: Debug + Send + Sync {
    /// q(z|x) from `features` [B, F], and samples for each example, the samples as the slow axis: everything in the
    /// [`Latent`] has samples · B rows.
    fn infer(&self, g: &mut Graph, features: Value, draws: Draws) -> Result<Latent>;
    /// q(z|x) alone, without a sample; `None` where it is no Gaussian: for a point and behind a flow.
    fn distribution(&self, g: &mut Graph, features: Value) -> Result<Option<Normal>>;
    /// Latent dimensions L.
    fn latent(&self) -> usize;
    /// Whether q(z|x) has a density, and so a KL to the prior: a point has none.
    fn has_density(&self) -> bool {
        true
    }
}

/// What the second head of a Gaussian posterior yields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deviation {
    /// ln σ², in the scope `logvar`.
    #[default]
    LogVar,
    /// s of σ = softplus(s) = ln(1 + eˢ), in the scope `sigma`: it grows no faster than s, so a step far off is no explosion.
    Softplus,
}

/// N(μ, diag σ²) with a linear head each for μ (`mu`) and σ ([`Deviation`]); ln σ² is clamped so that no early step explodes
/// (Kingma & Welling 2013, arXiv 1312.6114).
#[derive(Clone, Copy, Debug)]
pub struct DiagonalGaussian {
    /// L.
    pub latent: usize,
    /// Limits of ln σ².
    pub logvar: (f32, f32),
    /// How σ comes out of the network.
    pub deviation: Deviation,
}

impl DiagonalGaussian {
    /// `latent` dimensions, ln σ² in [−12, 6] from a head of its own.
    pub fn new(latent: usize) -> Self {
        Self { latent, logvar: (-12.0, 6.0), deviation: Deviation::LogVar }
    }
    /// The same with σ = softplus(s).
    pub fn softplus(latent: usize) -> Self {
        Self { deviation: Deviation::Softplus, ..Self::new(latent) }
    }
}

impl DiagonalGaussian {
    /// The two heads on `features` [B, F].
    pub(super) fn normal(&self, g: &mut Graph, features: Value) -> Result<Normal> {
        let head = |g: &mut Graph, name: &str| {
            g.scoped(name, |g| Linear::new(self.latent).start(Start::Xavier).forward(g, features, Mode::Train))
        };
        let mu = head(g, "mu")?;
        let raw = match self.deviation {
            Deviation::LogVar => head(g, "logvar")?,
            Deviation::Softplus => {
                let s = head(g, "sigma")?;
                let sigma = g.softplus(s)?;
                let sigma = g.affine(sigma, 1.0, 1e-6)?; // ln 0 would be no number to clamp
                let log = g.log(sigma)?;
                g.scale(log, 2.0)?
            }
        };
        let logvar = g.clamp(raw, self.logvar.0, self.logvar.1)?;
        Ok(Normal { mu, logvar })
    }
}

impl Posterior for DiagonalGaussian {
    fn infer(&self, g: &mut Graph, features: Value, draws: Draws) -> Result<Latent> {
        let q = self.normal(g, features)?;
        let (z, q) = draws.of(g, q)?;
        Ok(Latent::gaussian(z, q))
    }
    fn distribution(&self, g: &mut Graph, features: Value) -> Result<Option<Normal>> {
        self.normal(g, features).map(Some)
    }
    fn latent(&self) -> usize {
        self.latent
    }
}

/// A point: z = μ. With it the model is a deterministic autoencoder. The KL, which would be infinite, is left out: it is
/// reported as 0, and what is reported as a bound is none ([`crate::vae::Model::bounded`]).
#[derive(Clone, Copy, Debug)]
pub struct Delta {
    /// L.
    pub latent: usize,
}

impl Posterior for Delta {
    fn infer(&self, g: &mut Graph, features: Value, draws: Draws) -> Result<Latent> {
        let mu = g.scoped("mu", |g| Linear::new(self.latent).forward(g, features, Mode::Train))?;
        let mu = g.tile(mu, draws.samples)?;
        Ok(Latent::point(mu))
    }
    fn distribution(&self, _: &mut Graph, _: Value) -> Result<Option<Normal>> {
        Ok(None)
    }
    fn latent(&self) -> usize {
        self.latent
    }
    fn has_density(&self) -> bool {
        false
    }
}
