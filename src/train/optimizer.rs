//! Optimizers as the last nodes of a training graph: one update a shard of the arenas.

use super::Rate;
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

/// Parameters with an optimizer of their own: those of a discriminator, say. Their gradients are clipped by their own norm,
/// and where that is not finite their update is left out, whatever becomes of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Dotted path: all parameters at it or below it.
    pub scope: String,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Its rate.
    pub rate: Rate,
}

impl Optimizer {
    /// Appends the update of every parameter of a group ([`Graph::set_groups`]) and returns partial sums of its squared
    /// gradients, \[n\]. The step's numbers are the input `optimizer`, of group k > 0 `optimizer.k`, `F32` \[4\]. An update
    /// whose gradient norm is not finite is skipped, so that weights survive a bad step.
    pub fn update(&self, g: &mut Graph, layout: &StoreLayout, group: usize) -> Result<Value> {
        let hyper = g.input(&hyper_input(group), TensorType::f32([4]))?;
        match *self {
            Self::Adam(adam) => g.adam(adam, layout, group, hyper),
            Self::Sgd(sgd) => g.sgd(sgd, layout, group, hyper),
        }
    }

    /// The numbers of step `t` (counted from 1) with this rate; gradients are clipped to the norm `clip`.
    pub fn hyper(&self, rate: f32, t: u64, clip: f32) -> [f32; 4] {
        match self {
            Self::Adam(adam) => adam.hyper(rate.into(), t, clip.into()),
            Self::Sgd(_) => Sgd::hyper(rate.into(), clip.into()),
        }
    }
}

/// The name of the input that holds a group's numbers of the step: `optimizer` for the parameters of no group.
pub(super) fn hyper_input(group: usize) -> String {
    match group {
        0 => "optimizer".into(),
        group => format!("optimizer.{group}"),
    }
}
