//! The standard normal prior.

use super::{Prior, PriorContext, estimated_kl};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::vae::Latent;

/// N(0, I). Its KL to a diagonal Gaussian is exact, dimension by dimension.
#[derive(Clone, Copy, Debug)]
pub struct StandardNormal;

impl Prior for StandardNormal {
    fn log_prob(&self, g: &mut Graph, z: Value, _: &PriorContext<'_>) -> Result<Value> {
        standard_log_prob(g, z)
    }
    fn sample(&self, g: &mut Graph, rng: Value, count: usize, context: &PriorContext<'_>) -> Result<Value> {
        g.normal(rng, [count, context.latent])
    }
    fn kl(&self, g: &mut Graph, latent: &Latent, context: &PriorContext<'_>) -> Result<Value> {
        match (latent.q, latent.log_q_flowed) {
            (Some(q), None) => q.kl_standard(g),
            (None, _) => g.full(g.shape(latent.mu).clone(), 0.0),
            _ => estimated_kl(self, g, latent, context),
        }
    }
}

/// ln N(z; 0, I) of each row, \[B\].
pub(in crate::vae) fn standard_log_prob(g: &mut Graph, z: Value) -> Result<Value> {
    let zero = g.full([], 0.0)?;
    let each = g.normal_log_prob(z, zero, zero)?;
    g.per_example(each)
}
