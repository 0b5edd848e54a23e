//! Distributions of counts 0, 1, 2, …

use crate::error::Result;
use crate::graph::{Graph, Value};

/// Poisson(λ) by ln λ.
#[derive(Clone, Copy, Debug)]
pub struct Poisson {
    /// ln λ.
    pub log_rate: Value,
}

impl Poisson {
    /// ln p(x) = x·ln λ − λ − ln x!, element by element, nats.
    pub fn log_prob(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let weighted = g.mul(x, self.log_rate)?;
        let rate = g.exp(self.log_rate)?;
        let kernel = g.sub(weighted, rate)?;
        let next = g.affine(x, 1.0, 1.0)?;
        let factorial = g.lgamma(next)?; // ln x! = ln Γ(x + 1)
        g.sub(kernel, factorial)
    }
    /// λ.
    pub fn mean(&self, g: &mut Graph) -> Result<Value> {
        g.exp(self.log_rate)
    }
}

/// The negative binomial distribution by its mean μ and dispersion r: the variance is μ + μ²/r. Overdispersed counts, as in
/// gene expression (Lopez 2018, scVI, doi 10.1038/s41592-018-0229-2).
#[derive(Clone, Copy, Debug)]
pub struct NegativeBinomial {
    /// ln μ, within ±40.
    pub log_mean: Value,
    /// ln r, within ±40.
    pub log_dispersion: Value,
}

impl NegativeBinomial {
    /// ln p(x) = ln Γ(x + r) − ln Γ(r) − ln x! + r·ln(r/(r + μ)) + x·ln(μ/(r + μ)), element by element, nats; in f32 to
    /// about 10⁻⁵ of its size.
    pub fn log_prob(&self, g: &mut Graph, x: Value) -> Result<Value> {
        g.negative_binomial(x, self.log_mean, self.log_dispersion)
    }
    /// μ.
    pub fn mean(&self, g: &mut Graph) -> Result<Value> {
        g.exp(self.log_mean)
    }
}
