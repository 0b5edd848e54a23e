//! Softmax over the last axis, its logarithm, and the log probability of one category a row: what attention and categorical
//! likelihoods are made of.
//!
//! softmax: y = e^x / Σ e^x, dx = y·(dy − Σ y·dy). Logarithm: y = x − ln Σ e^x, dx = dy − e^y·Σ dy. Log probability:
//! y = x_t − ln Σ e^x, dx = dy·(1_t − softmax x). The maximum of a row is taken out first, so nothing overflows.

use super::rows::Rows;
use super::view::{divide, elementwise};
use super::{Bind, ChainSlot, Cost, Launch, Lowering, Op, Vjp};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::TensorType;
use crate::testing::{ErrorCase, Gen, OpCase, Tol};

/// Softmax of each row, or its logarithm.
#[derive(Clone, Debug)]
pub struct Softmax {
    /// Whether the logarithm.
    pub log: bool,
}

/// The gradient of [`Softmax`]. Inputs: its result y, and dy.
#[derive(Clone, Debug)]
pub struct SoftmaxGrad {
    /// Whether of the logarithm.
    pub log: bool,
}

/// ln of the probability of one category a row. Inputs: logits [.., C], targets U32 [..]; targets past the last mean it.
#[derive(Clone, Debug)]
pub struct CategoryLogProb;

/// The gradient of [`CategoryLogProb`] to the logits. Inputs: logits, targets, its result y, and dy.
#[derive(Clone, Debug)]
pub struct CategoryLogProbGrad;

/// The parameters of `shaders/category_log_prob_grad.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct CategoryGradParams {
    /// Elements of the logits.
    pub len: u32,
    /// Categories.
    pub columns: u32,
    /// Nothing.
    pub pad: [u32; 2],
}

fn count(op: &str, inputs: &[TensorType], count: usize) -> Result<()> {
    match inputs.len() == count {
        true => Ok(()),
        false => Err(Error::shape(op, format!("takes {count} tensors, was given {}", inputs.len()))),
    }
}

fn expect(op: &str, what: &str, ty: &TensorType, wanted: &TensorType) -> Result<()> {
    match ty == wanted {
        true => Ok(()),
        false => Err(Error::shape(op, format!("{what} must be {wanted}, not {ty}"))),
    }
}

fn no_second_derivative(g: &Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
    Err(Error::Graph(format!("{} has no second derivative", g.label(at.out))))
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax" } else { "softmax" }
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        count(self.name(), inputs, 1)?;
        Rows::of(self.name(), &inputs[0])?;
        Ok(inputs[0].clone())
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![Some(g.apply(SoftmaxGrad { log: self.log }, &[at.out, at.dout])?)])
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let finish = |launch: Launch| launch.spec("LOG", self.log).chain(ChainSlot::Epilogue);
        Rows::seen(&inputs[0]).variants("softmax", 0.0, &[Bind::In(0), Bind::Out], caps, finish)
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        Cost { flops: 20 * out.len() as u64, bytes: (inputs[0].bytes() + out.bytes()) as u64 }
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

/// The maximum of a row, and ln Σ e^(x − maximum).
fn total<T: Real>(x: &[T]) -> (T, T) {
    let top = x.iter().fold(x[0], |top, &x| top.max(x));
    let sum: T = x.iter().map(|&x| (x - top).exp()).sum();
    (top, sum.ln())
}

impl Reference for Softmax {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (x, columns) = (inputs[0].real(), inputs[0].ty.shape.last());
        Rows::each(out, columns, |row, out| {
            let x = &x[row * columns..][..columns];
            let (top, log) = total(x);
            out.iter_mut().zip(x).for_each(|(y, &x)| *y = x - top - log);
            if !self.log {
                out.iter_mut().for_each(|y| *y = y.exp());
            }
        });
    }
}

impl Op for SoftmaxGrad {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax_grad" } else { "softmax_grad" }
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        count(self.name(), inputs, 2)?;
        Rows::of(self.name(), &inputs[0])?;
        expect(self.name(), "dy", &inputs[1], &inputs[0])?;
        Ok(inputs[0].clone())
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        no_second_derivative(g, at)
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let binds = [Bind::In(0), Bind::In(1), Bind::Out];
        let finish = |launch: Launch| launch.spec("LOG", self.log).chain(ChainSlot::Epilogue);
        Rows::seen(&inputs[0]).variants("softmax_grad", 0.0, &binds, caps, finish)
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

impl Reference for SoftmaxGrad {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (y, dy, columns) = (inputs[0].real(), inputs[1].real(), inputs[0].ty.shape.last());
        Rows::each(out, columns, |row, out| {
            let (y, dy) = (&y[row * columns..][..columns], &dy[row * columns..][..columns]);
            let weight = |y: T| if self.log { T::ONE } else { y };
            let sum: T = y.iter().zip(dy).map(|(&y, &dy)| weight(y) * dy).sum();
            for (dx, (&y, &dy)) in out.iter_mut().zip(y.iter().zip(dy)) {
                *dx = if self.log { dy - y.exp() * sum } else { y * (dy - sum) };
            }
        });
    }
}

/// Checks logits and targets.
fn categories(op: &str, inputs: &[TensorType], given: usize) -> Result<TensorType> {
    count(op, inputs, given)?;
    Rows::of(op, &inputs[0])?;
    expect(op, "targets", &inputs[1], &TensorType::u32(Rows::outer(&inputs[0])))?;
    Ok(TensorType::f32(Rows::outer(&inputs[0])))
}

impl Op for CategoryLogProb {
    fn name(&self) -> &'static str {
        "category_log_prob"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        categories(self.name(), inputs, 2)
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let dx = g.apply(CategoryLogProbGrad, &[at.inputs[0], at.inputs[1], at.out, at.dout])?;
        Ok(vec![Some(dx), None])
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let binds = [Bind::In(0), Bind::In(1), Bind::Out];
        let finish = |launch: Launch| launch.chain(ChainSlot::Epilogue);
        Rows::seen(&inputs[0]).variants("category_log_prob", 0.0, &binds, caps, finish)
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        let bytes = inputs.iter().map(TensorType::bytes).sum::<usize>() + out.bytes();
        Cost { flops: 10 * inputs[0].len() as u64, bytes: bytes as u64 }
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

impl Reference for CategoryLogProb {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (x, targets, columns) = (inputs[0].real(), inputs[1].u32(), inputs[0].ty.shape.last());
        Rows::each(out, 1, |row, out| {
            let x = &x[row * columns..][..columns];
            let (top, log) = total(x);
            out[0] = x[(targets[row] as usize).min(columns - 1)] - top - log;
        });
    }
}

impl Op for CategoryLogProbGrad {
    fn name(&self) -> &'static str {
        "category_log_prob_grad"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let out = categories(self.name(), inputs, 4)?;
        expect(self.name(), "y", &inputs[2], &out)?;
        expect(self.name(), "dy", &inputs[3], &out)?;
        Ok(inputs[0].clone())
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        no_second_derivative(g, at)
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, _: &Caps) -> Vec<Lowering> {
        let columns = inputs[0].shape.last();
        let params = CategoryGradParams { len: out.len() as u32, columns: columns as u32, pad: [0; 2] };
        let binds = [Bind::In(0), Bind::In(1), Bind::In(2), Bind::In(3), Bind::Out];
        let launch = elementwise("category_log_prob_grad", &params, &binds, out.len());
        vec![Lowering::single("elements", launch.spec("DIVIDE", divide(&[columns], out.len())))]
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        Cost { flops: 12 * out.len() as u64, bytes: (inputs[0].bytes() + out.bytes()) as u64 }
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

impl Reference for CategoryLogProbGrad {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (x, targets, columns) = (inputs[0].real(), inputs[1].u32(), inputs[0].ty.shape.last());
        let (y, dy) = (inputs[2].real(), inputs[3].real());
        Rows::each(out, columns, |row, out| {
            let x = &x[row * columns..][..columns];
            let target = (targets[row] as usize).min(columns - 1);
            let log_total = x[target] - y[row];
            out.iter_mut().zip(x).for_each(|(dx, &x)| *dx = -dy[row] * (x - log_total).exp());
            out[target] += dy[row];
        });
    }
}

impl Graph {
    /// e^x / Σ e^x over the last axis.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` is no F32 tensor with an axis.
    pub fn softmax(&mut self, x: Value) -> Result<Value> {
        self.apply(Softmax { log: false }, &[x])
    }
    /// x − ln Σ e^x over the last axis, nats.
    ///
    /// # Errors
    /// As [`Graph::softmax`].
    pub fn log_softmax(&mut self, x: Value) -> Result<Value> {
        self.apply(Softmax { log: true }, &[x])
    }
    /// [`Graph::softmax`] over the elements whose `mask` (F32, 1 or 0, broadcasting to `x`) is 1; the others get 0, all of them
    /// in a row without any 1. `x` must lie within ±10⁴.
    ///
    /// # Errors
    /// As [`Graph::softmax`], and where the shapes do not broadcast.
    pub fn masked_softmax(&mut self, x: Value, mask: Value) -> Result<Value> {
        // Finite in f16 too; e^−20000 is 0.
        let away = self.affine(mask, 3e4, -3e4)?;
        let x = self.add(x, away)?;
        let y = self.softmax(x)?;
        self.mul(y, mask)
    }
    /// ln of the probability that logits [.., C] give to `targets` (U32 [..]), nats: [..]. A target past the last category
    /// means it: mask what is padded. The negative is the cross entropy.
    ///
    /// # Errors
    /// [`Error::Shape`] where the shapes do not fit.
    pub fn category_log_prob(&mut self, logits: Value, targets: Value) -> Result<Value> {
        self.apply(CategoryLogProb, &[logits, targets])
    }
}

/// Shapes: one column, a column past a power of two, past a workgroup, no leading axis, many short rows.
const SHAPES: [&[usize]; 8] = [&[1, 1], &[5], &[7, 65], &[2, 3, 33], &[3, 1000], &[131, 3], &[40, 10], &[2, 257]];

pub(super) fn cases() -> Vec<OpCase> {
    // e^d errs by 3 + 2|d| ulp for |d| up to some 30, which the sum and the logarithm keep.
    let tol = Tol { abs: 4e-6, rel: 1e-5, depth: 0.0 };
    let mut cases = vec![];
    for shape in SHAPES {
        let x = || Gen::Normal(shape.into(), 4.0);
        let outer = &shape[..shape.len() - 1];
        let columns = shape[shape.len() - 1] as u32;
        let rows: usize = outer.iter().product();
        let targets = || Gen::Words(outer.into(), (0..rows as u32).map(|r| (r * 7 + 3) % columns).collect());
        for log in [false, true] {
            cases.push(OpCase::new(format!("{shape:?}"), Softmax { log }, [x()]).tol(tol));
            let y = if log { Gen::uniform(shape, -9.0, -0.1) } else { Gen::uniform(shape, 0.0, 1.0) };
            let sums = Tol { abs: 1e-6 * f64::from(columns), ..tol };
            let case = OpCase::new(format!("{shape:?}"), SoftmaxGrad { log }, [y, Gen::normal(shape)]);
            cases.push(case.tol(sums).no_grad("it is a gradient itself"));
        }
        cases.push(OpCase::new(format!("{shape:?}"), CategoryLogProb, [x(), targets()]).tol(tol));
        let result = || Gen::uniform(outer, -9.0, -4.0);
        let inputs = [Gen::Normal(shape.into(), 1.0), targets(), result(), Gen::normal(outer)];
        let case = OpCase::new(format!("{shape:?}"), CategoryLogProbGrad, inputs);
        cases.push(case.tol(Tol { rel: 2e-5, ..tol }).no_grad("it is a gradient itself"));
    }
    let far = || Gen::Values([3, 4].into(), vec![1e4, -1e4, 0., 88., -1e38, 1e38, 0., 0., -3e4, -3e4, 5., 5.]);
    for log in [false, true] {
        let case = OpCase::new("far", Softmax { log }, [far()]).tol(tol);
        cases.push(case.no_grad("checked at ordinary inputs"));
    }
    let beyond = Gen::Words([3].into(), vec![4, u32::MAX, 3]);
    cases.push(OpCase::new("targets beyond", CategoryLogProb, [Gen::normal([3, 4]), beyond]).tol(tol));
    cases
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let f = |dims: &[usize]| TensorType::f32(dims);
    let u = |dims: &[usize]| TensorType::u32(dims);
    vec![
        ErrorCase::new(Softmax { log: false }, [u(&[3])], "takes an F32 tensor [.., columns]"),
        ErrorCase::new(Softmax { log: false }, [f(&[])], "takes an F32 tensor [.., columns]"),
        ErrorCase::new(Softmax { log: true }, [f(&[3]), f(&[3])], "takes 1 tensors"),
        ErrorCase::new(SoftmaxGrad { log: true }, [f(&[3]), f(&[4])], "dy must be F32[3]"),
        ErrorCase::new(CategoryLogProb, [f(&[2, 3]), u(&[3])], "targets must be U32[2]"),
        ErrorCase::new(CategoryLogProb, [f(&[2, 3]), f(&[2])], "targets must be U32[2]"),
        ErrorCase::new(CategoryLogProbGrad, [f(&[2, 3]), u(&[2]), f(&[2]), f(&[3])], "dy must be F32[2]"),
    ]
}

pub(super) fn bench() -> Vec<OpCase> {
    let logits = || Gen::normal([2048, 5000]);
    vec![
        OpCase::new("512x64x64", Softmax { log: false }, [Gen::normal([512, 64, 64])]),
        OpCase::new("2048x5000", CategoryLogProb, [logits(), Gen::Index([2048].into(), 5000)]),
    ]
}
