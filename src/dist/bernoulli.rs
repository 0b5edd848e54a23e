//! The Bernoulli distribution by its logits.

use crate::error::Result;
use crate::graph::{Graph, Value};

/// Bernoulli(sigmoid(logits)).
#[derive(Clone, Copy, Debug)]
pub struct Bernoulli {
    /// ln p/(1 − p).
    pub logits: Value,
}

impl Bernoulli {
    /// ln p(x), element by element, nats; x in [0, 1] (fractions are expectations over binarisations).
    pub fn log_prob(&self, g: &mut Graph, x: Value) -> Result<Value> {
        g.bernoulli_log_prob(self.logits, x)
    }
    /// p.
    pub fn mean(&self, g: &mut Graph) -> Result<Value> {
        g.sigmoid(self.logits)
    }
}
