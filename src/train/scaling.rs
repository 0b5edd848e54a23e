//! Loss scaling for half precision (Micikevicius et al. 2018, arXiv 1710.03740): gradients are worked out of S times the
//! loss, so that small ones do not vanish in f16, and divided by S as they are stored, in f32. S lives on the device and
//! changes there, step by step ([`LossScale`]): what is read off the arenas, clipped and reported never knows of it.

use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use crate::ops::loss_scale::LossScale;
use crate::tensor::TensorType;

/// The states: a power of two, and the steps since it changed.
const STATES: [(&str, f32); 2] = [("train.loss_scale", 1024.0), ("train.good_steps", 0.0)];

/// How the scale changes. At 1 nothing is scaled any more: what overflows then is the model's.
pub(super) const RULE: LossScale = LossScale { every: 500, least: 1.0, most: 16_777_216.0 };

/// [`Graph::grad`] of the scaled loss, scaled back.
pub(super) fn grad(g: &mut Graph, loss: Value, params: &[Value]) -> Result<Vec<Value>> {
    let [scale, _] = states(g)?;
    let seed = g.reshape(scale, g.shape(loss).clone())?;
    let grads = g.pullback(loss, seed, params)?;
    grads.into_iter().map(|grad| g.div(grad, scale)).collect()
}

/// Appends the change of scale after a step whose squared gradients add up to the sum of `squares`; the scale.
pub(super) fn update(g: &mut Graph, squares: Value) -> Result<Value> {
    let missing = || Error::Graph("no gradient was scaled".into());
    let [scale, good] = STATES.map(|(name, _)| g.find(name).ok_or_else(missing));
    let (scale, good) = (scale?, good?);
    g.apply(RULE, &[scale, good, squares])?;
    Ok(scale)
}

fn states(g: &mut Graph) -> Result<[Value; 2]> {
    let [scale, good] = STATES.map(|(name, start)| g.state(name, TensorType::f32([]), Init::Constant(start)));
    Ok([scale?, good?])
}
