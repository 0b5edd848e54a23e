//! The evidence lower bound.

use super::{Loss, Objective, Pass};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::tensor::TensorType;

/// −ELBO with a weight and a floor on the KL: loss = reconstruction + β · Σ_d max(KL_d, free_bits). β is the input `beta`,
/// so that a schedule can move it (Higgins 2017; Bowman 2016, arXiv 1511.06349); KL_d is the batch mean of dimension d
/// and `free_bits` its floor in nats (Kingma 2016, arXiv 1606.04934, section C.8). Where the KL is estimated from the sample
/// and does not fall apart into the L dimensions, all of it has the floor L · `free_bits`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elbo {
    /// Nats of KL that each latent dimension has for free.
    pub free_bits: f32,
    /// γ of a capacity: the loss is then reconstruction + β · γ · |KL − C| with the input `capacity` as C in nats, which a
    /// schedule raises (Burgess 2018, arXiv 1804.03599, equation 8).
    pub capacity: Option<f32>,
}

impl Elbo {
    /// The loss of a mean `reconstruction`, a KL in parts `kl_each` [B, D] of a model of `latent` dimensions, and β: a
    /// scalar.
    pub(crate) fn weigh(
        &self,
        g: &mut Graph,
        reconstruction: Value,
        kl_each: Value,
        latent: usize,
        beta: Value,
    ) -> Result<Value> {
        let parts = g.shape(kl_each).last() as f32;
        let mut kl = g.mean_all(kl_each)?;
        kl = g.scale(kl, parts)?;
        if self.free_bits > 0.0 {
            let kl_dims = g.mean(kl_each, &[0])?;
            let floor = g.full([], self.free_bits * latent as f32 / parts)?;
            let floored = g.maximum(kl_dims, floor)?;
            kl = g.sum_all(floored)?;
        }
        if let Some(gamma) = self.capacity {
            let capacity = g.input("capacity", TensorType::f32([]))?;
            let off = g.sub(kl, capacity)?;
            let off = g.abs(off)?;
            kl = g.scale(off, gamma)?;
        }
        let weighted = g.mul(kl, beta)?;
        g.add(reconstruction, weighted)
    }
}

impl Objective for Elbo {
    fn loss(&self, g: &mut Graph, pass: &Pass<'_>) -> Result<Loss> {
        let beta = pass.beta(g)?;
        Ok(self.weigh(g, pass.reconstruction, pass.kl_each, pass.context.latent, beta)?.into())
    }
}
