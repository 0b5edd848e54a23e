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
        let factorial = log_factorial(g, x)?;
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
    /// ln μ.
    pub log_mean: Value,
    /// ln r.
    pub log_dispersion: Value,
}

impl NegativeBinomial {
    /// ln p(x) = ln Γ(x + r) − ln Γ(r) − ln x! + r·ln(r/(r + μ)) + x·ln(μ/(r + μ)), element by element, nats.
    pub fn log_prob(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let r = g.exp(self.log_dispersion)?;
        let total = g.add(x, r)?;
        let [total, own] = [g.lgamma(total)?, g.lgamma(r)?];
        let ways = g.sub(total, own)?;
        let factorial = log_factorial(g, x)?;
        let ways = g.sub(ways, factorial)?;
        // ln(r/(r + μ)) = −softplus(ln μ − ln r), and the other way round.
        let odds = g.sub(self.log_mean, self.log_dispersion)?;
        let failure = g.softplus(odds)?;
        let opposite = g.scale(odds, -1.0)?;
        let success = g.softplus(opposite)?;
        let [failures, successes] = [g.mul(r, failure)?, g.mul(x, success)?];
        let cost = g.add(failures, successes)?;
        g.sub(ways, cost)
    }
    /// μ.
    pub fn mean(&self, g: &mut Graph) -> Result<Value> {
        g.exp(self.log_mean)
    }
}

/// ln x! = ln Γ(x + 1).
fn log_factorial(g: &mut Graph, x: Value) -> Result<Value> {
    let next = g.affine(x, 1.0, 1.0)?;
    g.lgamma(next)
}
