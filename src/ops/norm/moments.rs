//! Mean and biased variance of each segment, joined in a fixed tree from the means and squared deviations of parts (Chan,
//! Golub and LeVeque 1979), which stays exact where the mean is large; and the running statistics that follow them.

use super::{Fold, Segments};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::ops::{Bind, Cost, Launch, Lowering, Op, Vjp, traffic};
use crate::tensor::{DType, TensorType};

/// Statistics of x: [2, channels] without groups, [2, n, groups] with.
#[derive(Clone, Debug)]
pub struct Moments {
    /// `None`: over all axes but the last. `Some(g)`: for each n and each of g groups of channels.
    pub groups: Option<usize>,
}

impl Op for Moments {
    fn name(&self) -> &'static str {
        "moments"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        super::expect_count(self.name(), inputs, 1)?;
        Ok(Segments::of(self.name(), &inputs[0], self.groups)?.stats())
    }
    /// [`super::Normalize`] with its own statistics carries the gradient through them to x; nothing else may ask for it.
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let label = g.label(at.out);
        Err(Error::Graph(format!("{label}: a gradient flows through statistics only in batch_norm and group_norm")))
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let view = Segments::seen(inputs[0].dims(), self.groups);
        let each = view.width() == 1;
        let fold = Segments::fold(if each { view.channels } else { view.width() }, caps);
        let columns = if each { view.channels.div_ceil(fold.lanes) } else { view.groups };
        let launch = |fold: Fold, each: bool, block: usize, binds: &[Bind], groups: usize| {
            Launch::new("norm_moments", &view.params(block, 0.0), binds, groups as u64)
                .spec("WG", fold.wg as u32)
                .spec("LANES", fold.lanes as u32)
                .spec("EACH", each)
        };
        let groups = view.n * columns;
        let whole = launch(fold, each, view.rows, &[Bind::In(0), Bind::Out], groups);
        let mut variants = vec![Lowering::single("whole", whole)];
        let block = view.block(fold, columns, caps);
        let chunks = view.rows.div_ceil(block);
        if chunks > 1 {
            let join = Segments::fold(view.groups, caps);
            let joined = view.n * view.groups.div_ceil(join.lanes);
            let first = launch(fold, each, block, &[Bind::In(0), Bind::Scratch(0)], chunks * groups);
            let second = launch(join, true, block, &[Bind::Scratch(0), Bind::Out], joined).spec("JOIN", true);
            let parts = 2 * view.n * chunks * view.groups;
            let split =
                Lowering { name: "split", passes: vec![first, second], scratch: vec![TensorType::f32([parts])] };
            let len = inputs[0].len();
            let one = traffic::pass(caps, len, groups * fold.wg);
            let two =
                traffic::pass(caps, len, chunks * groups * fold.wg) + traffic::pass(caps, parts, joined * join.wg);
            variants.insert(usize::from(one <= two), split);
        }
        variants
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        Cost { flops: 4 * inputs[0].len() as u64, bytes: (inputs[0].bytes() + out.bytes()) as u64 }
    }
}

impl Reference for Moments {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let view = Segments::seen(inputs[0].dims(), self.groups);
        let count = view.count() as f64;
        let x = inputs[0].real();
        let means: Vec<f64> = segment_sums(&view, x, |_, x| x).iter().map(|s| s / count).collect();
        let centre = view.by_channel(|s| means[s]);
        let squares = segment_sums(&view, x, |at, x| (x - centre[at]) * (x - centre[at]));
        let (mean, variance) = out.split_at_mut(means.len());
        mean.iter_mut().zip(&means).for_each(|(o, &m)| *o = T::of(m));
        variance.iter_mut().zip(squares).for_each(|(o, s)| *o = T::of(s / count));
    }
}

/// Σ f(n · channels + c, x) over each segment, in f64 and a fixed order.
fn segment_sums<T: Real>(view: &Segments, x: &[T], f: impl Fn(usize, f64) -> f64 + Sync) -> Vec<f64> {
    let channels = view.channels;
    let totals = view.fold_rows(channels, |n, rows, acc| {
        for x in x[rows].chunks_exact(channels) {
            for c in 0..channels {
                acc[c] += f(n * channels + c, x[c].f64());
            }
        }
    });
    let group = |total: &Vec<f64>| total.chunks(view.width()).map(|c| c.iter().sum()).collect::<Vec<f64>>();
    totals.iter().flat_map(group).collect()
}

/// Running statistics, in place: inputs are the running ones (updated) and a batch's, both [2, channels].
#[derive(Clone, Copy, Debug)]
pub struct TrackMoments {
    /// Weight of the batch.
    pub momentum: f32,
    /// Elements behind each statistic.
    pub count: usize,
}

/// The parameters of `shaders/norm_track.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct TrackParams {
    /// Channels.
    pub channels: u32,
    /// Weight of the batch.
    pub momentum: f32,
    /// count / (count − 1).
    pub unbias: f32,
    /// Nothing.
    pub pad: u32,
}

impl TrackMoments {
    /// count / (count − 1); a single element has no unbiased variance and keeps its biased one, 0.
    fn unbias(&self) -> f64 {
        self.count as f64 / self.count.saturating_sub(1).max(1) as f64
    }
}

impl Op for TrackMoments {
    fn name(&self) -> &'static str {
        "track_moments"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        match inputs {
            [running, batch]
                if running == batch && matches!(batch.dims(), [2, c] if *c > 0) && batch.dtype == DType::F32 =>
            {
                Ok(TensorType::f32([running.len()]))
            }
            _ => Err(Error::shape(
                self.name(),
                format!("takes running and batch statistics F32[2, channels]: {inputs:?}"),
            )),
        }
    }
    fn vjp(&self, _: &mut Graph, _: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None, None])
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, _: &Caps) -> Vec<Lowering> {
        let len = inputs[0].len();
        let params =
            TrackParams { channels: len as u32 / 2, momentum: self.momentum, unbias: self.unbias() as f32, pad: 0 };
        let launch = Launch::new("norm_track", &params, &[Bind::In(0), Bind::In(1)], (len as u64).div_ceil(64));
        vec![Lowering::single("elements", launch)]
    }
    fn updates(&self) -> usize {
        1
    }
}

impl Reference for TrackMoments {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (running, batch) = (inputs[0].real(), inputs[1].real());
        let momentum = T::of(self.momentum.into());
        for (i, out) in out.iter_mut().enumerate() {
            let factor = if 2 * i < running.len() { T::ONE } else { T::of(self.unbias()) };
            let value = batch[i] * factor;
            *out = if batch[i].is_finite() { running[i] + momentum * (value - running[i]) } else { running[i] };
        }
    }
}
