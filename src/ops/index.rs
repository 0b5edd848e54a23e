//! Between indices and floats: one-hot rows, masks from lengths, positions, and where a row has its smallest or largest
//! element.

use super::rows::Rows;
use super::view::{divide, elementwise};
use super::{Bind, Lowering, Op, Vjp};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::{DType, Shape, TensorType};
use crate::testing::{ErrorCase, Gen, OpCase, Tol};

/// How a column is compared with its row's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 1 at the index: one-hot. An index past the last column leaves its row 0.
    At,
    /// 1 before the index: a mask from a length.
    Before,
}

/// Rows of `columns` ones and zeros by U32 indices [..]: [.., columns].
#[derive(Clone, Debug)]
pub struct CompareIndex {
    /// Where the ones are.
    pub kind: Kind,
    /// Elements a row.
    pub columns: usize,
}

/// Positions along `axis` of `shape`, as floats. No inputs.
#[derive(Clone, Debug)]
pub struct Iota {
    /// The output's shape.
    pub shape: Shape,
    /// Along which axis it counts.
    pub axis: usize,
}

/// Where each row [.., C] has its smallest element, or its largest; the first of several: U32 [..].
#[derive(Clone, Debug)]
pub struct ArgExtreme {
    /// Whether the largest.
    pub max: bool,
}

/// The parameters of `shaders/compare_index.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct CompareIndexParams {
    /// Elements of the output.
    pub len: u32,
    /// Elements a row.
    pub columns: u32,
    /// Nothing.
    pub pad: [u32; 2],
}

/// The parameters of `shaders/iota.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct IotaParams {
    /// Elements of the output.
    pub len: u32,
    /// Of the axis.
    pub extent: u32,
    /// Elements behind it.
    pub inner: u32,
    /// Nothing.
    pub pad: u32,
}

impl Op for CompareIndex {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::At => "one_hot",
            Kind::Before => "length_mask",
        }
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let [index] = inputs else { return Err(Error::shape(self.name(), "takes one tensor of indices")) };
        if index.dtype != DType::U32 || index.is_empty() || self.columns == 0 {
            let message = format!("takes U32 indices and 1 column or more, not {index} and {}", self.columns);
            return Err(Error::shape(self.name(), message));
        }
        if u32::try_from(index.len() * self.columns).is_err() {
            let message = format!("{index} by {} has 2³² elements or more; split it", self.columns);
            return Err(Error::shape(self.name(), message));
        }
        Ok(TensorType::f32([index.dims(), &[self.columns]].concat()))
    }
    fn vjp(&self, _: &mut Graph, _: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None])
    }
    fn variants(&self, _: &[TensorType], out: &TensorType, _: &Caps) -> Vec<Lowering> {
        let params = CompareIndexParams { len: out.len() as u32, columns: self.columns as u32, pad: [0; 2] };
        let launch = elementwise("compare_index", &params, &[Bind::In(0), Bind::Out], out.len());
        let launch = launch.spec("BEFORE", self.kind == Kind::Before);
        vec![Lowering::single("elements", launch.spec("DIVIDE", divide(&[self.columns], out.len())))]
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

impl Reference for CompareIndex {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let index = inputs[0].u32();
        Rows::each(out, self.columns, |row, out| {
            for (column, y) in out.iter_mut().enumerate() {
                let one = match self.kind {
                    Kind::At => column == index[row] as usize,
                    Kind::Before => column < index[row] as usize,
                };
                *y = if one { T::ONE } else { T::ZERO };
            }
        });
    }
}

impl Op for Iota {
    fn name(&self) -> &'static str {
        "iota"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        match inputs.is_empty() && self.axis < self.shape.rank() && !self.shape.is_empty() {
            true => Ok(TensorType::f32(self.shape.clone())),
            false => Err(Error::shape("iota", format!("{} has no axis {} with elements", self.shape, self.axis))),
        }
    }
    fn vjp(&self, _: &mut Graph, _: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![])
    }
    fn variants(&self, _: &[TensorType], out: &TensorType, _: &Caps) -> Vec<Lowering> {
        let (_, inner) = super::view::around(out.dims(), self.axis);
        let extent = out.dims()[self.axis];
        let params = IotaParams { len: out.len() as u32, extent: extent as u32, inner: inner as u32, pad: 0 };
        let launch = elementwise("iota", &params, &[Bind::Out], out.len());
        vec![Lowering::single("elements", launch.spec("DIVIDE", divide(&[extent, inner], out.len())))]
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

impl Reference for Iota {
    fn reference<T: Real>(&self, _: &[View<'_, T>], out: &mut [T]) {
        let (_, inner) = super::view::around(self.shape.dims(), self.axis);
        let extent = self.shape.dims()[self.axis];
        out.iter_mut().enumerate().for_each(|(i, y)| *y = T::of((i / inner % extent) as f64));
    }
}

impl Op for ArgExtreme {
    fn name(&self) -> &'static str {
        if self.max { "argmax" } else { "argmin" }
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let [x] = inputs else { return Err(Error::shape(self.name(), "takes one tensor")) };
        match Rows::of(self.name(), x)?.columns < 1 << 24 {
            true => Ok(TensorType::u32(Rows::outer(x))),
            false => Err(Error::shape(self.name(), format!("rows of {x} have 2²⁴ elements or more"))),
        }
    }
    fn vjp(&self, _: &mut Graph, _: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None])
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let finish = |launch: super::Launch| launch.spec("MAX", self.max);
        Rows::seen(&inputs[0]).variants("arg_extreme", 0.0, &[Bind::In(0), Bind::Out], caps, finish)
    }
}

impl Reference for ArgExtreme {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (x, columns) = (inputs[0].real(), inputs[0].ty.shape.last());
        Rows::each(out, 1, |row, out| {
            let x = &x[row * columns..][..columns];
            let better = |a: T, b: T| if self.max { a > b } else { a < b };
            let best = (1..columns).fold(0, |best, c| if better(x[c], x[best]) { c } else { best });
            out[0] = T::of(best as f64);
        });
    }
}

impl Graph {
    /// U32 `index` [..] as rows of zeros with a 1 at the index: [.., classes]. An index from `classes` on leaves its row 0.
    ///
    /// # Errors
    /// [`Error::Shape`] for other element types, or 0 classes.
    pub fn one_hot(&mut self, index: Value, classes: usize) -> Result<Value> {
        self.apply(CompareIndex { kind: Kind::At, columns: classes }, &[index])
    }
    /// Which of `steps` steps lie within U32 `lengths` [..]: 1 for step < length, else 0: [.., steps].
    ///
    /// # Errors
    /// [`Error::Shape`] for other element types, or 0 steps.
    pub fn length_mask(&mut self, lengths: Value, steps: usize) -> Result<Value> {
        self.apply(CompareIndex { kind: Kind::Before, columns: steps }, &[lengths])
    }
    /// Positions 0, 1, 2, … along `axis` of a tensor of this shape, as floats.
    ///
    /// # Errors
    /// [`Error::Shape`] where there is no such axis.
    pub fn iota(&mut self, shape: impl Into<Shape>, axis: usize) -> Result<Value> {
        self.apply(Iota { shape: shape.into(), axis }, &[])
    }
    /// Where each row of `x` [.., C] has its smallest element, the first of several: U32 [..]. Not differentiable.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` is no F32 tensor with an axis.
    pub fn argmin(&mut self, x: Value) -> Result<Value> {
        self.apply(ArgExtreme { max: false }, &[x])
    }
    /// Where each row of `x` [.., C] has its largest element, the first of several: U32 [..]. Not differentiable.
    ///
    /// # Errors
    /// As [`Graph::argmin`].
    pub fn argmax(&mut self, x: Value) -> Result<Value> {
        self.apply(ArgExtreme { max: true }, &[x])
    }
}

pub(super) fn cases() -> Vec<OpCase> {
    let mut cases = vec![];
    let lists: [(&[usize], usize); 5] = [(&[], 3), (&[1], 1), (&[65], 7), (&[3, 5], 64), (&[131], 33)];
    for (shape, columns) in lists {
        for kind in [Kind::At, Kind::Before] {
            let index = Gen::Index(shape.into(), columns as u32 + 2);
            let case = OpCase::new(format!("{shape:?} by {columns}"), CompareIndex { kind, columns }, [index]);
            cases.push(case.tol(Tol::EXACT).no_grad("indices have no gradient"));
        }
    }
    let iotas: [(&[usize], usize); 4] = [(&[1], 0), (&[257], 0), (&[3, 7, 5], 1), (&[9, 65], 1)];
    for (shape, axis) in iotas {
        let op = Iota { shape: shape.into(), axis };
        cases.push(OpCase::new(format!("{shape:?} along {axis}"), op, []).tol(Tol::EXACT).no_grad("it has no inputs"));
    }
    let ties = || Gen::Values([4, 5].into(), [3., 1., 1., 3., 2., 0., 0., 0., 0., 0.].repeat(2));
    let wide = || Gen::Values([2, 300].into(), (0..600).map(|i| ((i * 7) % 50) as f32).collect());
    for max in [false, true] {
        for x in [Gen::normal([1, 1]), Gen::normal([5]), Gen::normal([7, 65]), Gen::normal([2, 65, 33]), ties(), wide()]
        {
            let name = format!("{:?}", x.ty().dims());
            cases.push(OpCase::new(name, ArgExtreme { max }, [x]).tol(Tol::EXACT).no_grad("it is a step"));
        }
    }
    cases
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let hot = |columns| CompareIndex { kind: Kind::At, columns };
    vec![
        ErrorCase::new(hot(3), [TensorType::f32([2])], "takes U32 indices"),
        ErrorCase::new(hot(0), [TensorType::u32([2])], "1 column or more"),
        ErrorCase::new(hot(1 << 16), [TensorType::u32([1 << 16])], "split it"),
        ErrorCase::new(hot(3), [], "takes one tensor"),
        ErrorCase::new(Iota { shape: [3].into(), axis: 1 }, [], "has no axis 1"),
        ErrorCase::new(ArgExtreme { max: false }, [TensorType::f32([])], "takes an F32 tensor"),
        ErrorCase::new(ArgExtreme { max: true }, [TensorType::f32([1, 1 << 24])], "2²⁴ elements"),
    ]
}
