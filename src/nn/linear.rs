//! Fully connected layers.

use super::{Mode, Module, Start};
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use crate::tensor::TensorType;

/// y = x W + b for x [B, in] or [B, T, in], W [in, out] (`weight`), b \[out\] (`bias`).
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
        if !(2..=3).contains(&g.shape(x).rank()) {
            return Err(Error::shape("linear", format!("takes [B, in] or [B, T, in], not {}: flatten it", g.ty(x))));
        }
        let fan_in = g.shape(x).last();
        let weight = g.param("weight", [fan_in, self.out], self.start.init(fan_in, self.out))?;
        let bias = self.bias.then(|| g.param("bias", [self.out], self.start.bias(fan_in))).transpose()?;
        g.linear(x, weight, bias)
    }
}

/// y = x (W∘M) + b for x [.., in], where M joins an input to the outputs of its degree and above only: what makes a network
/// autoregressive (MADE, Germain 2015, arXiv 1502.03509, section 3). `weight` [in, out], `bias` \[out\]; the degrees are
/// states, as constant as PyTorch's buffers.
#[derive(Clone, Debug)]
pub struct MaskedLinear {
    /// Degree of each input.
    pub from: Vec<f32>,
    /// Degree of each output. Half a degree less than an input's keeps it out.
    pub to: Vec<f32>,
    /// How the weight starts.
    pub start: Start,
}

impl MaskedLinear {
    /// Inputs of degrees `from`, outputs of degrees `to`.
    pub fn new(from: Vec<f32>, to: Vec<f32>) -> Self {
        Self { from, to, start: Start::Default }
    }
    /// With another start.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }
}

impl Module for MaskedLinear {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let [fan_in, fan_out] = [self.from.len(), self.to.len()];
        if g.shape(x).last() != fan_in || fan_out == 0 {
            let message = format!("{} does not have the {fan_in} inputs (of {fan_out} outputs)", g.ty(x));
            return Err(Error::shape("masked_linear", message));
        }
        let weight = g.param("weight", [fan_in, fan_out], self.start.init(fan_in, fan_out))?;
        let bias = g.param("bias", [fan_out], Init::Constant(0.0))?;
        let above = g.state("degree_out", TensorType::f32([1, fan_out]), Init::Rows(self.to.clone()))?;
        let below = g.state("degree_in", TensorType::f32([fan_in, 1]), Init::Rows(self.from.clone()))?;
        let weight = g.where_at_least(above, below, weight)?;
        g.linear(x, weight, Some(bias))
    }
}
