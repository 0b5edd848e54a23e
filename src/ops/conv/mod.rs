//! 2-D convolution and its two gradients, channels last.
//!
//! y[n, oy, ox, o] = Σ over ky, kx, i of x[n, oy·s + ky·d − p, ox·s + kx·d − p, i] · w[ky, kx, i, o]: a cross-correlation,
//! as everywhere in the field, with zeros in the padding. It is bilinear in x and w. With ⟨y, dy⟩ as the trilinear form
//! T(x, w, dy), the three ops are T with one argument left open: [`Conv2d`] leaves dy open, [`Conv2dInputGrad`] x and
//! [`Conv2dWeightGrad`] w, so each one's gradients are the other two. The transposed convolution is the input gradient.
//!
//! Shapes and gradient rules live here; `reference.rs` computes on the CPU, `lowering.rs` chooses kernels, `few.rs` those
//! for few channels, `cases.rs` is the test table.

mod cases;
mod few;
mod lowering;
mod params;
mod reference;

use super::{Cost, Lowering, Op, Vjp};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::{DType, TensorType};

pub(super) use cases::{bench, cases, errors};
pub use params::{BlocksParams, Conv2dParams, FewChannelsParams, InputGradParams, WeightGradParams};

/// x [N, H, W, I] and w [KH, KW, I/groups, O] → [N, H', W', O], H' = (H + top + bottom − d·(KH − 1) − 1) / stride + 1.
///
/// Also what the geometry of every convolution is called: the default has stride 1, no padding, no dilation, one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Pixels between two outputs: down, across. At most 255.
    pub stride: [usize; 2],
    /// Zeros around the image: top, left, bottom, right.
    pub pad: [usize; 4],
    /// Pixels between two filter taps: down, across. At most 255.
    pub dilation: [usize; 2],
    /// Channel groups: output channels of a group see only the input channels of that group.
    pub groups: usize,
}

impl Default for Conv2d {
    fn default() -> Self {
        Self { stride: [1; 2], pad: [0; 4], dilation: [1; 2], groups: 1 }
    }
}

/// The gradient of [`Conv2d`] with respect to x: w [KH, KW, I/groups, O] and dy [N, H', W', O] → [N, H, W, I].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dInputGrad {
    /// The convolution.
    pub conv: Conv2d,
    /// H and W, which the stride leaves open.
    pub input: [usize; 2],
}

/// The gradient of [`Conv2d`] with respect to w: x [N, H, W, I] and dy [N, H', W', O] → [KH, KW, I/groups, O].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dWeightGrad {
    /// The convolution.
    pub conv: Conv2d,
    /// KH and KW, which the stride leaves open.
    pub kernel: [usize; 2],
}

/// All extents of a convolution.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    batch: usize,
    h: usize,
    w: usize,
    /// Input channels.
    c: usize,
    oh: usize,
    ow: usize,
    /// Output channels.
    oc: usize,
    kh: usize,
    kw: usize,
    conv: Conv2d,
}

impl Geometry {
    /// Input channels a group.
    fn cg(&self) -> usize {
        self.c / self.conv.groups
    }
    /// Output channels a group.
    fn og(&self) -> usize {
        self.oc / self.conv.groups
    }
    /// Products an output element of the convolution sums.
    fn depth(&self) -> usize {
        self.kh * self.kw * self.cg()
    }
    fn pixels(&self) -> usize {
        self.batch * self.oh * self.ow
    }
    /// The three ops cost the same: two flops for every product.
    fn cost(&self) -> Cost {
        let elements = self.batch * self.h * self.w * self.c + self.depth() * self.oc + self.pixels() * self.oc;
        Cost { flops: 2 * (self.pixels() * self.oc * self.depth()) as u64, bytes: 4 * elements as u64 }
    }
    /// Geometry of operands that `infer` has accepted: x [N, H, W, I] and w [KH, KW, I/groups, O].
    fn of(conv: Conv2d, x: [usize; 4], w: [usize; 4]) -> Self {
        let out = |axis: usize, k: usize| conv.extent(axis, x[1 + axis], k).unwrap_or(1);
        let [oh, ow] = [out(0, w[0]), out(1, w[1])];
        Self { batch: x[0], h: x[1], w: x[2], c: x[3], oh, ow, oc: w[3], kh: w[0], kw: w[1], conv }
    }
}

/// The four extents of a tensor of floats with elements.
fn four(op: &str, what: &str, axes: &str, ty: &TensorType) -> Result<[usize; 4]> {
    match ty.dims().try_into() {
        Ok(dims) if ty.dtype == DType::F32 && !ty.is_empty() => Ok(dims),
        _ => Err(Error::shape(op, format!("{what} must be F32 {axes} with elements, not {ty}"))),
    }
}
const IMAGE: &str = "[N, H, W, channels]";
const FILTER: &str = "[KH, KW, in/groups, out]";

impl Conv2d {
    /// Stride 1 and the padding that keeps the size of the image under an odd `kernel`.
    pub fn same(kernel: usize) -> Self {
        Self { pad: [kernel / 2; 4], ..Self::default() }
    }

    /// What the attributes say, in messages.
    fn words(&self) -> String {
        let Self { stride, pad, dilation, groups } = self;
        format!("stride {stride:?}, padding {pad:?}, dilation {dilation:?}, groups {groups}")
    }

    /// Output extent along an axis; `None` where the filter is larger than the padded image.
    fn extent(&self, axis: usize, size: usize, kernel: usize) -> Option<usize> {
        let reach = self.dilation[axis] * (kernel - 1) + 1;
        Some((size + self.pad[axis] + self.pad[axis + 2]).checked_sub(reach)? / self.stride[axis] + 1)
    }

    fn check_attributes(&self, op: &str) -> Result<()> {
        let small = |v: &[usize]| v.iter().all(|x| (1..=255).contains(x));
        if !small(&self.stride) || !small(&self.dilation) {
            return Err(Error::shape(op, format!("stride and dilation must be 1 to 255: {}", self.words())));
        }
        if self.pad.iter().any(|&p| p > 65_535) || self.groups == 0 {
            return Err(Error::shape(
                op,
                format!("padding must be at most 65535, groups at least 1: {}", self.words()),
            ));
        }
        Ok(())
    }

    /// Checks x [N, H, W, I] against w [KH, KW, I/groups, O] and works out the rest.
    fn check(&self, op: &str, x: [usize; 4], w: [usize; 4]) -> Result<Geometry> {
        let refuse =
            |what: String| Err(Error::shape(op, format!("image {x:?}, filter {w:?}, {}: {what}", self.words())));
        let groups = self.groups;
        if !x[3].is_multiple_of(groups) || !w[3].is_multiple_of(groups) {
            return refuse(format!("{groups} groups must divide {} input and {} output channels", x[3], w[3]));
        }
        if w[2] != x[3] / groups {
            let want = x[3] / groups;
            return refuse(format!(
                "the filter must take {want} input channels a group (its third extent), not {}",
                w[2]
            ));
        }
        for axis in 0..2 {
            if self.extent(axis, x[1 + axis], w[axis]).is_none() {
                let reach = self.dilation[axis] * (w[axis] - 1) + 1;
                let padded = x[1 + axis] + self.pad[axis] + self.pad[axis + 2];
                return refuse(format!("the filter spans {reach} pixels, the padded image only {padded}"));
            }
        }
        Ok(Geometry::of(*self, x, w))
    }

    /// Checks that dy fits the output of this geometry.
    fn check_output(op: &str, geo: &Geometry, dy: [usize; 4]) -> Result<()> {
        let out = [geo.batch, geo.oh, geo.ow, geo.oc];
        if dy == out {
            return Ok(());
        }
        let message = format!(
            "dy {dy:?} is not the output {out:?} of image {:?}, filter {:?}, {}",
            [geo.batch, geo.h, geo.w, geo.c],
            [geo.kh, geo.kw, geo.cg(), geo.oc],
            geo.conv.words()
        );
        Err(Error::shape(op, message))
    }

    fn geometry(&self, inputs: &[TensorType]) -> Result<Geometry> {
        let op = "conv2d";
        let [x, w] = inputs else { return Err(Error::shape(op, "takes an image and a filter")) };
        self.check_attributes(op)?;
        self.check(op, four(op, "the image", IMAGE, x)?, four(op, "the filter", FILTER, w)?)
    }
}

impl Conv2dInputGrad {
    fn geometry(&self, inputs: &[TensorType]) -> Result<Geometry> {
        let op = "conv2d_input_grad";
        let [w, dy] = inputs else { return Err(Error::shape(op, "takes a filter and the output's gradient")) };
        self.conv.check_attributes(op)?;
        let (w, dy) = (four(op, "the filter", FILTER, w)?, four(op, "dy", IMAGE, dy)?);
        let [h, width] = self.input;
        if !(1..1 << 31).contains(&h) || !(1..1 << 31).contains(&width) {
            return Err(Error::shape(op, format!("{:?} is no size of an image", self.input)));
        }
        if dy[3] != w[3] {
            let message = format!("dy {dy:?} has {} channels, the filter {w:?} puts out {}", dy[3], w[3]);
            return Err(Error::shape(op, message));
        }
        let geo = self.conv.check(op, [dy[0], h, width, w[2] * self.conv.groups], w)?;
        Conv2d::check_output(op, &geo, dy)?;
        Ok(geo)
    }
}

impl Conv2dWeightGrad {
    fn geometry(&self, inputs: &[TensorType]) -> Result<Geometry> {
        let op = "conv2d_weight_grad";
        let [x, dy] = inputs else { return Err(Error::shape(op, "takes an image and the output's gradient")) };
        self.conv.check_attributes(op)?;
        let (x, dy) = (four(op, "the image", IMAGE, x)?, four(op, "dy", IMAGE, dy)?);
        let [kh, kw] = self.kernel;
        if !(1..1 << 31).contains(&kh) || !(1..1 << 31).contains(&kw) {
            return Err(Error::shape(op, format!("{:?} is no size of a filter", self.kernel)));
        }
        let geo = self.conv.check(op, x, [kh, kw, x[3] / self.conv.groups, dy[3]])?;
        Conv2d::check_output(op, &geo, dy)?;
        Ok(geo)
    }
}

/// What the three ops share: geometry decides everything.
macro_rules! conv_op {
    ($op:ident, $name:literal, $geo:ident => $out:expr, $lower:path, $vjp:expr) => {
        impl Op for $op {
            fn name(&self) -> &'static str {
                $name
            }
            fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
                let $geo = self.geometry(inputs)?;
                Ok(TensorType::f32($out))
            }
            fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
                let &[a, b] = at.inputs else { return Ok(vec![None; at.inputs.len()]) };
                let types = [g.ty(a).clone(), g.ty(b).clone()];
                let geo = self.geometry(&types)?;
                let rules: [fn(&mut Graph, Geometry, Value, Value, Value) -> Result<Value>; 2] = $vjp;
                let mut grads = vec![];
                for (rule, &need) in rules.iter().zip(at.need) {
                    grads.push(if need { Some(rule(g, geo, a, b, at.dout)?) } else { None });
                }
                Ok(grads)
            }
            fn variants(&self, inputs: &[TensorType], _: &TensorType, caps: &Caps) -> Vec<Lowering> {
                self.geometry(inputs).map_or_else(|_| vec![], |geo| $lower(&geo, caps))
            }
            fn cost(&self, inputs: &[TensorType], _: &TensorType) -> Cost {
                self.geometry(inputs).map_or_else(|_| Cost::default(), |geo| geo.cost())
            }
            fn takes_epilogue(&self) -> bool {
                true
            }
            fn sums_products(&self) -> bool {
                true
            }
        }
    };
}

conv_op!(
    Conv2d, "conv2d", geo => [geo.batch, geo.oh, geo.ow, geo.oc], lowering::forward,
    [|g, geo, _, w, dy| input_grad(g, geo, w, dy), |g, geo, x, _, dy| weight_grad(g, geo, x, dy)]
);
// The output's cotangent u is like x: T(u, w, dy) is differentiated with respect to w and to dy.
conv_op!(
    Conv2dInputGrad, "conv2d_input_grad", geo => [geo.batch, geo.h, geo.w, geo.c], lowering::input_grad,
    [|g, geo, _, dy, u| weight_grad(g, geo, u, dy), |g, geo, w, _, u| g.conv2d(u, w, &geo.conv)]
);
// u is like w.
conv_op!(
    Conv2dWeightGrad, "conv2d_weight_grad", geo => [geo.kh, geo.kw, geo.cg(), geo.oc], lowering::weight_grad,
    [|g, geo, _, dy, u| input_grad(g, geo, u, dy), |g, geo, x, _, u| g.conv2d(x, u, &geo.conv)]
);

fn input_grad(g: &mut Graph, geo: Geometry, w: Value, dy: Value) -> Result<Value> {
    g.apply(Conv2dInputGrad { conv: geo.conv, input: [geo.h, geo.w] }, &[w, dy])
}
fn weight_grad(g: &mut Graph, geo: Geometry, x: Value, dy: Value) -> Result<Value> {
    g.apply(Conv2dWeightGrad { conv: geo.conv, kernel: [geo.kh, geo.kw] }, &[x, dy])
}

impl Graph {
    /// The convolution of x [N, H, W, I] with w [KH, KW, I/groups, O]: see [`Conv2d`].
    ///
    /// # Errors
    /// [`Error::Shape`] where channels, groups and sizes do not fit.
    pub fn conv2d(&mut self, x: Value, w: Value, conv: &Conv2d) -> Result<Value> {
        self.apply(*conv, &[x, w])
    }

    /// The transposed convolution of x [N, H, W, I]: [N, H', W', O] with
    /// H' = (H − 1)·stride − top − bottom + dilation·(KH − 1) + `output_padding` + 1.
    ///
    /// `conv` and w are those of the convolution from [N, H', W', O] to [N, H, W, I] whose input gradient this is. So w is
    /// [KH, KW, O/groups, I], its *last* extent the channels of x: PyTorch's [I, O/groups, KH, KW] permuted by (2, 3, 1, 0).
    /// `output_padding` (each less than the stride) adds rows and columns at the bottom and right, which a stride leaves open.
    ///
    /// # Errors
    /// [`Error::Shape`] where channels, groups and sizes do not fit.
    pub fn conv_transpose2d(&mut self, x: Value, w: Value, conv: &Conv2d, output_padding: [usize; 2]) -> Result<Value> {
        let op = "conv_transpose2d";
        conv.check_attributes(op)?;
        let (xs, ws) = (four(op, "the image", IMAGE, self.ty(x))?, self.ty(w));
        let ws = four(op, "the filter", "[KH, KW, out/groups, in]", ws)?;
        let mut input = [0; 2];
        for axis in 0..2 {
            let (stride, extra) = (conv.stride[axis], output_padding[axis]);
            if extra >= stride {
                let message =
                    format!("output padding {output_padding:?} must be less than the stride {:?}", conv.stride);
                return Err(Error::shape(op, message));
            }
            let full = (xs[1 + axis] - 1) * stride + conv.dilation[axis] * (ws[axis] - 1) + extra + 1;
            input[axis] = full.saturating_sub(conv.pad[axis] + conv.pad[axis + 2]);
            if input[axis] == 0 {
                let message = format!("image {xs:?}, filter {ws:?}, {}: the padding leaves nothing", conv.words());
                return Err(Error::shape(op, message));
            }
        }
        self.apply(Conv2dInputGrad { conv: *conv, input }, &[w, x])
    }
}
