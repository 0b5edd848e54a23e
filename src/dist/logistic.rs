//! Logistic distributions over bins, and mixtures of them.

use super::Categorical;
use crate::error::Result;
use crate::graph::{Graph, Value};

/// The logistic distribution over `bins` equal bins of [0, 1], the tails in the first and the last
/// (Salimans 2017, arXiv 1701.05517).
#[derive(Clone, Copy, Debug)]
pub struct DiscretizedLogistic {
    /// μ in the units of x.
    pub mu: Value,
    /// ln s; limited to [−7, 7], as the paper's code limits it below.
    pub logscale: Value,
    /// How many values x has: 256 for bytes.
    pub bins: usize,
}

impl DiscretizedLogistic {
    /// ln p(x) for x one of 0, 1/(bins − 1), … 1, element by element, nats.
    pub fn log_prob(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let logscale = g.clamp(self.logscale, -7.0, 7.0)?;
        g.discretized_logistic(x, self.mu, logscale, self.bins)
    }
}

/// Σₖ πₖ · [`DiscretizedLogistic`]ₖ, the components along the last axis.
#[derive(Clone, Copy, Debug)]
pub struct LogisticMixture {
    /// ln πₖ up to a constant, [..., K].
    pub logits: Value,
    /// The components, [..., K] each.
    pub component: DiscretizedLogistic,
}

impl LogisticMixture {
    /// ln p(x) for `x` [...], element by element, nats.
    pub fn log_prob(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let dims = g.shape(x).dims().to_vec();
        let axis = dims.len();
        let x = g.reshape(x, [dims.as_slice(), &[1]].concat())?;
        let each = self.component.log_prob(g, x)?;
        let weight = Categorical { logits: self.logits }.log_probs(g)?;
        let joint = g.add(each, weight)?;
        g.logsumexp(joint, &[axis])
    }
    /// Σₖ πₖ μₖ, shaped as x.
    pub fn mean(&self, g: &mut Graph) -> Result<Value> {
        let probs = Categorical { logits: self.logits }.probs(g)?;
        let weighted = g.mul(probs, self.component.mu)?;
        let axis = g.shape(weighted).rank() - 1;
        g.sum(weighted, &[axis])
    }
}
