//! The categorical distribution.

use crate::error::Result;
use crate::graph::{Graph, Value};

/// Categories along the last axis by their logits, [..., K].
#[derive(Clone, Copy, Debug)]
pub struct Categorical {
    /// ln p up to a constant.
    pub logits: Value,
}

impl Categorical {
    /// ln p of every category, [..., K].
    pub fn log_probs(&self, g: &mut Graph) -> Result<Value> {
        let last = g.shape(self.logits).rank().saturating_sub(1);
        let total = g.logsumexp(self.logits, &[last])?;
        let mut kept = g.shape(self.logits).dims().to_vec();
        kept[last] = 1;
        let total = g.reshape(total, kept)?;
        g.sub(self.logits, total)
    }
    /// Terms of ln p(x) for one-hot `x` [..., K] (fractions are expectations): they sum to it over the last axis. Nats.
    pub fn log_prob(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let log_probs = self.log_probs(g)?;
        g.mul(log_probs, x)
    }
    /// p of every category, [..., K].
    pub fn probs(&self, g: &mut Graph) -> Result<Value> {
        let log_probs = self.log_probs(g)?;
        g.exp(log_probs)
    }
}
