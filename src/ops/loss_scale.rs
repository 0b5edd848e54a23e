//! Dynamic loss scaling (Micikevicius et al. 2018, arXiv 1710.03740), on the device: a step that overflows is skipped by the
//! optimizer, and the very next step runs at half the scale, whatever the host knows by then.
//!
//! Scale S and count n of good steps: where ‖g‖ is not finite S ← max(S / 2, least), n ← 0; else n ← n + 1, and at n = every
//! S ← min(2S, most), n ← 0. S stays a power of two if it starts as one, so scaling loses no bit.

use super::{Bind, Launch, Lowering, Op, Vjp};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::TensorType;
use crate::testing::{ErrorCase, Gen, OpCase, Tol};

/// The next loss scale, in place. Inputs: scale and count of good steps (numbers, both updated), sums `F32[n]` that add up to
/// the square of the gradients' norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossScale {
    /// Good steps after which the scale doubles.
    pub every: u32,
    /// The smallest scale.
    pub least: f32,
    /// The largest.
    pub most: f32,
}

/// The parameters of `shaders/loss_scale.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct LossScaleParams {
    /// Sums of squares.
    pub sums: u32,
    /// See [`LossScale`].
    pub every: u32,
    /// See [`LossScale`].
    pub least: f32,
    /// See [`LossScale`].
    pub most: f32,
}

impl Op for LossScale {
    fn name(&self) -> &'static str {
        "loss_scale"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let number = TensorType::f32([]);
        match inputs {
            [scale, good, sums]
                if *scale == number
                    && *good == number
                    && *sums == TensorType::f32([sums.len()])
                    && !sums.is_empty() =>
            {
                Ok(TensorType::f32([2]))
            }
            _ => Err(Error::shape("loss_scale", format!("takes two numbers F32[] and sums F32[n], not {inputs:?}"))),
        }
    }
    fn vjp(&self, _: &mut Graph, _: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None; 3])
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, _: &Caps) -> Vec<Lowering> {
        let Self { every, least, most } = *self;
        let params = LossScaleParams { sums: inputs[2].len() as u32, every, least, most };
        let binds = [Bind::In(0), Bind::In(1), Bind::In(2)];
        vec![Lowering::single("one", Launch::new("loss_scale", &params, &binds, 1))]
    }
    fn updates(&self) -> usize {
        2
    }
}

impl Reference for LossScale {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let [scale, good, sums] = [0, 1, 2].map(|k| inputs[k].real());
        let total = sums.iter().fold(T::ZERO, |sum, &x| sum + x);
        let (scale, good) = (scale[0], good[0] + T::ONE);
        let (least, most, two) = (T::of(self.least.into()), T::of(self.most.into()), T::of(2.0));
        let (half, double) = (scale / two, scale * two);
        (out[0], out[1]) = if !total.is_finite() {
            (if half > least { half } else { least }, T::ZERO)
        } else if good >= T::of(self.every.into()) {
            (if double > most { most } else { double }, T::ZERO)
        } else {
            (scale, good)
        };
    }
}

pub(super) fn cases() -> Vec<OpCase> {
    let op = LossScale { every: 5, least: 2.0, most: 64.0 };
    let (good, bad) = (vec![4.0, 9.0], vec![4.0, f32::INFINITY]);
    let many = |odd: f32| (0..133).map(|k| if k == 131 { odd } else { 1.0 }).collect::<Vec<_>>();
    let list = [
        ("counts", 16.0, 3.0, good.clone()),
        ("doubles", 16.0, 4.0, good.clone()),
        ("at most", 64.0, 4.0, good),
        ("halves", 16.0, 4.0, bad.clone()),
        ("at least", 2.0, 0.0, bad),
        ("NaN", 8.0, 1.0, vec![f32::NAN]),
        ("many", 8.0, 4.0, many(1.0)),
        ("one of many", 8.0, 4.0, many(f32::INFINITY)),
    ];
    let case = |(name, scale, good, sums): (&str, f32, f32, Vec<f32>)| {
        let number = |x: f32| Gen::Values([].into(), vec![x]);
        let inputs = [number(scale), number(good), Gen::Values([sums.len()].into(), sums)];
        OpCase::new(name, op, inputs).tol(Tol::EXACT).no_grad("it updates leaves in place")
    };
    list.into_iter().map(case).collect()
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let op = LossScale { every: 5, least: 2.0, most: 64.0 };
    let (number, one) = (TensorType::f32([]), TensorType::f32([1]));
    vec![
        ErrorCase::new(op, [number.clone(), number.clone()], "two numbers"),
        ErrorCase::new(op, [number.clone(), number.clone(), number.clone()], "sums F32[n]"),
        ErrorCase::new(op, [number, one.clone(), one], "two numbers"),
    ]
}
