//! Convolution, pooling and enlargement along time: sequences [B, T, C], as images of height 1.

use super::{Mode, Module, Start};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::ops::conv::Conv2d;

/// The extents of a sequence.
fn sequence(op: &str, g: &Graph, x: Value) -> Result<[usize; 3]> {
    <[usize; 3]>::try_from(g.shape(x).dims()).map_err(|_| Error::shape(op, format!("takes [B, T, C], not {}", g.ty(x))))
}

/// A convolution along time: x [B, T, in] → [B, T', out], T' = (T + pad − dilation·(kernel − 1) − 1)/stride + 1 (rounded down);
/// `weight` [kernel, in/groups, out], `bias` \[out\].
#[derive(Clone, Copy, Debug)]
pub struct Conv1d {
    out: usize,
    kernel: usize,
    stride: usize,
    pad: [usize; 2],
    dilation: usize,
    groups: usize,
    bias: bool,
    start: Start,
}

/// A transposed convolution along time: x [B, T, in] → [B, T', out], T' = (T − 1)·stride − 2·pad + kernel + extra; `weight`
/// [kernel, out, in] (the filter of the convolution whose input gradient this is), `bias` \[out\].
#[derive(Clone, Copy, Debug)]
pub struct ConvTranspose1d {
    out: usize,
    kernel: usize,
    stride: usize,
    pad: usize,
    extra: usize,
    bias: bool,
    start: Start,
}

impl Conv1d {
    /// `out` channels from windows of `kernel`, stride 1, no padding, with a bias.
    pub fn new(out: usize, kernel: usize) -> Self {
        let start = Start::Default;
        Self { out, kernel, stride: 1, pad: [0; 2], dilation: 1, groups: 1, bias: true, start }
    }
    /// With this stride.
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }
    /// With this padding at both ends.
    pub fn pad(mut self, pad: usize) -> Self {
        self.pad = [pad; 2];
        self
    }
    /// Padded in front only, so that T stays (at stride 1) and no output sees what comes later. After the dilation.
    pub fn causal(mut self) -> Self {
        self.pad = [self.dilation * (self.kernel.max(1) - 1), 0];
        self
    }
    /// With the window's elements this far apart.
    pub fn dilation(mut self, dilation: usize) -> Self {
        self.dilation = dilation;
        self
    }
    /// With channels in this many groups.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }
    /// Without a bias (before a norm, which has its own).
    pub fn no_bias(mut self) -> Self {
        self.bias = false;
        self
    }
    /// With another start.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }
}

impl ConvTranspose1d {
    /// `out` channels from windows of `kernel`, stride 1, no padding, with a bias.
    pub fn new(out: usize, kernel: usize) -> Self {
        Self { out, kernel, stride: 1, pad: 0, extra: 0, bias: true, start: Start::Default }
    }
    /// With this stride.
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }
    /// With this padding at both ends.
    pub fn pad(mut self, pad: usize) -> Self {
        self.pad = pad;
        self
    }
    /// With this many elements more at the end, fewer than the stride.
    pub fn extra(mut self, extra: usize) -> Self {
        self.extra = extra;
        self
    }
    /// Without a bias (before a norm, which has its own).
    pub fn no_bias(mut self) -> Self {
        self.bias = false;
        self
    }
    /// With another start.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }
}

/// y [B, 1, T', out] as a sequence, plus the bias where there is one.
fn finish(g: &mut Graph, y: Value, bias: Option<Start>, fan_in: usize) -> Result<Value> {
    let &[batch, _, steps, out] = g.shape(y).dims() else { return Ok(y) };
    let y = g.reshape(y, [batch, steps, out])?;
    let Some(start) = bias else { return Ok(y) };
    let bias = g.param("bias", [out], start.bias(fan_in))?;
    g.add(y, bias)
}

impl Module for Conv1d {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let [batch, steps, channels] = sequence("conv1d", g, x)?;
        let (inputs, kernel) = (channels / self.groups.max(1), self.kernel);
        let weight = self.start.init(kernel * inputs, kernel * self.out);
        let weight = g.param("weight", [kernel, inputs, self.out], weight)?;
        let weight = g.reshape(weight, [1, kernel, inputs, self.out])?;
        let x = g.reshape(x, [batch, 1, steps, channels])?;
        let conv = Conv2d {
            stride: [1, self.stride],
            pad: [0, self.pad[0], 0, self.pad[1]],
            dilation: [1, self.dilation],
            groups: self.groups,
        };
        let y = g.conv2d(x, weight, &conv)?;
        finish(g, y, self.bias.then_some(self.start), kernel * inputs)
    }
}

impl Module for ConvTranspose1d {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let [batch, steps, channels] = sequence("conv_transpose1d", g, x)?;
        let taps = self.kernel.div_ceil(self.stride.max(1));
        let fan_in = taps * channels;
        let weight = self.start.init(fan_in, taps * self.out);
        let weight = g.param("weight", [self.kernel, self.out, channels], weight)?;
        let weight = g.reshape(weight, [1, self.kernel, self.out, channels])?;
        let x = g.reshape(x, [batch, 1, steps, channels])?;
        let conv = Conv2d { stride: [1, self.stride], pad: [0, self.pad, 0, self.pad], ..Conv2d::default() };
        let y = g.conv_transpose2d(x, weight, &conv, [0, self.extra])?;
        finish(g, y, self.bias.then_some(self.start), fan_in)
    }
}

/// Means of windows along time of this length that do not overlap: [B, T, C] → [B, T/length, C].
#[derive(Clone, Copy, Debug)]
pub struct AvgPool1d(pub usize);

impl Module for AvgPool1d {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let [batch, steps, channels] = sequence("avg_pool1d", g, x)?;
        if self.0 == 0 || !steps.is_multiple_of(self.0) {
            return Err(Error::shape("avg_pool1d", format!("windows of {} do not fill {steps} steps", self.0)));
        }
        let x = g.reshape(x, [batch, steps / self.0, self.0, channels])?;
        g.mean(x, &[2])
    }
}

/// Every step this many times: [B, T, C] → [B, T·times, C].
#[derive(Clone, Copy, Debug)]
pub struct Upsample1d(pub usize);

impl Module for Upsample1d {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let [batch, steps, channels] = sequence("upsample1d", g, x)?;
        let x = g.reshape(x, [batch, steps, 1, channels])?;
        let x = g.expand(x, [batch, steps, self.0, channels])?;
        g.reshape(x, [batch, steps * self.0, channels])
    }
}
