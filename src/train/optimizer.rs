//! Optimizers as the last nodes of a training graph: one update a shard of the arenas.

use crate::error::Result;
use crate::graph::{Arena, Graph, StoreLayout, Value};
use crate::ops::optimizer::{Adam, Sgd, adam_hyper};
use crate::tensor::TensorType;

/// Which optimizer, with its constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// Adam (Kingma & Ba 2015, arXiv 1412.6980), with decoupled weight decay (Loshchilov 2019, arXiv 1711.05101).
    Adam {
        /// Decay of the first moment.
        beta1: f32,
        /// Decay of the second moment.
        beta2: f32,
        /// Added to the root of the second moment.
        eps: f32,
        /// Decoupled weight decay, a rate.
        weight_decay: f32,
    },
    /// Stochastic gradient descent with momentum.
    Sgd {
        /// Decay of the velocity; 0 for none.
        momentum: f32,
        /// L2 penalty added to the gradient.
        weight_decay: f32,
    },
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

impl Optimizer {
    /// Appends the update of every shard and returns the global gradient norm. The step's numbers are the input
    /// `optimizer`, `F32` [4]. An update whose gradient norm is not finite is skipped, so that weights survive a bad step.
    pub fn update(&self, g: &mut Graph, layout: &StoreLayout) -> Result<Value> {
        let shards = 0..layout.shards.len();
        let grads = shards.clone().map(|s| g.arena(Arena::Grads, s, layout)).collect::<Result<Vec<_>>>()?;
        let norm = g.global_norm(&grads)?;
        let hyper = g.input("optimizer", TensorType::f32([4]))?;
        for shard in shards {
            let params = g.arena(Arena::Params, shard, layout)?;
            let first = g.arena(Arena::Moment1, shard, layout)?;
            match *self {
                Self::Adam { beta1, beta2, eps, weight_decay } => {
                    let second = g.arena(Arena::Moment2, shard, layout)?;
                    let adam = Adam { beta1, beta2, eps, weight_decay };
                    g.apply(adam, &[params, first, second, grads[shard], hyper, norm])?;
                }
                Self::Sgd { momentum, weight_decay } => {
                    let sgd = Sgd { momentum, weight_decay, nesterov: false };
                    g.apply(sgd, &[params, first, grads[shard], hyper, norm])?;
                }
            }
        }
        Ok(norm)
    }

    /// The numbers of step `t` (counted from 1): rate, bias corrections, the norm gradients are clipped to.
    pub fn hyper(&self, rate: f32, t: u64, clip: f32) -> [f32; 4] {
        match *self {
            Self::Adam { beta1, beta2, .. } => adam_hyper(rate, beta1, beta2, t, clip),
            Self::Sgd { .. } => [rate, 1.0, 1.0, clip],
        }
    }
}
