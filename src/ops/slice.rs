//! Slice and embed: a range of one axis, and its adjoint, a tensor set into zeros along one axis.
//!
//! With a tensor seen as [outer, axis, inner]: slice is y[o, k, i] = x[o, start + k, i]; embed is y[o, start + k, i] =
//! x[o, k, i] and 0 elsewhere. Each is the other's gradient.

use super::pointwise::Term;
use super::view::{self, Run, around, elementwise};
use super::{Access, Bind, ChainSlot, Lowering, Op, Vjp};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::{DType, TensorType};
use crate::testing::{ErrorCase, Gen, OpCase, Tol};
use rayon::prelude::*;
use std::ops::Range;

/// Elements `start..end` of `axis`.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Which axis.
    pub axis: usize,
    /// First element.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// The input at `start` of an `axis` that has `extent` elements, with zeros around it.
#[derive(Clone, Debug)]
pub struct Embed {
    /// Which axis.
    pub axis: usize,
    /// Where the input begins.
    pub start: usize,
    /// The output's extent.
    pub extent: usize,
}

fn with_extent(x: &TensorType, axis: usize, extent: usize) -> TensorType {
    let mut dims = x.dims().to_vec();
    dims[axis] = extent;
    TensorType::f32(dims)
}

impl Op for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let x = match inputs {
            [x] if x.dtype == DType::U32 && !x.is_empty() => x,
            _ => view::one_f32("slice", inputs)?,
        };
        let Self { axis, start, end } = *self;
        match x.dims().get(axis) {
            Some(&extent) if start < end && end <= extent => {
                Ok(TensorType { dtype: x.dtype, ..with_extent(x, axis, end - start) })
            }
            _ => Err(Error::shape("slice", format!("{start}..{end} of axis {axis} is no range of {x}"))),
        }
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let extent = g.shape(at.inputs[0]).dims()[self.axis];
        Ok(vec![Some(g.embed(at.dout, self.axis, self.start, extent)?)])
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, _: &Caps) -> Vec<Lowering> {
        let (outer, inner) = around(inputs[0].dims(), self.axis);
        let size = (self.end - self.start) * inner;
        let stride = inputs[0].dims()[self.axis] * inner;
        let runs = [Run { extent: size, stride: 1 }, Run { extent: outer, stride }];
        let mut lowering = view::lowering("strided", &runs, self.start * inner, out.len());
        if out.dtype == DType::U32 {
            lowering.passes.iter_mut().for_each(|pass| (pass.kernel, pass.chain) = ("view_u32", ChainSlot::None));
        }
        vec![lowering]
    }
    fn view(&self, inputs: &[TensorType]) -> Option<Access> {
        if inputs[0].dtype != DType::F32 {
            return None; // chains compute with floats
        }
        let (outer, inner) = around(inputs[0].dims(), self.axis);
        let size = (self.end - self.start) * inner;
        let rows = Term { div: size, modulo: outer, stride: inputs[0].dims()[self.axis] * inner };
        let row = Term { div: 1, modulo: size, stride: 1 };
        let terms = if outer == 1 { vec![row] } else { vec![row, rows] };
        Some(Access::Shifted { by: self.start * inner, terms })
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
    fn picks(&self) -> bool {
        true
    }
}

impl Slice {
    /// Calls `each` with every row of `out` and the elements of `x`, a tensor with these extents, for it.
    fn rows<T: Send, U: Sync>(&self, dims: &[usize], x: &[U], out: &mut [T], each: impl Fn(&mut [T], &[U]) + Sync) {
        let (_, inner) = around(dims, self.axis);
        let rows = out.par_chunks_mut((self.end - self.start) * inner).with_min_len(64);
        rows.zip(x.par_chunks(dims[self.axis] * inner)).for_each(|(y, x)| {
            each(y, &x[self.start * inner..self.end * inner]);
        });
    }
}

impl Reference for Slice {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (x, dims) = (inputs[0], inputs[0].dims());
        match x.ty.dtype {
            DType::U32 => self.rows(dims, x.u32(), out, |y, x| {
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = T::of(x.into()));
            }),
            _ => self.rows(dims, x.real(), out, |y, x| y.copy_from_slice(x)),
        }
    }
    fn words<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [u32]) -> bool {
        self.rows(inputs[0].dims(), inputs[0].u32(), out, |y, x| y.copy_from_slice(x));
        true
    }
}

/// The parameters of `shaders/embed.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct EmbedParams {
    /// Elements of the output.
    pub len: u32,
    /// Elements of the output from the axis inwards.
    pub row: u32,
    /// Where in such a row the input begins.
    pub start: u32,
    /// Elements of the input from the axis inwards.
    pub size: u32,
}

impl Op for Embed {
    fn name(&self) -> &'static str {
        "embed"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let x = view::one_f32("embed", inputs)?;
        let Self { axis, start, extent } = *self;
        match x.dims().get(axis) {
            Some(&size) if start.checked_add(size).is_some_and(|end| end <= extent) => Ok(with_extent(x, axis, extent)),
            _ => Err(Error::shape("embed", format!("{x} does not fit at {start} of axis {axis} with extent {extent}"))),
        }
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let size = g.shape(at.inputs[0]).dims()[self.axis];
        Ok(vec![Some(g.slice(at.dout, self.axis, self.start..self.start + size)?)])
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, _: &Caps) -> Vec<Lowering> {
        let (_, inner) = around(inputs[0].dims(), self.axis);
        let params = EmbedParams {
            len: out.len() as u32,
            row: (self.extent * inner) as u32,
            start: (self.start * inner) as u32,
            size: (inputs[0].dims()[self.axis] * inner) as u32,
        };
        let launch = elementwise("embed", &params, &[Bind::In(0), Bind::Out], out.len());
        vec![Lowering::single("zeros", launch.spec("DIVIDE", view::divide(&[self.extent * inner], out.len())))]
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

impl Reference for Embed {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (_, inner) = around(inputs[0].dims(), self.axis);
        let size = inputs[0].dims()[self.axis] * inner;
        let rows = out.par_chunks_mut(self.extent * inner).with_min_len(64);
        rows.zip(inputs[0].real().par_chunks(size)).for_each(|(y, x)| {
            y.fill(T::ZERO);
            y[self.start * inner..][..size].copy_from_slice(x);
        });
    }
}

impl Graph {
    /// Elements `range` of `axis` of `x`, floats or words; the axis stays. An empty range is an error.
    pub fn slice(&mut self, x: Value, axis: usize, range: Range<usize>) -> Result<Value> {
        if self.shape(x).dims().get(axis) == Some(&range.end) && range.start == 0 {
            return Ok(x);
        }
        self.apply(Slice { axis, start: range.start, end: range.end }, &[x])
    }
    /// `x` set into zeros: `axis` gets `extent` elements, of which those from `start` are `x`.
    pub fn embed(&mut self, x: Value, axis: usize, start: usize, extent: usize) -> Result<Value> {
        if self.shape(x).dims().get(axis) == Some(&extent) && start == 0 {
            return Ok(x);
        }
        self.apply(Embed { axis, start, extent }, &[x])
    }
}

fn slice(dims: &[usize], axis: usize, start: usize, end: usize) -> OpCase {
    let op = Slice { axis, start, end };
    OpCase::new(format!("slice {dims:?}, axis {axis}, {start}..{end}"), op, [Gen::Normal(dims.into(), 1.0)])
        .tol(Tol::EXACT)
}
fn embed(dims: &[usize], axis: usize, start: usize, extent: usize) -> OpCase {
    let op = Embed { axis, start, extent };
    OpCase::new(format!("embed {dims:?}, axis {axis}, at {start} of {extent}"), op, [Gen::Normal(dims.into(), 1.0)])
        .tol(Tol::EXACT)
}

/// A slice of words, which the harness compares as f32.
fn words(dims: &[usize], axis: usize, start: usize, end: usize) -> OpCase {
    let name = format!("slice of words {dims:?}, axis {axis}, {start}..{end}");
    let case = OpCase::new(name, Slice { axis, start, end }, [Gen::Index(dims.into(), u32::MAX)]);
    case.tol(Tol { rel: 5.97e-8, ..Tol::EXACT }).no_grad("indices have no gradient")
}

pub(super) fn cases() -> Vec<OpCase> {
    vec![
        words(&[257], 0, 3, 66),
        words(&[7, 65], 1, 1, 65),
        words(&[3, 5, 7], 1, 0, 4),
        slice(&[257], 0, 3, 66),
        slice(&[257], 0, 256, 257),
        slice(&[7, 65], 0, 2, 7),
        slice(&[7, 65], 1, 0, 63),
        slice(&[1, 128], 1, 64, 128),
        slice(&[3, 5, 7, 4], 1, 1, 4),
        slice(&[3, 5, 7, 4], 3, 3, 4),
        slice(&[3, 5, 7, 4], 2, 0, 7),
        embed(&[63], 0, 1, 257),
        embed(&[5, 65], 0, 0, 7),
        embed(&[7, 5], 1, 60, 65),
        embed(&[2, 3, 5, 4], 1, 2, 6),
        embed(&[2, 3, 5, 4], 3, 0, 5),
        embed(&[2, 3, 5, 4], 2, 0, 5),
    ]
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let slice = |axis, start, end| Slice { axis, start, end };
    let embed = |axis, start, extent| Embed { axis, start, extent };
    let x = || [TensorType::f32([3, 4])];
    vec![
        ErrorCase::new(slice(2, 0, 1), x(), "is no range of"),
        ErrorCase::new(slice(1, 0, 5), x(), "is no range of"),
        ErrorCase::new(slice(1, 2, 2), x(), "is no range of"),
        ErrorCase::new(slice(0, 0, 1), [TensorType::u8([3])], "takes an F32 tensor"),
        ErrorCase::new(embed(2, 0, 5), x(), "does not fit"),
        ErrorCase::new(embed(1, 2, 5), x(), "does not fit"),
        ErrorCase::new(embed(1, usize::MAX, 5), x(), "does not fit"),
    ]
}

pub(super) fn bench() -> Vec<OpCase> {
    vec![slice(&[64, 32, 32, 64], 3, 0, 32), embed(&[64, 32, 32, 32], 3, 32, 64)]
}
