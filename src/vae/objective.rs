//! Objectives: how the terms of the bound become a loss.

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
}

impl Elbo {
    /// The loss from the batch mean `reconstruction` [], and the KL of each example in parts `kl_each` [B, D] with its
    /// batch mean `kl` []; D is `latent` or 1.
    pub(super) fn loss(
        &self,
        g: &mut Graph,
        reconstruction: Value,
        kl: Value,
        kl_each: Value,
        latent: usize,
    ) -> Result<Value> {
        let beta = g.input("beta", TensorType::f32([]))?;
        let kl = if self.free_bits > 0.0 {
            let kl_dims = g.mean(kl_each, &[0])?;
            let dims_each = latent as f32 / g.shape(kl_each).last() as f32;
            let floor = g.full([], self.free_bits * dims_each)?;
            let floored = g.maximum(kl_dims, floor)?;
            g.sum_all(floored)?
        } else {
            kl
        };
        let weighted = g.mul(kl, beta)?;
        g.add(reconstruction, weighted)
    }
}
