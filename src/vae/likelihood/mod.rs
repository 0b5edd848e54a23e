//! Likelihoods p(x|z): how what the decoder yields is a distribution of x. The distributions themselves are `dist`'s; here
//! the decoder's channels become their parameters.

mod counts;
mod logistic;
mod pixels;

use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use std::fmt::Debug;

pub use counts::{NegativeBinomialCounts, PoissonCounts};
pub use logistic::DiscretizedLogisticPixels;
pub use pixels::{BernoulliLogits, GaussianPixels, GaussianReals, LaplacePixels, LaplaceReals, Spread};

/// How the decoder's output is a distribution of x.
pub trait Likelihood: Debug + Send + Sync {
    /// Numbers that the decoder yields for each of x: its last axis is this many times as long as that of x, all first
    /// numbers before all second ones.
    fn width(&self) -> usize {
        1
    }
    /// ln p(x|z), element by element, nats.
    fn log_prob(&self, g: &mut Graph, decoded: Value, x: Value) -> Result<Value>;
    /// E[x|z].
    fn mean(&self, g: &mut Graph, decoded: Value) -> Result<Value>;
}

/// The `width` equal parts of the last axis of `decoded`.
fn parts(g: &mut Graph, decoded: Value, width: usize) -> Result<Vec<Value>> {
    let axis = g.shape(decoded).rank().saturating_sub(1);
    let channels = g.shape(decoded).dims().last().copied().unwrap_or(1);
    if !channels.is_multiple_of(width) {
        let message =
            format!("the decoder yields {channels} channels, the likelihood takes {width} for each of the data's");
        return Err(Error::shape("likelihood", message));
    }
    let each = channels / width;
    (0..width).map(|k| g.slice(decoded, axis, k * each..(k + 1) * each)).collect()
}
