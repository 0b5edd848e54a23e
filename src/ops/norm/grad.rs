//! The gradient of [`super::Normalize`]: sums over rows, from which dγ and dβ follow, and dx.
//!
//! With x̂ = (x − mean)·rstd and m the mean over a segment (arXiv 1502.03167, section 3):
//! dβ = Σ dy, dγ = Σ dy·x̂, dx = rstd·(γ·dy − m(γ·dy) − x̂·m(γ·dy·x̂)).

use super::Segments;
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::ops::{Bind, Cost, Launch, Lowering, Op, Vjp, reduce, traffic};
use crate::tensor::TensorType;
use rayon::prelude::*;

/// Σ dy and Σ dy·x̂ over the rows of each n and channel: [2, n, channels]. Inputs: dy, x, statistics.
#[derive(Clone, Debug)]
pub struct NormSums {
    /// Added to variances.
    pub eps: f32,
    /// As in [`super::Moments`].
    pub groups: Option<usize>,
}

/// dx. Inputs: dy, x, statistics, γ, and the sums that [`NormSums`] gives, from which the means follow.
#[derive(Clone, Debug)]
pub struct NormGrad {
    /// Added to variances.
    pub eps: f32,
    /// As in [`super::Moments`].
    pub groups: Option<usize>,
}

/// Checks dy, x and the statistics, which come first in both ops.
fn infer(op: &str, inputs: &[TensorType], count: usize, groups: Option<usize>) -> Result<Segments> {
    super::expect_count(op, inputs, count)?;
    let view = Segments::of(op, &inputs[0], groups)?;
    super::expect(op, inputs, 1, "x", &inputs[0])?;
    super::expect(op, inputs, 2, "statistics", &view.stats())?;
    Ok(view)
}

fn no_second_derivative(g: &Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
    Err(Error::Graph(format!("{} has no second derivative", g.label(at.out))))
}

impl Op for NormSums {
    fn name(&self) -> &'static str {
        "norm_sums"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let view = infer(self.name(), inputs, 3, self.groups)?;
        Ok(TensorType::f32([2, view.n, view.channels]))
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        no_second_derivative(g, at)
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let view = Segments::seen(inputs[0].dims(), self.groups);
        let fold = Segments::fold(view.channels, caps);
        let columns = view.channels.div_ceil(fold.lanes);
        let groups = view.n * columns;
        let launch = |block: usize, groups: usize, to: Bind| {
            let binds = [Bind::In(0), Bind::In(1), Bind::In(2), to];
            Launch::new("norm_sums", &view.params(block, self.eps), &binds, groups as u64)
                .spec("WG", fold.wg as u32)
                .spec("LANES", fold.lanes as u32)
        };
        let mut variants = vec![Lowering::single("whole", launch(view.rows, groups, Bind::Out))];
        let block = view.block(fold, columns, caps);
        let chunks = view.rows.div_ceil(block);
        if chunks > 1 {
            let (second, lanes) = reduce::second(out.len(), chunks, 1.0, false, caps);
            let passes = vec![launch(block, chunks * groups, Bind::Scratch(0)), second];
            let split = Lowering { name: "split", passes, scratch: vec![TensorType::f32([chunks * out.len()])] };
            let len = 2 * inputs[0].len();
            let one = traffic::pass(caps, len, groups * fold.wg);
            let two =
                traffic::pass(caps, len, chunks * groups * fold.wg) + traffic::pass(caps, chunks * out.len(), lanes);
            variants.insert(usize::from(one <= two), split);
        }
        variants
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        Cost { flops: 4 * inputs[0].len() as u64, bytes: (2 * inputs[0].bytes() + out.bytes()) as u64 }
    }
}

impl Reference for NormSums {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let view = Segments::seen(inputs[0].dims(), self.groups);
        let [dy, x, stats] = [0, 1, 2].map(|k| inputs[k].real());
        let (mean, variance) = stats.split_at(stats.len() / 2);
        let mean = view.by_channel(|s| mean[s]);
        let channels = view.channels;
        // Sums, then products, of each channel.
        let totals = view.fold_rows(2 * channels, |n, rows, acc| {
            let mean = &mean[n * channels..][..channels];
            let (sums, products) = acc.split_at_mut(channels);
            for (dy, x) in dy[rows.clone()].chunks_exact(channels).zip(x[rows].chunks_exact(channels)) {
                for c in 0..channels {
                    sums[c] += dy[c].f64();
                    products[c] += dy[c].f64() * (x[c] - mean[c]).f64();
                }
            }
        });
        let (sums, products) = out.split_at_mut(view.n * channels);
        for i in 0..view.n * channels {
            let (n, c) = (i / channels, i % channels);
            let variance = variance[view.segment(n, c)].f64() + f64::from(self.eps);
            sums[i] = T::of(totals[n][c]);
            products[i] = T::of(totals[n][channels + c] / variance.sqrt());
        }
    }
}

impl Op for NormGrad {
    fn name(&self) -> &'static str {
        "norm_grad"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let view = infer(self.name(), inputs, 5, self.groups)?;
        super::expect(self.name(), inputs, 3, "gamma", &TensorType::f32([view.channels]))?;
        super::expect(self.name(), inputs, 4, "sums", &TensorType::f32([2, view.n, view.channels]))?;
        Ok(inputs[0].clone())
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        no_second_derivative(g, at)
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let view = Segments::seen(inputs[0].dims(), self.groups);
        let grad = |means: Bind| {
            let binds = [Bind::In(0), Bind::In(1), Bind::In(2), Bind::In(3), means, Bind::Out];
            view.elements("norm_grad", self.eps, &binds, caps)
        };
        if view.width() == 1 {
            return vec![Lowering::single("blocks", grad(Bind::In(4)).spec("SUMS", true))];
        }
        let stats = view.stats();
        let binds = [Bind::In(4), Bind::In(3), Bind::Scratch(0)];
        let means = view.params(view.rows, self.eps);
        let means = Launch::new("norm_means", &means, &binds, (stats.len() as u64).div_ceil(64));
        vec![Lowering { name: "blocks", passes: vec![means, grad(Bind::Scratch(0))], scratch: vec![stats] }]
    }
    fn cost(&self, inputs: &[TensorType], _: &TensorType) -> Cost {
        Cost { flops: 8 * inputs[0].len() as u64, bytes: 3 * inputs[0].bytes() as u64 }
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

impl Reference for NormGrad {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let view = Segments::seen(inputs[0].dims(), self.groups);
        let [dy, x, stats, gamma, sums] = [0, 1, 2, 3, 4].map(|k| inputs[k].real());
        let (mean, variance) = stats.split_at(stats.len() / 2);
        // m(γ·dy), then m(γ·dy·x̂), of each segment.
        let total = |sums: &[T]| sums.iter().zip(gamma).map(|(&s, &g)| s * g).collect::<Vec<T>>();
        let totals: Vec<T> = sums.chunks(view.channels).flat_map(total).collect();
        let count = T::of(view.count() as f64);
        let means: Vec<T> = totals.chunks(view.width()).map(|c| c.iter().copied().sum::<T>() / count).collect();
        let (first, second) = means.split_at(means.len() / 2);
        let rstd = |s: usize| T::ONE / (variance[s] + T::of(self.eps.into())).sqrt();
        let (mean, rstd) = (view.by_channel(|s| mean[s]), view.by_channel(rstd));
        let (first, second) = (view.by_channel(|s| first[s]), view.by_channel(|s| second[s]));
        let len = view.channels;
        out.par_chunks_mut(len).with_min_len(64).enumerate().for_each(|(row, out)| {
            let of_n = row / view.rows * len;
            let [mean, rstd, first, second] = [&mean, &rstd, &first, &second].map(|v| &v[of_n..][..len]);
            let [dy, x] = [dy, x].map(|v| &v[row * len..][..len]);
            let (out, gamma) = (&mut out[..len], &gamma[..len]);
            for c in 0..len {
                let normal = (x[c] - mean[c]) * rstd[c];
                out[c] = (gamma[c] * dy[c] - first[c] - normal * second[c]) * rstd[c];
            }
        });
    }
}
