//! Convolution layers over NHWC images.

use super::{Mode, Module, Start};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::ops::conv::Conv2d;

/// What a convolution and its transpose have in common.
#[derive(Clone, Debug)]
struct Spec {
    out: usize,
    kernel: usize,
    geometry: Conv2d,
    bias: bool,
    start: Start,
}

impl Spec {
    fn new(out: usize, kernel: usize) -> Self {
        Self { out, kernel, geometry: Conv2d::default(), bias: true, start: Start::Default }
    }
    fn add_bias(&self, g: &mut Graph, y: Value, fan_in: usize) -> Result<Value> {
        if !self.bias {
            return Ok(y);
        }
        let bias = g.param("bias", [self.out], self.start.bias(fan_in))?;
        g.add(y, bias)
    }
}

macro_rules! builders {
    ($layer:ident) => {
        impl $layer {
            /// `out` channels from `kernel`×`kernel` windows, stride 1, no padding, with a bias.
            pub fn new(out: usize, kernel: usize) -> Self {
                Self(Spec::new(out, kernel))
            }
            /// With this stride.
            pub fn stride(mut self, stride: usize) -> Self {
                self.0.geometry.stride = [stride; 2];
                self
            }
            /// With this padding on all sides.
            pub fn pad(mut self, pad: usize) -> Self {
                self.0.geometry.pad = [pad; 4];
                self
            }
            /// With this stride, padding, dilation and grouping.
            pub fn geometry(mut self, geometry: Conv2d) -> Self {
                self.0.geometry = geometry;
                self
            }
            /// Without a bias (before a norm, which has its own).
            pub fn no_bias(mut self) -> Self {
                self.0.bias = false;
                self
            }
            /// With another start.
            pub fn start(mut self, start: Start) -> Self {
                self.0.start = start;
                self
            }
        }
    };
}
builders!(Conv);
builders!(ConvTranspose);

/// A 2-D convolution: x [N, H, W, in] → [N, H', W', out]; `weight` [k, k, in/groups, out], `bias` \[out\].
#[derive(Clone, Debug)]
pub struct Conv(Spec);

/// A transposed 2-D convolution: x [N, H, W, in] → [N, H', W', out], H' = (H − 1)·stride − 2·pad + kernel; `weight`
/// [k, k, out/groups, in] (the filter of the convolution whose input gradient this is), `bias` \[out\].
#[derive(Clone, Debug)]
pub struct ConvTranspose(Spec);

impl Module for Conv {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let Spec { out, kernel, geometry, start, .. } = &self.0;
        let per_group = g.shape(x).last() / geometry.groups.max(1);
        let window = kernel * kernel;
        let init = start.init(window * per_group, window * out);
        let weight = g.param("weight", [*kernel, *kernel, per_group, *out], init)?;
        let y = g.conv2d(x, weight, geometry)?;
        self.0.add_bias(g, y, window * per_group)
    }
}

impl Module for ConvTranspose {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let Spec { out, kernel, geometry, start, .. } = &self.0;
        let groups = geometry.groups.max(1);
        let inputs = g.shape(x).last();
        // An output pixel sums over about kernel²/stride² taps of each input channel of its group.
        let taps = (kernel * kernel).div_ceil(geometry.stride[0] * geometry.stride[1]);
        let fan_in = taps * inputs / groups;
        let weight = g.param("weight", [*kernel, *kernel, out / groups, inputs], start.init(fan_in, taps * out))?;
        let y = g.conv_transpose2d(x, weight, geometry, [0, 0])?;
        self.0.add_bias(g, y, fan_in)
    }
}
