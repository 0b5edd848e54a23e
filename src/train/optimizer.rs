//! Optimizers as the last nodes of a training graph: one update a shard of the arenas.

use crate::error::Result;
use crate::graph::{Graph, StoreLayout, Value};
use crate::ops::optimizer::{Adam, Sgd};
use crate::tensor::TensorType;

/// Which optimizer, with its constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// Adam, with decoupled weight decay where there is one.
    Adam(Adam),
    /// Gradient descent with momentum.
    Sgd(Sgd),
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam(Adam::default())
    }
}

impl Optimizer {
    /// Appends the update of every shard and returns partial sums of the squared gradients, \[n\]. The step's numbers are the input
    /// `optimizer`, `F32` \[4\]. An update whose gradient norm is not finite is skipped, so that weights survive a bad step.
    pub fn update(&self, g: &mut Graph, layout: &StoreLayout) -> Result<Value> {
        let hyper = g.input("optimizer", TensorType::f32([4]))?;
        match *self {
            Self::Adam(adam) => g.adam(adam, layout, hyper),
            Self::Sgd(sgd) => g.sgd(sgd, layout, hyper),
        }
    }

    /// The numbers of step `t` (counted from 1) with this rate; gradients are clipped to the global norm `clip`.
    pub fn hyper(&self, rate: f32, t: u64, clip: f32) -> [f32; 4] {
        match self {
            Self::Adam(adam) => adam.hyper(rate.into(), t, clip.into()),
            Self::Sgd(_) => Sgd::hyper(rate.into(), clip.into()),
        }
    }
}
