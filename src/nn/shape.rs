//! Layers that move or pool elements.

use super::{Mode, Module};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};

/// [B, …] → [B, product].
#[derive(Clone, Copy, Debug)]
pub struct Flatten;

impl Module for Flatten {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let shape = g.shape(x).clone();
        let batch = shape.dims().first().copied().unwrap_or(1);
        g.reshape(x, [batch, shape.len() / batch.max(1)])
    }
}

/// [B, product] → [B, dims…].
#[derive(Clone, Debug)]
pub struct Unflatten {
    /// The extents after the batch.
    pub dims: Vec<usize>,
}

impl Unflatten {
    /// To images of this height, width and number of channels.
    pub fn image(height: usize, width: usize, channels: usize) -> Self {
        Self { dims: vec![height, width, channels] }
    }
}

impl Module for Unflatten {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let mut dims = vec![g.shape(x).dims().first().copied().unwrap_or(1)];
        dims.extend(&self.dims);
        g.reshape(x, dims)
    }
}

/// The same vector at each of so many steps: [B, F] → [B, T, F].
#[derive(Clone, Copy, Debug)]
pub struct Repeat {
    /// T.
    pub steps: usize,
}

impl Module for Repeat {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let shape = g.shape(x).clone();
        let batch = shape.dims().first().copied().unwrap_or(1);
        let width = shape.len() / batch.max(1);
        let x = g.reshape(x, [batch, 1, width])?;
        g.expand(x, [batch, self.steps, width])
    }
}

/// Nearest-neighbour enlargement by a whole factor.
#[derive(Clone, Copy, Debug)]
pub struct Upsample(pub usize);

impl Module for Upsample {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        g.upsample(x, self.0)
    }
}

/// Means of windows of this side that do not overlap.
#[derive(Clone, Copy, Debug)]
pub struct AvgPool(pub usize);

impl Module for AvgPool {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        g.avg_pool(x, self.0, self.0)
    }
}

/// The mean over the steps: x [B, T, D] → [B, D].
#[derive(Clone, Copy, Debug)]
pub struct MeanStep;

impl Module for MeanStep {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        match g.shape(x).rank() {
            3 => g.mean(x, &[1]),
            _ => Err(Error::shape("mean_step", format!("takes [B, T, D], not {}", g.ty(x)))),
        }
    }
}
