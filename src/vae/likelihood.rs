//! Likelihoods p(x|z).

use crate::dist::{Bernoulli, Normal};
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use std::fmt::Debug;

/// How the decoder's output is a distribution of x.
pub trait Likelihood: Debug + Send + Sync {
    /// ln p(x|z), element by element, nats.
    fn log_prob(&self, g: &mut Graph, decoded: Value, x: Value) -> Result<Value>;
    /// E[x|z].
    fn mean(&self, g: &mut Graph, decoded: Value) -> Result<Value>;
}

/// Independent Bernoulli pixels; the decoder yields logits.
#[derive(Clone, Copy, Debug)]
pub struct BernoulliLogits;

impl Likelihood for BernoulliLogits {
    fn log_prob(&self, g: &mut Graph, decoded: Value, x: Value) -> Result<Value> {
        Bernoulli { logits: decoded }.log_prob(g, x)
    }
    fn mean(&self, g: &mut Graph, decoded: Value) -> Result<Value> {
        Bernoulli { logits: decoded }.mean(g)
    }
}

/// The σ of [`GaussianPixels`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// Given.
    Fixed(f32),
    /// One trained number, `logvar`, starting at σ = 1 (Rybkin 2021, arXiv 2006.13202).
    Learned,
}

/// Independent Gaussian pixels around the decoder's output, which goes through a sigmoid for data in [0, 1].
#[derive(Clone, Copy, Debug)]
pub struct GaussianPixels {
    /// σ of every pixel.
    pub sigma: Spread,
}

impl Likelihood for GaussianPixels {
    fn log_prob(&self, g: &mut Graph, decoded: Value, x: Value) -> Result<Value> {
        let mu = self.mean(g, decoded)?;
        let logvar = match self.sigma {
            Spread::Fixed(sigma) if sigma.is_finite() && sigma > 0.0 => g.full([], 2.0 * sigma.ln())?,
            Spread::Fixed(sigma) => {
                return Err(Error::Config(format!("sigma {sigma}: it must be positive and finite")));
            }
            Spread::Learned => {
                let raw = g.param("logvar", [], Init::Constant(0.0))?;
                g.clamp(raw, -12.0, 6.0)?
            }
        };
        Normal { mu, logvar }.log_prob(g, x)
    }
    fn mean(&self, g: &mut Graph, decoded: Value) -> Result<Value> {
        g.sigmoid(decoded)
    }
}
