//! A density of vectors, without anything hidden.

use super::prior::standard_log_prob;
use super::{Batch, Model, Terms};
use crate::error::{Error, Result};
use crate::flow::Flow;
use crate::graph::{Graph, Value};
use crate::nn::Mode;

/// p(x) of vectors x [B, L]: N(0, I) through a flow whose inverse takes one pass, fitted by its likelihood (Papamakarios 2017,
/// arXiv 1705.07057). Fitted to the codes of a trained model it draws codes for that model (as Ghosh 2019, arXiv 1903.12436,
/// section 4, does by a mixture of Gaussians). As a model, its code is x itself, its reconstruction costs −ln p(x), and the
/// KL is 0.
#[derive(Debug)]
pub struct FlowDensity {
    /// From the standard normal to x.
    pub flow: Box<dyn Flow>,
    /// L.
    pub dims: usize,
}

impl FlowDensity {
    /// ln p(x) of each row of `x` [B, L], \[B\], nats.
    ///
    /// # Errors
    /// Where x is no [B, L].
    pub fn log_prob(&self, g: &mut Graph, x: Value) -> Result<Value> {
        if g.shape(x).dims().get(1..) != Some(&[self.dims]) {
            return Err(Error::shape("flow_density", format!("takes vectors of {}, not {}", self.dims, g.ty(x))));
        }
        let (base, log_det) = g.scoped("density", |g| self.flow.inverse(g, x))?;
        let log_prob = standard_log_prob(g, base)?;
        g.add(log_prob, log_det)
    }
}

impl Model for FlowDensity {
    fn terms(&self, g: &mut Graph, batch: &Batch, _: Mode) -> Result<Terms> {
        let x = batch.get(g, "x")?;
        let log_prob = self.log_prob(g, x)?;
        let reconstruction_each = g.scale(log_prob, -1.0)?;
        Terms::observed(g, reconstruction_each, x, x)
    }
    fn latent(&self) -> usize {
        self.dims
    }
    /// `z` itself.
    fn decode(&self, _: &mut Graph, z: Value, _: &Batch) -> Result<Value> {
        Ok(z)
    }
    fn sample(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let rng = g.noise_state()?;
        let base = g.normal(rng, [batch.size(), self.dims])?;
        Ok(g.scoped("density", |g| self.flow.forward(g, base))?.0)
    }
    /// ln p(x), exactly, however many samples.
    fn log_weights(&self, g: &mut Graph, batch: &Batch, samples: usize) -> Result<Value> {
        let x = batch.get(g, "x")?;
        let log_prob = self.log_prob(g, x)?;
        let all = g.tile(log_prob, samples)?;
        g.reshape(all, [samples, batch.size()])
    }
}
