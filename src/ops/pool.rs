//! Resampling of NHWC images: nearest upsampling by a whole factor, and average pooling.
//!
//! Upsampling by k: y[n, h, w, c] = x[n, h/k, w/k, c]; its gradient sums each k×k window. Average pooling with window k and
//! stride s, without padding: y[n, h, w, c] = Σ_{u,v<k} x[n, hs + u, ws + v, c] / k², on (H − k)/s + 1 rows; its gradient
//! spreads dy / k² over each window, adding up where windows overlap.

use super::view::{self, Run, elementwise};
use super::{Bind, Cost, Launch, Lowering, Op, Vjp};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::TensorType;
use crate::testing::{ErrorCase, Gen, OpCase, Tol};
use rayon::prelude::*;

/// Every pixel `factor` × `factor` times.
#[derive(Clone, Debug)]
pub struct Upsample {
    /// How many times, both ways.
    pub factor: usize,
}

/// The mean over windows.
#[derive(Clone, Debug)]
pub struct AvgPool {
    /// A window's extent, both ways.
    pub window: usize,
    /// Distance between windows, both ways.
    pub stride: usize,
}

/// The adjoint of [`AvgPool`] on images of `height` × `width`.
#[derive(Clone, Debug)]
pub struct AvgPoolGrad {
    /// A window's extent, both ways.
    pub window: usize,
    /// Distance between windows, both ways.
    pub stride: usize,
    /// Of the images that were pooled.
    pub height: usize,
    /// Of the images that were pooled.
    pub width: usize,
}

/// The parameters of `shaders/avg_pool.wgsl`, `shaders/avg_pool_grad.wgsl` and `shaders/spread.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct PoolParams {
    /// Elements that invocations walk: those written; in `spread.wgsl` those read, and zeros past the end.
    pub len: u32,
    /// Of the images that are pooled.
    pub height: u32,
    /// Of the images that are pooled.
    pub width: u32,
    /// Of the pooled images.
    pub out_height: u32,
    /// Of the pooled images.
    pub out_width: u32,
    /// Channels.
    pub channels: u32,
    /// A window's extent, both ways.
    pub window: u32,
    /// Distance between windows, both ways.
    pub stride: u32,
    /// 1 / window²; 1 to upsample.
    pub scale: f32,
    /// Unused.
    pub pad: [u32; 3],
}

/// The extents of an NHWC image.
fn nhwc(op: &str, inputs: &[TensorType]) -> Result<[usize; 4]> {
    let x = view::one_f32(op, inputs)?;
    <[usize; 4]>::try_from(x.dims()).map_err(|_| Error::shape(op, format!("takes an image [n, h, w, c], not {x}")))
}

impl PoolParams {
    /// `x` are the extents of the images that are pooled, `y` of the pooled ones.
    fn of(x: &[usize], y: &[usize], window: usize, stride: usize, len: usize) -> Self {
        Self {
            len: len as u32,
            height: x[1] as u32,
            width: x[2] as u32,
            out_height: y[1] as u32,
            out_width: y[2] as u32,
            channels: x[3] as u32,
            window: window as u32,
            stride: stride as u32,
            scale: 1.0 / (window * window) as f32,
            pad: [0; 3],
        }
    }
}

/// A pass over the elements written, each reading the windows it belongs to.
fn pooling(kernel: &'static str, x: &[usize], y: &[usize], window: usize, stride: usize, len: usize) -> Launch {
    let params = PoolParams::of(x, y, window, stride, len);
    let divisors = [x[1], x[2], x[3], y[1], y[2], stride];
    let most = len.max(y[0] * y[1] * y[2] * y[3]);
    elementwise(kernel, &params, &[Bind::In(0), Bind::Out], len).spec("DIVIDE", view::divide(&divisors, most))
}

/// A pass over the pixels `y`, each times `scale` filling its window of the image `x`. For windows that do not overlap.
fn spread(x: &[usize], y: &[usize], window: usize, stride: usize, scale: f32) -> Lowering {
    let [lines, width] = [x[1].div_ceil(stride), x[2].div_ceil(stride)];
    let len = x[0] * lines * width * x[3];
    let params = PoolParams { scale, ..PoolParams::of(x, y, window, stride, len) };
    let launch = elementwise("spread", &params, &[Bind::In(0), Bind::Out], len);
    let launch = launch.spec("DIVIDE", view::divide(&[lines, width, x[3]], len));
    // Small strides are unrolled.
    let known = if stride <= 4 { stride as u32 } else { 0 };
    let whole = window == stride && x[1].is_multiple_of(stride) && x[2].is_multiple_of(stride);
    Lowering::single("windows", launch.spec("STRIDE", known).spec("WHOLE", whole))
}

impl Op for Upsample {
    fn name(&self) -> &'static str {
        "upsample"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let [n, h, w, c] = nhwc("upsample", inputs)?;
        match (h.checked_mul(self.factor), w.checked_mul(self.factor)) {
            (Some(h), Some(w)) if self.factor > 0 => Ok(TensorType::f32([n, h, w, c])),
            _ => Err(Error::shape("upsample", format!("the factor must be 1 or more and fit, not {}", self.factor))),
        }
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let mean = g.avg_pool(at.dout, self.factor, self.factor)?;
        Ok(vec![Some(g.scale(mean, (self.factor * self.factor) as f32)?)])
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, _: &Caps) -> Vec<Lowering> {
        let (x, k) = (inputs[0].dims(), self.factor);
        let (w, c) = (x[2], x[3]);
        // y is [n·h, k, w, k, c]; neither k moves the place in x.
        let runs = [(c, 1), (k, 0), (w, c), (k, 0), (x[0] * x[1], w * c)];
        let strided = view::lowering("strided", &runs.map(|(extent, stride)| Run { extent, stride }), 0, out.len());
        vec![spread(out.dims(), x, k, k, 1.0), strided]
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

impl Reference for Upsample {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (x, dims, k) = (inputs[0].real(), inputs[0].dims(), self.factor);
        let (line, c) = (dims[2] * dims[3], dims[3]);
        out.par_chunks_mut(k * line).enumerate().for_each(|(row, out)| {
            let from = &x[row / k * line..][..line];
            for (pixel, out) in from.chunks(c).zip(out.chunks_mut(k * c)) {
                out.chunks_mut(c).for_each(|out| out.copy_from_slice(pixel));
            }
        });
    }
}

impl Op for AvgPool {
    fn name(&self) -> &'static str {
        "avg_pool"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let [n, h, w, c] = nhwc("avg_pool", inputs)?;
        let Self { window, stride } = *self;
        if window == 0 || stride == 0 || window > h.min(w) {
            let message = format!("window {window} and stride {stride} must be 1 or more and fit {}", inputs[0]);
            return Err(Error::shape("avg_pool", message));
        }
        Ok(TensorType::f32([n, (h - window) / stride + 1, (w - window) / stride + 1, c]))
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let x = g.shape(at.inputs[0]).dims();
        let op = AvgPoolGrad { window: self.window, stride: self.stride, height: x[1], width: x[2] };
        Ok(vec![Some(g.apply(op, &[at.dout])?)])
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, _: &Caps) -> Vec<Lowering> {
        let launch = pooling("avg_pool", inputs[0].dims(), out.dims(), self.window, self.stride, out.len());
        // Small windows are unrolled.
        let known = if self.window <= 4 { self.window as u32 } else { 0 };
        vec![Lowering::single("direct", launch.spec("WINDOW", known))]
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        let flops = out.len() * self.window * self.window;
        Cost { flops: flops as u64, bytes: (inputs[0].bytes() + out.bytes()) as u64 }
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
    fn sums_products(&self) -> bool {
        true
    }
}

impl Reference for AvgPool {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (x, dims, k, s) = (inputs[0].real(), inputs[0].dims(), self.window, self.stride);
        let (h, w, c) = (dims[1], dims[2], dims[3]);
        let (oh, ow) = ((h - k) / s + 1, (w - k) / s + 1);
        let scale = T::of(1.0 / (k * k) as f64);
        out.par_chunks_mut(ow * c).enumerate().for_each(|(line, out)| {
            let top = line / oh * h + line % oh * s;
            for (column, out) in out.chunks_mut(c).enumerate() {
                out.fill(T::ZERO);
                for u in 0..k {
                    for v in 0..k {
                        let pixel = &x[((top + u) * w + column * s + v) * c..][..c];
                        out.iter_mut().zip(pixel).for_each(|(y, &x)| *y += x);
                    }
                }
                out.iter_mut().for_each(|y| *y *= scale);
            }
        });
    }
}

impl Op for AvgPoolGrad {
    fn name(&self) -> &'static str {
        "avg_pool_grad"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let [n, h, w, c] = nhwc("avg_pool_grad", inputs)?;
        let image = TensorType::f32([n, self.height, self.width, c]);
        let pooled = AvgPool { window: self.window, stride: self.stride }.infer(std::slice::from_ref(&image))?;
        match pooled.dims() == [n, h, w, c] {
            true => Ok(image),
            false => Err(Error::shape("avg_pool_grad", format!("{image} is pooled to {pooled}, not to {}", inputs[0]))),
        }
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![Some(g.avg_pool(at.dout, self.window, self.stride)?)])
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, _: &Caps) -> Vec<Lowering> {
        let (x, y) = (out.dims(), inputs[0].dims());
        let (window, stride) = (self.window, self.stride);
        let launch = pooling("avg_pool_grad", x, y, window, stride, out.len());
        let direct = Lowering::single("direct", launch);
        let windows = (window <= stride).then(|| spread(x, y, window, stride, 1.0 / (window * window) as f32));
        windows.into_iter().chain([direct]).collect()
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        let flops = inputs[0].len() * self.window * self.window;
        Cost { flops: flops as u64, bytes: (inputs[0].bytes() + out.bytes()) as u64 }
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
    fn sums_products(&self) -> bool {
        true
    }
}

impl Reference for AvgPoolGrad {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (dy, dims, k, s) = (inputs[0].real(), inputs[0].dims(), self.window, self.stride);
        let (oh, ow, c) = (dims[1], dims[2], dims[3]);
        let scale = T::of(1.0 / (k * k) as f64);
        let images = out.par_chunks_mut(self.height * self.width * c).zip(dy.par_chunks(oh * ow * c));
        images.for_each(|(dx, dy)| {
            dx.fill(T::ZERO);
            for (at, dy) in dy.chunks(c).enumerate() {
                let (top, left) = (at / ow * s, at % ow * s);
                for (u, v) in (0..k).flat_map(|u| (0..k).map(move |v| (u, v))) {
                    let pixel = &mut dx[((top + u) * self.width + left + v) * c..][..c];
                    pixel.iter_mut().zip(dy).for_each(|(x, &y)| *x += y * scale);
                }
            }
        });
    }
}

impl Graph {
    /// `x [n, h, w, c]` with every pixel `factor` × `factor` times: nearest-neighbour upsampling.
    pub fn upsample(&mut self, x: Value, factor: usize) -> Result<Value> {
        self.apply(Upsample { factor }, &[x])
    }
    /// Means of `x [n, h, w, c]` over `window` × `window` pixels every `stride` pixels, without padding: rows and columns
    /// at the end that fill no window are left out.
    pub fn avg_pool(&mut self, x: Value, window: usize, stride: usize) -> Result<Value> {
        self.apply(AvgPool { window, stride }, &[x])
    }
}

fn upsample(dims: [usize; 4], factor: usize) -> OpCase {
    OpCase::new(format!("upsample {dims:?} by {factor}"), Upsample { factor }, [Gen::normal(dims)]).tol(Tol::EXACT)
}
fn pool(dims: [usize; 4], window: usize, stride: usize) -> OpCase {
    let name = format!("avg_pool {dims:?}, window {window}, stride {stride}");
    OpCase::new(name, AvgPool { window, stride }, [Gen::normal(dims)]).tol(Tol::products(window * window))
}
/// `dims` are the pooled images' extents.
fn pool_grad(dims: [usize; 4], window: usize, stride: usize, height: usize, width: usize) -> OpCase {
    let name = format!("avg_pool_grad {dims:?} to {height}x{width}, window {window}, stride {stride}");
    let op = AvgPoolGrad { window, stride, height, width };
    OpCase::new(name, op, [Gen::normal(dims)]).tol(Tol::products(window * window))
}

pub(super) fn cases() -> Vec<OpCase> {
    vec![
        upsample([1, 1, 1, 1], 1),
        upsample([1, 3, 5, 7], 2),
        upsample([2, 5, 3, 1], 3),
        upsample([3, 4, 4, 65], 2),
        upsample([1, 2, 3, 4], 5),
        pool([1, 1, 1, 5], 1, 1),
        pool([1, 6, 4, 7], 2, 2),
        pool([2, 7, 5, 3], 2, 2),
        pool([2, 9, 7, 5], 3, 2),
        pool([3, 7, 8, 1], 2, 3),
        pool([1, 5, 7, 65], 5, 1),
        pool_grad([1, 3, 2, 7], 2, 2, 6, 4),
        pool_grad([2, 3, 2, 3], 2, 2, 7, 5),
        pool_grad([2, 4, 3, 5], 3, 2, 9, 7),
        pool_grad([3, 2, 3, 1], 2, 3, 7, 8),
        pool_grad([1, 1, 3, 65], 5, 1, 5, 7),
        pool_grad([1, 2, 1, 3], 4, 5, 9, 8),
    ]
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let x = || [TensorType::f32([2, 5, 7, 3])];
    vec![
        ErrorCase::new(Upsample { factor: 0 }, x(), "the factor must be 1 or more"),
        ErrorCase::new(Upsample { factor: 2 }, [TensorType::f32([5, 7, 3])], "takes an image"),
        ErrorCase::new(Upsample { factor: 2 }, [TensorType::u8([2, 5, 7, 3])], "takes an F32 tensor"),
        ErrorCase::new(AvgPool { window: 6, stride: 1 }, x(), "must be 1 or more and fit"),
        ErrorCase::new(AvgPool { window: 2, stride: 0 }, x(), "must be 1 or more and fit"),
        ErrorCase::new(AvgPool { window: 0, stride: 1 }, x(), "must be 1 or more and fit"),
        ErrorCase::new(AvgPoolGrad { window: 2, stride: 2, height: 8, width: 14 }, x(), "is pooled to"),
    ]
}

pub(super) fn bench() -> Vec<OpCase> {
    vec![upsample([64, 16, 16, 64], 2), pool([64, 32, 32, 64], 2, 2), pool_grad([64, 16, 16, 64], 2, 2, 32, 32)]
}
