//! Posteriors that go through a flow.

use super::{DiagonalGaussian, Draws, Latent, Posterior};
use crate::dist::Normal;
use crate::error::Result;
use crate::flow::Flow;
use crate::graph::{Graph, Value};

/// z = f(z₀) with z₀ from a diagonal Gaussian: ln q(z|x) = ln q₀(z₀|x) − ln |det ∂f/∂z₀| (Rezende & Mohamed 2015, arXiv
/// 1505.05770, equation 7). The flow's parameters are shared by all x. The KL is then estimated from the sample.
#[derive(Debug)]
pub struct Flowed {
    /// The distribution of z₀.
    pub base: DiagonalGaussian,
    /// f.
    pub flow: Box<dyn Flow>,
}

impl Posterior for Flowed {
    fn infer(&self, g: &mut Graph, features: Value, draws: Draws) -> Result<Latent> {
        let base = self.base.infer(g, features, draws)?;
        let mut forward = |z: Value| g.scoped("flow", |g| self.flow.forward(g, z));
        let ((z, log_det), (mu, _)) = (forward(base.z)?, forward(base.mu)?);
        let log_q_flowed = match base.log_q(g)? {
            Some(log_q) => Some(g.sub(log_q, log_det)?),
            None => None,
        };
        Ok(Latent { z, mu, q: base.q, log_q_flowed, logvar: None })
    }
    fn distribution(&self, _: &mut Graph, _: Value) -> Result<Option<Normal>> {
        Ok(None) // the flow has made it another one
    }
    fn latent(&self) -> usize {
        self.base.latent()
    }
}
