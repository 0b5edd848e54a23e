//! Counts.

use super::{Likelihood, parts};
use crate::dist::{NegativeBinomial, Poisson};
use crate::error::Result;
use crate::graph::{Graph, Init, Value};

/// Limits of a logarithm of a rate, a mean or a dispersion.
const LIMITS: (f32, f32) = (-15.0, 15.0);

/// Independent Poisson counts; the decoder yields ln λ, within [−15, 15].
#[derive(Clone, Copy, Debug)]
pub struct PoissonCounts;

impl Likelihood for PoissonCounts {
    fn log_prob(&self, g: &mut Graph, decoded: Value, x: Value) -> Result<Value> {
        let log_rate = g.clamp(decoded, LIMITS.0, LIMITS.1)?;
        Poisson { log_rate }.log_prob(g, x)
    }
    fn mean(&self, g: &mut Graph, decoded: Value) -> Result<Value> {
        let log_rate = g.clamp(decoded, LIMITS.0, LIMITS.1)?;
        Poisson { log_rate }.mean(g)
    }
}

/// Independent negative binomial counts; the decoder yields ln μ, within [−15, 15].
#[derive(Clone, Copy, Debug)]
pub struct NegativeBinomialCounts {
    /// Whether the decoder also yields ln r of each count; otherwise there is one trained ln r for each feature.
    pub dispersion_of_each: bool,
}

impl NegativeBinomialCounts {
    fn distribution(&self, g: &mut Graph, decoded: Value) -> Result<NegativeBinomial> {
        let parts = parts(g, decoded, self.width())?;
        let log_mean = g.clamp(parts[0], LIMITS.0, LIMITS.1)?;
        let raw = match parts.get(1) {
            Some(&raw) => raw,
            None => {
                let features = g.shape(decoded).dims().last().copied().unwrap_or(1);
                g.param("log_dispersion", [features], Init::Constant(0.0))?
            }
        };
        Ok(NegativeBinomial { log_mean, log_dispersion: g.clamp(raw, LIMITS.0, LIMITS.1)? })
    }
}

impl Likelihood for NegativeBinomialCounts {
    fn width(&self) -> usize {
        if self.dispersion_of_each { 2 } else { 1 }
    }
    fn log_prob(&self, g: &mut Graph, decoded: Value, x: Value) -> Result<Value> {
        self.distribution(g, decoded)?.log_prob(g, x)
    }
    fn mean(&self, g: &mut Graph, decoded: Value) -> Result<Value> {
        let log_mean = parts(g, decoded, self.width())?[0];
        let log_mean = g.clamp(log_mean, LIMITS.0, LIMITS.1)?;
        g.exp(log_mean)
    }
}
