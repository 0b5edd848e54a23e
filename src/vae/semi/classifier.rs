//! A plain classifier.

use super::{Batch, Known, Model, Terms};
use crate::dist::Categorical;
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::{Linear, Mode, Module};

/// p(y|x) of C classes by a network alone: what semi-supervised models are held against, and the upper half of M1. As a
/// model, its code is ln p(y|x), its reconstruction is that of the label, −ln p(y|x), and there is nothing to sample.
#[derive(Debug)]
pub struct Classifier {
    /// x → features [B, F]; a linear layer makes logits of them.
    pub net: Box<dyn Module>,
    /// C.
    pub classes: usize,
}

impl Classifier {
    /// ln p(y|x) of `x` [B, …], [B, C]; parameters are in the scope `classifier`.
    ///
    /// # Errors
    /// Where x does not fit the network.
    pub fn log_probs(&self, g: &mut Graph, x: Value, mode: Mode) -> Result<Value> {
        let logits = g.scoped("classifier", |g| {
            let features = self.net.forward(g, x, mode)?;
            g.scoped("out", |g| Linear::new(self.classes).forward(g, features, mode))
        })?;
        Categorical { logits }.log_probs(g)
    }
}

impl Model for Classifier {
    fn terms(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> Result<Terms> {
        let x = batch.get(g, "x")?;
        let log_probs = self.log_probs(g, x, mode)?;
        let loss = Known::of(g, batch, self.classes)?.cross_entropy(g, log_probs)?;
        let label = batch.get(g, "label")?;
        let each = Categorical { logits: log_probs }.log_prob_of(g, label)?;
        let reconstruction_each = g.scale(each, -1.0)?;
        let mean = g.exp(log_probs)?;
        Ok(Terms { loss, ..Terms::observed(g, reconstruction_each, log_probs, mean)? })
    }
    fn latent(&self) -> usize {
        self.classes
    }
    /// The probabilities of which `z` are the logarithms.
    fn decode(&self, g: &mut Graph, z: Value, _: &Batch) -> Result<Value> {
        g.exp(z)
    }
    fn sample(&self, _: &mut Graph, _: &Batch) -> Result<Value> {
        Err(Error::Config("a classifier has nothing to sample".into()))
    }
    fn classify(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let x = batch.get(g, "x")?;
        self.log_probs(g, x, Mode::Eval)
    }
}
