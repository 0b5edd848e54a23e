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
        g.log_softmax(self.logits)
    }
    /// Terms of ln p(x) for one-hot `x` [..., K] (fractions are expectations): they sum to it over the last axis. Nats.
    pub fn log_prob(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let log_probs = self.log_probs(g)?;
        g.mul(log_probs, x)
    }
    /// ln p of the categories `x` (U32 [...]), [...], nats. One from K on means the last.
    pub fn log_prob_of(&self, g: &mut Graph, x: Value) -> Result<Value> {
        g.category_log_prob(self.logits, x)
    }
    /// The most likely category: U32 [...].
    pub fn mode(&self, g: &mut Graph) -> Result<Value> {
        g.argmax(self.logits)
    }
    /// The categories at `temperature` τ: their probabilities to the power of 1/τ, up to a constant.
    pub fn tempered(&self, g: &mut Graph, temperature: f32) -> Result<Self> {
        Ok(Self { logits: g.scale(self.logits, temperature.recip())? })
    }
    /// A category drawn by `rng`, the graph's noise state: U32 [...].
    pub fn sample(&self, g: &mut Graph, rng: Value) -> Result<Value> {
        // The Gumbel-max trick.
        let uniform = g.uniform(rng, g.shape(self.logits).clone())?;
        let inner = g.log(uniform)?;
        let inner = g.scale(inner, -1.0)?;
        let gumbel = g.log(inner)?;
        let score = g.sub(self.logits, gumbel)?;
        g.argmax(score)
    }
    /// p of every category, [..., K].
    pub fn probs(&self, g: &mut Graph) -> Result<Value> {
        g.softmax(self.logits)
    }
}
