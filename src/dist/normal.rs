//! The diagonal Gaussian.

use crate::error::Result;
use crate::graph::{Graph, Value};

/// N(μ, diag σ²) by its mean and log variance, which broadcast together.
#[derive(Clone, Copy, Debug)]
pub struct Normal {
    /// μ.
    pub mu: Value,
    /// ln σ².
    pub logvar: Value,
}

impl Normal {
    /// A sample μ + σ·ε through which gradients flow; `rng` is the graph's \[4\] `U32` noise state.
    pub fn rsample(&self, g: &mut Graph, rng: Value) -> Result<Value> {
        let shape = g.shape(self.mu).clone();
        let eps = g.normal(rng, shape)?;
        g.reparameterize(self.mu, self.logvar, eps)
    }
    /// ln p(x), element by element, nats.
    pub fn log_prob(&self, g: &mut Graph, x: Value) -> Result<Value> {
        g.normal_log_prob(x, self.mu, self.logvar)
    }
    /// KL to the standard normal, element by element, nats.
    pub fn kl_standard(&self, g: &mut Graph) -> Result<Value> {
        g.kl_standard(self.mu, self.logvar)
    }
    /// KL to another Gaussian, element by element, nats.
    pub fn kl(&self, g: &mut Graph, other: &Normal) -> Result<Value> {
        g.kl_normal(self.mu, self.logvar, other.mu, other.logvar)
    }
}
