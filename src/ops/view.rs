//! The kernel that permute, slice and upsample share: a read through strides. Kernels only; each op keeps a reference of its
//! own, so that one mistake here cannot hide in both.

use super::{Bind, ChainSlot, Launch, Lowering};
use crate::error::{Error, Result};
use crate::tensor::{DType, TensorType};

/// Most terms a view can have.
pub const MAX_TERMS: usize = 6;

/// The parameters of `shaders/view.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct ViewParams {
    /// (extent, stride, 0, 0) of runs of axes, innermost first.
    pub terms: [[u32; 4]; MAX_TERMS],
    /// Elements of the output.
    pub len: u32,
    /// Element of the input that the output's first is.
    pub offset: u32,
    /// Unused.
    pub pad: [u32; 2],
}

/// A run of axes of the output: its extent, and how far apart its elements lie in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub extent: usize,
    pub stride: usize,
}

/// Element i of the output is that of the input at `offset` and the digits of i (`runs`, innermost first; at most
/// [`MAX_TERMS`]) times their strides.
pub(super) fn lowering(name: &'static str, runs: &[Run], offset: usize, len: usize) -> Lowering {
    let runs: Vec<Run> = runs.iter().copied().filter(|run| run.extent != 1).collect();
    let mut packed = [[1, 0, 0, 0]; MAX_TERMS];
    for (p, run) in packed.iter_mut().zip(&runs) {
        *p = [run.extent as u32, run.stride as u32, 0, 0];
    }
    let params = ViewParams { terms: packed, len: len as u32, offset: offset as u32, pad: [0; 2] };
    let launch = elementwise("view", &params, &[Bind::In(0), Bind::Out], len);
    let divisors: Vec<usize> = runs.iter().rev().skip(1).map(|run| run.extent).collect();
    Lowering::single(name, launch.spec("TERMS", runs.len().max(1) as u32).spec("DIVIDE", divide(&divisors, len)))
}

/// How kernels divide indices below `len` by `divisors`: the constant of `shaders/lib/index.wgsl`.
pub(super) fn divide(divisors: &[usize], len: usize) -> u32 {
    match divisors.iter().all(|d| d.is_power_of_two()) {
        true => 2,
        false => u32::from(len < 1 << 24),
    }
}

/// A launch over `len` elements that ends in an epilogue.
pub(super) fn elementwise<P: bytemuck::Pod>(kernel: &'static str, params: &P, binds: &[Bind], len: usize) -> Launch {
    Launch::elements(kernel, params, binds, len).chain(ChainSlot::Epilogue)
}

/// The one input, an F32 tensor with elements.
pub(super) fn one_f32<'a>(op: &str, inputs: &'a [TensorType]) -> Result<&'a TensorType> {
    match inputs {
        [x] if x.dtype == DType::F32 && !x.is_empty() => Ok(x),
        [x] => Err(Error::shape(op, format!("takes an F32 tensor with elements, not {x}"))),
        _ => Err(Error::shape(op, format!("takes one tensor, was given {}", inputs.len()))),
    }
}

/// Elements before and after `axis` of `dims`: the tensor is `[outer, dims[axis], inner]`.
pub(super) fn around(dims: &[usize], axis: usize) -> (usize, usize) {
    (dims[..axis].iter().product(), dims[axis + 1..].iter().product())
}
