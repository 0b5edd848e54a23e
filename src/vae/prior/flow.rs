//! Priors made by flows.

use super::normal::standard_log_prob;
use super::{Prior, PriorContext};
use crate::error::Result;
use crate::flow::Flow;
use crate::graph::{Graph, Value};

/// N(0, I) through a flow whose inverse takes one pass: masked autoregressive flows or couplings (Chen 2017, arXiv
/// 1611.02731, section 3.2).
#[derive(Debug)]
pub struct FlowPrior {
    /// From the standard normal to z.
    pub flow: Box<dyn Flow>,
}

impl Prior for FlowPrior {
    fn log_prob(&self, g: &mut Graph, z: Value, _: &PriorContext<'_>) -> Result<Value> {
        let (base, log_det) = g.scoped("prior", |g| self.flow.inverse(g, z))?;
        let log_prob = standard_log_prob(g, base)?;
        g.add(log_prob, log_det)
    }
    fn sample(&self, g: &mut Graph, rng: Value, count: usize, context: &PriorContext<'_>) -> Result<Value> {
        let base = g.normal(rng, [count, context.latent])?;
        Ok(g.scoped("prior", |g| self.flow.forward(g, base))?.0)
    }
}
