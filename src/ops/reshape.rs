//! Reshape: the same elements in the same order under another shape. An alias: no kernel, no copy.

use super::{Lowering, Op, Vjp};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::{Shape, TensorType};
use crate::testing::{ErrorCase, Gen, OpCase, Tol};

/// See the module.
#[derive(Clone, Debug)]
pub struct Reshape {
    /// The new shape.
    pub shape: Shape,
}

impl Op for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        match inputs {
            [x] if x.len() == self.shape.len() => Ok(TensorType { shape: self.shape.clone(), dtype: x.dtype }),
            _ => Err(Error::shape("reshape", format!("{inputs:?} does not have the elements of {}", self.shape))),
        }
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let shape = g.shape(at.inputs[0]).clone();
        Ok(vec![Some(g.reshape(at.dout, shape)?)])
    }
    fn variants(&self, _: &[TensorType], _: &TensorType, _: &Caps) -> Vec<Lowering> {
        vec![]
    }
    fn alias(&self) -> bool {
        true
    }
}

impl Reference for Reshape {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        out.copy_from_slice(inputs[0].real());
    }
}

impl Graph {
    /// `x` under another shape with as many elements.
    pub fn reshape(&mut self, x: Value, shape: impl Into<Shape>) -> Result<Value> {
        let shape = shape.into();
        if *self.shape(x) == shape {
            return Ok(x);
        }
        match self.reshaped_splat(x, &shape)? {
            Some(known) => Ok(known),
            None => self.apply(Reshape { shape }, &[x]),
        }
    }
}

pub(super) fn cases() -> Vec<OpCase> {
    vec![
        OpCase::new("[6, 35] to [5, 7, 6]", Reshape { shape: [5, 7, 6].into() }, [Gen::normal([6, 35])])
            .tol(Tol::EXACT),
    ]
}

pub(super) fn errors() -> Vec<ErrorCase> {
    vec![ErrorCase::new(Reshape { shape: [7].into() }, [TensorType::f32([2, 3])], "does not have the elements")]
}
