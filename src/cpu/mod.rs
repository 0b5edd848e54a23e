//! The reference: every op in plain Rust, generic over f32 and f64, and the interpreter that runs a graph with it.
//!
//! In f64 it is the oracle that the tests hold kernels against; in f32 it is the CPU device. The oracle runs the *unfused*
//! graph, so that comparing a whole model on both also tests fusion, planning and execution; the device joins pointwise
//! nodes to chains (`chain.rs`), which changes no bit. No kernel knowledge belongs here.

mod chain;
mod interpreter;
mod memory;
mod real;

use crate::tensor::TensorType;

pub use interpreter::Interpreter;
pub use memory::{Buffer, Memory};
pub use real::{Real, Strided, Threads};

/// A borrowed tensor of a reference: real numbers of type `T`, or indices or bytes.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T> {
    /// Shape and element type.
    pub ty: &'a TensorType,
    data: Elements<'a, T>,
}

#[derive(Clone, Copy, Debug)]
enum Elements<'a, T> {
    Real(&'a [T]),
    U32(&'a [u32]),
    U8(&'a [u8]),
}

impl<'a, T> View<'a, T> {
    /// A view of a buffer's elements `range` as `ty`.
    pub(crate) fn of(ty: &'a TensorType, buffer: &'a Buffer<T>, offset: usize) -> Self {
        let range = offset..offset + ty.len();
        let data = match buffer {
            Buffer::Real(v) => Elements::Real(&v[range]),
            Buffer::U32(v) => Elements::U32(&v[range]),
            Buffer::U8(v) => Elements::U8(&v[range]),
        };
        Self { ty, data }
    }
    /// The real elements; empty for another element type (which `infer` has excluded).
    pub fn real(&self) -> &'a [T] {
        match self.data {
            Elements::Real(v) => v,
            _ => &[],
        }
    }
    /// The indices; empty for another element type.
    pub fn u32(&self) -> &'a [u32] {
        match self.data {
            Elements::U32(v) => v,
            _ => &[],
        }
    }
    /// The bytes; empty for another element type.
    pub fn u8(&self) -> &'a [u8] {
        match self.data {
            Elements::U8(v) => v,
            _ => &[],
        }
    }
    /// The extents.
    pub fn dims(&self) -> &'a [usize] {
        self.ty.dims()
    }
}

/// The reference of an op: plain and obviously right. `out` has the inferred length and unspecified contents; an op whose
/// output is indices writes whole numbers, which the interpreter stores as `u32`.
pub trait Reference {
    /// Computes `out` from `inputs`.
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]);

    /// The same for an op whose output is indices, exact also beyond what `T` can count. Answers `false`, and writes nothing,
    /// where [`Reference::reference`] will do.
    fn words<T: Real>(&self, _inputs: &[View<'_, T>], _out: &mut [u32]) -> bool {
        false
    }

    /// The same in place, for an op that updates leading inputs: `leaves` are their elements, `inputs` the other inputs.
    /// Answers `false`, and changes nothing, where the op has no such way.
    fn update<T: Real>(&self, _leaves: &mut [&mut [T]], _inputs: &[View<'_, T>]) -> bool {
        false
    }
}

/// [`Reference`], object safe. Implemented for everything that implements it.
pub trait Evaluate {
    /// In f32.
    fn eval32(&self, inputs: &[View<'_, f32>], out: &mut [f32]);
    /// In f64.
    fn eval64(&self, inputs: &[View<'_, f64>], out: &mut [f64]);
    /// [`Reference::words`] beside f32.
    fn words32(&self, inputs: &[View<'_, f32>], out: &mut [u32]) -> bool;
    /// [`Reference::words`] beside f64.
    fn words64(&self, inputs: &[View<'_, f64>], out: &mut [u32]) -> bool;
    /// [`Reference::update`] in f32.
    fn update32(&self, leaves: &mut [&mut [f32]], inputs: &[View<'_, f32>]) -> bool;
    /// [`Reference::update`] in f64.
    fn update64(&self, leaves: &mut [&mut [f64]], inputs: &[View<'_, f64>]) -> bool;
}

impl<O: Reference> Evaluate for O {
    fn eval32(&self, inputs: &[View<'_, f32>], out: &mut [f32]) {
        self.reference(inputs, out);
    }
    fn eval64(&self, inputs: &[View<'_, f64>], out: &mut [f64]) {
        self.reference(inputs, out);
    }
    fn words32(&self, inputs: &[View<'_, f32>], out: &mut [u32]) -> bool {
        self.words(inputs, out)
    }
    fn words64(&self, inputs: &[View<'_, f64>], out: &mut [u32]) -> bool {
        self.words(inputs, out)
    }
    fn update32(&self, leaves: &mut [&mut [f32]], inputs: &[View<'_, f32>]) -> bool {
        self.update(leaves, inputs)
    }
    fn update64(&self, leaves: &mut [&mut [f64]], inputs: &[View<'_, f64>]) -> bool {
        self.update(leaves, inputs)
    }
}

/// f32 or f64 with its way into [`Evaluate`].
pub trait Scalar: Real {
    /// Runs the reference of `op` in this type.
    fn eval(op: &dyn crate::ops::Op, inputs: &[View<'_, Self>], out: &mut [Self]);
    /// Runs the reference in whole numbers of `op`, if it has one.
    fn words(op: &dyn crate::ops::Op, inputs: &[View<'_, Self>], out: &mut [u32]) -> bool;
    /// Runs the in-place reference of `op` in this type, if it has one.
    fn update(op: &dyn crate::ops::Op, leaves: &mut [&mut [Self]], inputs: &[View<'_, Self>]) -> bool;
}
impl Scalar for f32 {
    fn eval(op: &dyn crate::ops::Op, inputs: &[View<'_, f32>], out: &mut [f32]) {
        op.eval32(inputs, out);
    }
    fn words(op: &dyn crate::ops::Op, inputs: &[View<'_, f32>], out: &mut [u32]) -> bool {
        op.words32(inputs, out)
    }
    fn update(op: &dyn crate::ops::Op, leaves: &mut [&mut [f32]], inputs: &[View<'_, f32>]) -> bool {
        op.update32(leaves, inputs)
    }
}
impl Scalar for f64 {
    fn eval(op: &dyn crate::ops::Op, inputs: &[View<'_, f64>], out: &mut [f64]) {
        op.eval64(inputs, out);
    }
    fn words(op: &dyn crate::ops::Op, inputs: &[View<'_, f64>], out: &mut [u32]) -> bool {
        op.words64(inputs, out)
    }
    fn update(op: &dyn crate::ops::Op, leaves: &mut [&mut [f64]], inputs: &[View<'_, f64>]) -> bool {
        op.update64(leaves, inputs)
    }
}
