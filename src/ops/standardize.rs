//! Rows with mean 0 and variance 1: the heart of layer normalization (Ba 2016, arXiv 1607.06450), whose scale and shift are
//! pointwise and fuse.
//!
//! y = (x − mean)/√(variance + ε) over the last axis, the variance biased; dx = (dy − m(dy) − y·m(dy·y))/√(variance + ε), m
//! being the mean over the row.

use super::rows::Rows;
use super::{Bind, ChainSlot, Cost, Launch, Lowering, Op, Vjp};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::TensorType;
use crate::testing::{ErrorCase, Gen, OpCase, Tol};

/// Standardizes each row.
#[derive(Clone, Debug)]
pub struct Standardize {
    /// Added to variances.
    pub eps: f32,
}

/// The gradient of [`Standardize`]. Inputs: x and dy.
#[derive(Clone, Debug)]
pub struct StandardizeGrad {
    /// Added to variances.
    pub eps: f32,
}

impl Op for Standardize {
    fn name(&self) -> &'static str {
        "standardize"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let [x] = inputs else { return Err(Error::shape(self.name(), "takes one tensor")) };
        Rows::of(self.name(), x)?;
        Ok(x.clone())
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![Some(g.apply(StandardizeGrad { eps: self.eps }, &[at.inputs[0], at.dout])?)])
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let finish = |launch: Launch| launch.chain(ChainSlot::Epilogue);
        Rows::seen(&inputs[0]).variants("standardize", self.eps, &[Bind::In(0), Bind::Out], caps, finish)
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        Cost { flops: 6 * out.len() as u64, bytes: (inputs[0].bytes() + out.bytes()) as u64 }
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

/// Mean of a row and 1/√(variance + ε).
fn moments<T: Real>(x: &[T], eps: f32) -> (T, T) {
    let count = x.len() as f64;
    let mean = x.iter().map(|x| x.f64()).sum::<f64>() / count;
    let variance = x.iter().map(|x| (x.f64() - mean).powi(2)).sum::<f64>() / count;
    (T::of(mean), T::of(1.0 / (variance + f64::from(eps)).sqrt()))
}

impl Reference for Standardize {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (x, columns) = (inputs[0].real(), inputs[0].ty.shape.last());
        Rows::each(out, columns, |row, out| {
            let x = &x[row * columns..][..columns];
            let (mean, rstd) = moments(x, self.eps);
            out.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - mean) * rstd);
        });
    }
}

impl Op for StandardizeGrad {
    fn name(&self) -> &'static str {
        "standardize_grad"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let [x, dy] = inputs else { return Err(Error::shape(self.name(), "takes x and dy")) };
        Rows::of(self.name(), x)?;
        match x == dy {
            true => Ok(x.clone()),
            false => Err(Error::shape(self.name(), format!("dy must be {x}, not {dy}"))),
        }
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Err(Error::Graph(format!("{} has no second derivative", g.label(at.out))))
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let binds = [Bind::In(0), Bind::In(1), Bind::Out];
        let finish = |launch: Launch| launch.chain(ChainSlot::Epilogue);
        Rows::seen(&inputs[0]).variants("standardize_grad", self.eps, &binds, caps, finish)
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        Cost { flops: 14 * out.len() as u64, bytes: (2 * inputs[0].bytes() + out.bytes()) as u64 }
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

impl Reference for StandardizeGrad {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (x, dy, columns) = (inputs[0].real(), inputs[1].real(), inputs[0].ty.shape.last());
        Rows::each(out, columns, |row, out| {
            let (x, dy) = (&x[row * columns..][..columns], &dy[row * columns..][..columns]);
            let (mean, rstd) = moments(x, self.eps);
            let y = |x: T| (x - mean) * rstd;
            let count = T::of(columns as f64);
            let first = dy.iter().copied().sum::<T>() / count;
            let second = x.iter().zip(dy).map(|(&x, &dy)| dy * y(x)).sum::<T>() / count;
            for (dx, (&x, &dy)) in out.iter_mut().zip(x.iter().zip(dy)) {
                *dx = rstd * (dy - first - y(x) * second);
            }
        });
    }
}

impl Graph {
    /// (x − mean)/√(variance + `eps`) over the last axis.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` is no F32 tensor with an axis.
    pub fn standardize(&mut self, x: Value, eps: f32) -> Result<Value> {
        self.apply(Standardize { eps }, &[x])
    }
    /// Layer normalization (Ba 2016, arXiv 1607.06450, equation 4) over the last axis: γ·standardized x + β, γ and β \[C\].
    ///
    /// # Errors
    /// As [`Graph::standardize`], and where γ and β do not fit.
    pub fn layer_norm(&mut self, x: Value, gamma: Value, beta: Value, eps: f32) -> Result<Value> {
        let y = self.standardize(x, eps)?;
        let y = self.mul(y, gamma)?;
        self.add(y, beta)
    }
}

pub(super) fn cases() -> Vec<OpCase> {
    let shapes: [&[usize]; 7] = [&[1, 1], &[5], &[7, 65], &[2, 3, 33], &[3, 1000], &[131, 3], &[2, 257]];
    let mut cases = vec![];
    for shape in shapes {
        let (x, dy) = (|| Gen::Normal(shape.into(), 1.5), || Gen::normal(shape));
        // Sums of up to 1000 terms, each rounding a partial sum; what is divided by may be a third of one where rows are short.
        let tol = Tol { abs: 2e-5, rel: 4e-6, depth: 0.0 };
        cases.push(OpCase::new(format!("{shape:?}"), Standardize { eps: 1e-5 }, [x()]).tol(tol));
        let case = OpCase::new(format!("{shape:?}"), StandardizeGrad { eps: 1e-5 }, [x(), dy()]);
        // A row of three may by chance lie close together: its 1/√variance of some 10 enters cubed.
        let tol = Tol { abs: if shape == [131, 3] { 1e-3 } else { 5e-5 }, rel: 2e-5, depth: 0.0 };
        cases.push(case.tol(tol).no_grad("it is a gradient itself"));
    }
    // Mean 1000, standard deviation 1: the mean rounds by 3·10⁻⁵.
    let wave = |i: usize| 1000.0 + 12f32.sqrt() * ((i as f32 * 0.618_034).fract() - 0.5);
    let far = Gen::Values([3, 500].into(), (0..1500).map(wave).collect());
    let tol = Tol { abs: 2e-4, rel: 1e-5, depth: 0.0 };
    cases.push(OpCase::new("far", Standardize { eps: 1e-5 }, [far]).tol(tol).no_grad("checked at ordinary inputs"));
    // All elements equal: zeros, not a division by zero.
    let flat = Gen::Values([2, 9].into(), vec![3.7; 18]);
    cases.push(
        OpCase::new("flat", Standardize { eps: 1e-5 }, [flat]).tol(tol).no_grad("differences leave what is linear"),
    );
    cases
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let f = |dims: &[usize]| TensorType::f32(dims);
    vec![
        ErrorCase::new(Standardize { eps: 1e-5 }, [f(&[])], "takes an F32 tensor [.., columns]"),
        ErrorCase::new(Standardize { eps: 1e-5 }, [f(&[2]), f(&[2])], "takes one tensor"),
        ErrorCase::new(StandardizeGrad { eps: 1e-5 }, [f(&[2]), f(&[3])], "dy must be F32[2]"),
    ]
}

pub(super) fn bench() -> Vec<OpCase> {
    let x = || Gen::normal([2048, 256]);
    vec![
        OpCase::new("2048x256", Standardize { eps: 1e-5 }, [x()]),
        OpCase::new("2048x256", StandardizeGrad { eps: 1e-5 }, [x(), x()]),
    ]
}
