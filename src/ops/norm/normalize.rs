//! y = (x − mean) / √(variance + ε) · γ + β with given statistics. Where they are x's own the gradient includes them.

use super::{NormGrad, NormSums, Segments};
use crate::cpu::{Real, Reference, View};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::ops::{Bind, Cost, Lowering, Op, Vjp};
use crate::tensor::TensorType;
use rayon::prelude::*;

/// Inputs: x, its statistics as [`super::Moments`] gives them, γ and β \[channels\].
#[derive(Clone, Debug)]
pub struct Normalize {
    /// Added to variances.
    pub eps: f32,
    /// As in [`super::Moments`].
    pub groups: Option<usize>,
    /// Whether the statistics are those of x: then dx is the whole gradient, through them too. Otherwise they are constants.
    pub own: bool,
}

impl Op for Normalize {
    fn name(&self) -> &'static str {
        "normalize"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let name = self.name();
        super::expect_count(name, inputs, 4)?;
        let view = Segments::of(name, &inputs[0], self.groups)?;
        super::expect(name, inputs, 1, "statistics", &view.stats())?;
        super::expect(name, inputs, 2, "gamma", &TensorType::f32([view.channels]))?;
        super::expect(name, inputs, 3, "beta", &TensorType::f32([view.channels]))?;
        Ok(inputs[0].clone())
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let [x, stats, gamma] = [0, 1, 2].map(|k| at.inputs[k]);
        let view = Segments::seen(g.shape(x).dims(), self.groups);
        let mut grads = vec![None; 4];
        let mut own = None;
        if at.need[2] || at.need[3] || self.own {
            let sums = g.apply(NormSums { eps: self.eps, groups: self.groups }, &[at.dout, x, stats])?;
            let channels = if view.n == 1 { sums } else { g.sum(sums, &[1])? };
            let channels = g.reshape(channels, [2, view.channels])?;
            for (row, k) in [(1, 2), (0, 3)].into_iter().filter(|&(_, k)| at.need[k]) {
                let grad = g.slice(channels, 0, row..row + 1)?;
                grads[k] = Some(g.reshape(grad, [view.channels])?);
            }
            own = self.own.then_some(sums);
        }
        if at.need[0] {
            let sums = match own {
                Some(sums) => sums,
                None => g.full([2, view.n, view.channels], 0.0)?,
            };
            let op = NormGrad { eps: self.eps, groups: self.groups };
            grads[0] = Some(g.apply(op, &[at.dout, x, stats, gamma, sums])?);
        }
        Ok(grads)
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let binds = [Bind::In(0), Bind::In(1), Bind::In(2), Bind::In(3), Bind::Out];
        let view = Segments::seen(inputs[0].dims(), self.groups);
        vec![Lowering::single("blocks", view.elements("norm_apply", self.eps, &binds, caps))]
    }
    fn cost(&self, inputs: &[TensorType], _: &TensorType) -> Cost {
        Cost { flops: 4 * inputs[0].len() as u64, bytes: 2 * inputs[0].bytes() as u64 }
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

impl Reference for Normalize {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let view = Segments::seen(inputs[0].dims(), self.groups);
        let [x, stats, gamma, beta] = [0, 1, 2, 3].map(|k| inputs[k].real());
        let (mean, variance) = stats.split_at(stats.len() / 2);
        let rstd = |s: usize| T::ONE / (variance[s] + T::of(self.eps.into())).sqrt();
        let (mean, rstd) = (view.by_channel(|s| mean[s]), view.by_channel(rstd));
        let rows = out.par_chunks_mut(view.channels).zip(x.par_chunks(view.channels)).enumerate();
        rows.with_min_len(64).for_each(|(row, (out, x))| {
            let len = x.len();
            let of_n = row / view.rows * len..(row / view.rows + 1) * len;
            let (mean, rstd) = (&mean[of_n.clone()], &rstd[of_n]);
            let (out, gamma, beta) = (&mut out[..len], &gamma[..len], &beta[..len]);
            for c in 0..len {
                out[c] = (x[c] - mean[c]) * rstd[c] * gamma[c] + beta[c];
            }
        });
    }
}
