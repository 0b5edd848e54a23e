//! What is known while a graph is built: tensors that hold one number everywhere. Functions of such tensors are evaluated
//! once, of constants at once, and a stretched number is read as the number it is. Backward passes are full of them: the
//! loss's cotangent is 1, a mean's is 1/n everywhere.

use super::{Graph, Value};
use crate::error::Result;
use crate::ops::pointwise::arithmetic::{ADD, AFFINE, FULL, IDENTITY, MUL};
use crate::ops::pointwise::{Function, Map};
use crate::tensor::{DType, Shape};
use std::ptr;

/// A tensor that holds one number everywhere.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Splat {
    /// This constant.
    Constant(f32),
    /// The one element of a value.
    Of(Value),
}

impl Graph {
    /// Applies `function` to `inputs`, which broadcast together.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] where they do not.
    pub(crate) fn map(&mut self, function: &'static Function, attrs: &[f32], inputs: &[Value]) -> Result<Value> {
        let mut shape = Some(Shape::default());
        for &v in inputs {
            shape = shape.and_then(|s| s.broadcast(self.shape(v)));
        }
        let splats: Vec<Option<Splat>> = inputs.iter().map(|&v| self.splat(v)).collect();
        let hidden = inputs.iter().zip(&splats).any(|(&v, splat)| splat.is_some_and(|s| s != Splat::Of(v)));
        let Some(shape) = shape.filter(|_| hidden && inputs.len() == function.arity) else {
            return self.apply(Map::new(function, attrs), inputs);
        };
        if let Some(known) = self.shortcut(function, attrs, inputs, &splats, &shape)? {
            return Ok(known);
        }
        let mut read = vec![];
        for (&v, splat) in inputs.iter().zip(&splats) {
            read.push(match *splat {
                Some(Splat::Of(scalar)) => self.reshape(scalar, Shape::default())?,
                Some(Splat::Constant(value)) => self.full(Shape::default(), value)?,
                None => v,
            });
        }
        if splats.iter().all(Option::is_some) && shape.len() > 1 {
            let one = self.apply(Map::new(function, attrs), &read)?;
            return self.expand(one, shape);
        }
        self.apply(Map { shape: Some(shape), ..Map::new(function, attrs) }, &read)
    }

    /// The value of a function that needs no new node of its own kind: constants of constants, and sums and products with
    /// a constant.
    fn shortcut(
        &mut self,
        function: &'static Function,
        attrs: &[f32],
        inputs: &[Value],
        splats: &[Option<Splat>],
        shape: &Shape,
    ) -> Result<Option<Value>> {
        let constant = |k: usize| match splats.get(k) {
            Some(Some(Splat::Constant(value))) => Some(*value),
            _ => None,
        };
        let constants: Option<Vec<f32>> = (0..inputs.len()).map(constant).collect();
        if let Some(constants) = constants {
            let blocks: Vec<&[f32]> = constants.chunks(1).collect();
            let mut value = [0.0];
            (function.eval32)(&blocks, attrs, &mut value);
            return self.full(shape.clone(), value[0]).map(Some);
        }
        let other = |k: usize| Some((inputs[1 - k], constant(k)?));
        let either = || other(0).or_else(|| other(1));
        let found = match function {
            f if ptr::eq(f, &MUL) => either().map(|(x, c)| (x, [c, 0.0])),
            f if ptr::eq(f, &ADD) => either().map(|(x, c)| (x, [1.0, c])),
            _ => None,
        };
        let Some((x, [a, b])) = found.filter(|(x, _)| self.shape(*x) == shape) else { return Ok(None) };
        match [a, b] == [1.0, 0.0] {
            true => Ok(Some(x)),
            false => self.map(&AFFINE, &[a, b], &[x]).map(Some),
        }
    }

    /// A tensor of `shape` filled with `value`.
    pub fn full(&mut self, shape: impl Into<Shape>, value: f32) -> Result<Value> {
        self.apply(Map { shape: Some(shape.into()), ..Map::new(&FULL, &[value]) }, &[])
    }

    /// `x` broadcast to `shape`.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] where it does not fit.
    pub fn expand(&mut self, x: Value, shape: impl Into<Shape>) -> Result<Value> {
        let shape = shape.into();
        if *self.shape(x) == shape {
            return Ok(x);
        }
        let fits = self.shape(x).broadcast(&shape).is_some_and(|s| s == shape);
        match self.splat(x).filter(|_| fits) {
            Some(Splat::Constant(value)) => self.full(shape, value),
            Some(Splat::Of(scalar)) if scalar != x && self.shape(x).rank() > 0 => {
                let scalar = self.reshape(scalar, Shape::default())?;
                self.expand(scalar, shape)
            }
            _ => self.apply(Map { shape: Some(shape), ..Map::new(&IDENTITY, &[]) }, &[x]),
        }
    }

    /// `x` seen as `shape`, if it holds one number everywhere: that number stretched to `shape` instead.
    pub(crate) fn reshaped_splat(&mut self, x: Value, shape: &Shape) -> Result<Option<Value>> {
        match self.splat(x).filter(|_| self.shape(x).len() == shape.len() && shape.len() > 1) {
            Some(Splat::Constant(value)) => self.full(shape.clone(), value).map(Some),
            Some(Splat::Of(scalar)) => {
                let scalar = self.reshape(scalar, Shape::default())?;
                self.expand(scalar, shape.clone()).map(Some)
            }
            None => Ok(None),
        }
    }

    /// The one number that `v` holds everywhere, if it is known to.
    fn splat(&self, v: Value) -> Option<Splat> {
        let node = self.node(v);
        let within = match node.op() {
            Some(op) if op.alias() => self.splat(node.inputs[0]),
            Some(op) => match op.pointwise() {
                Some(f) if ptr::eq(f.function, &FULL) => Some(Splat::Constant(f.attrs[0])),
                Some(f) if ptr::eq(f.function, &IDENTITY) => self.splat(node.inputs[0]),
                _ => None,
            },
            None => None,
        };
        let single = node.ty.len() == 1 && node.ty.dtype == DType::F32;
        match within {
            Some(Splat::Constant(value)) => Some(Splat::Constant(value)),
            _ if single => Some(Splat::Of(v)), // as it is seen here, whatever it was before
            other => other,
        }
    }
}
