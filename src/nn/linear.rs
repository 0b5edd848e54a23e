//! Fully connected layers.

use super::{Mode, Module, Start};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = x W + b for x [B, in], W [in, out] (`weight`), b \[out\] (`bias`).
#[derive(Clone, Debug)]
pub struct Linear {
    /// Outputs.
    pub out: usize,
    /// Whether there is a bias.
    pub bias: bool,
    /// How the weight starts.
    pub start: Start,
}

impl Linear {
    /// `out` outputs, with a bias.
    pub fn new(out: usize) -> Self {
        Self { out, bias: true, start: Start::Default }
    }
    /// With another start.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }
    /// Without a bias (before a norm, which has its own).
    pub fn no_bias(mut self) -> Self {
        self.bias = false;
        self
    }
}

impl Module for Linear {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let fan_in = g.shape(x).last();
        let weight = g.param("weight", [fan_in, self.out], self.start.init(fan_in, self.out))?;
        let y = g.matmul(x, weight)?;
        match self.bias {
            true => {
                let bias = g.param("bias", [self.out], self.start.bias(fan_in))?;
                g.add(y, bias)
            }
            false => Ok(y),
        }
    }
}
