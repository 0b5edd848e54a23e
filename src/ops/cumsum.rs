//! Running sums along an axis. Each is the other's gradient: forwards y_k = Σ x_m over m ≤ k, backwards over m ≥ k.

use super::view::{around, one_f32};
use super::{Bind, ChainSlot, Launch, Lowering, Op, Vjp};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::TensorType;
use crate::testing::{ErrorCase, Gen, OpCase, Tol};

/// Sums along `axis` so far, from its first element or (`backward`) from its last.
#[derive(Clone, Debug)]
pub struct Cumsum {
    /// Along which axis.
    pub axis: usize,
    /// Whether from the last element.
    pub backward: bool,
}

/// The parameters of `shaders/cumsum.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct CumsumParams {
    /// Lines along the axis.
    pub lines: u32,
    /// Extent of the axis.
    pub extent: u32,
    /// Elements behind it.
    pub inner: u32,
    /// Nothing.
    pub pad: u32,
}

impl Op for Cumsum {
    fn name(&self) -> &'static str {
        "cumsum"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let x = one_f32("cumsum", inputs)?;
        match self.axis < x.shape.rank() {
            true => Ok(x.clone()),
            false => Err(Error::shape("cumsum", format!("{x} has no axis {}", self.axis))),
        }
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![Some(g.apply(Cumsum { axis: self.axis, backward: !self.backward }, &[at.dout])?)])
    }
    fn variants(&self, _: &[TensorType], out: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let (outer, inner) = around(out.dims(), self.axis);
        let (lines, extent) = (outer * inner, out.dims()[self.axis]);
        let params = CumsumParams { lines: lines as u32, extent: extent as u32, inner: inner as u32, pad: 0 };
        let wg = if caps.software { 8 } else { 64 };
        let launch = Launch::new("cumsum", &params, &[Bind::In(0), Bind::Out], lines.div_ceil(wg) as u64);
        let launch = launch.spec("WG", wg as u32).spec("BACKWARD", self.backward).chain(ChainSlot::Epilogue);
        vec![Lowering::single("lines", launch)]
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
    fn sums_products(&self) -> bool {
        true
    }
}

impl Reference for Cumsum {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (_, inner) = around(inputs[0].dims(), self.axis);
        let extent = inputs[0].dims()[self.axis];
        for (x, out) in inputs[0].real().chunks(extent * inner).zip(out.chunks_mut(extent * inner)) {
            for i in 0..inner {
                let mut sum = T::ZERO;
                for k in 0..extent {
                    let at = i + inner * if self.backward { extent - 1 - k } else { k };
                    sum += x[at];
                    out[at] = sum;
                }
            }
        }
    }
}

impl Graph {
    /// Sums of `x` along `axis` up to each element, itself included.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` is no F32 tensor with this axis.
    pub fn cumsum(&mut self, x: Value, axis: usize) -> Result<Value> {
        self.apply(Cumsum { axis, backward: false }, &[x])
    }
}

pub(super) fn cases() -> Vec<OpCase> {
    let shapes: [(&[usize], usize); 7] =
        [(&[1], 0), (&[257], 0), (&[7, 65], 1), (&[65, 7], 0), (&[3, 5, 7], 1), (&[2, 1, 9], 1), (&[131, 3, 1], 1)];
    let mut cases = vec![];
    for (shape, axis) in shapes {
        for backward in [false, true] {
            let name = format!("{shape:?} along {axis}{}", if backward { " backward" } else { "" });
            let case = OpCase::new(name, Cumsum { axis, backward }, [Gen::Normal(shape.into(), 1.0)]);
            cases.push(case.tol(Tol::products(shape[axis])));
        }
    }
    cases
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let op = || Cumsum { axis: 1, backward: false };
    vec![
        ErrorCase::new(op(), [TensorType::f32([3])], "has no axis 1"),
        ErrorCase::new(op(), [TensorType::u32([3, 4])], "takes an F32 tensor"),
    ]
}
