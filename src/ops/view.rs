//! The kernel that permute, slice and upsample share: a read through strides. Kernels only; each op keeps a reference of its
//! own, so that one mistake here cannot hide in both.

use super::pointwise::Term;
use super::{Bind, ChainSlot, Launch, Lowering};
use crate::error::{Error, Result};
use crate::tensor::{DType, TensorType};

/// Most terms a view can have.
pub const MAX_TERMS: usize = 6;

/// The parameters of `shaders/view.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct ViewParams {
    /// (div, modulo, stride, 0) of runs of axes.
    pub terms: [[u32; 4]; MAX_TERMS],
    /// Elements of the output.
    pub len: u32,
    /// Element of the input that the output's first is.
    pub offset: u32,
    /// Unused.
    pub pad: [u32; 2],
}

/// `y[i] = x[offset + Σ (i / div % modulo) · stride]` for `len` elements. There are at most [`MAX_TERMS`] terms.
pub(super) fn lowering(name: &'static str, terms: &[Term], offset: usize, len: usize) -> Lowering {
    let mut packed = [[1, 1, 0, 0]; MAX_TERMS];
    for (p, t) in packed.iter_mut().zip(terms) {
        *p = [t.div as u32, t.modulo as u32, t.stride as u32, 0];
    }
    let params = ViewParams { terms: packed, len: len as u32, offset: offset as u32, pad: [0; 2] };
    Lowering::single(
        name,
        elementwise("view", &params, &[Bind::In(0), Bind::Out], len).spec("TERMS", terms.len() as u32),
    )
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
