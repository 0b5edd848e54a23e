//! Batch and group normalization of channels-last tensors: their statistics, their application, their gradients.
//!
//! Everything here sees x as [n, rows, channels] whose statistics are taken over segments (n, group): all rows and
//! channels/groups channels of one n. Batch norm (Ioffe & Szegedy 2015, arXiv 1502.03167) is the case of n = 1 and a group
//! for every channel; group norm (Wu & He 2018, arXiv 1803.08494) takes n from the first axis. Statistics are one tensor,
//! means first, then biased variances: [2, channels], or [2, n, groups].
//!
//! Layers, running statistics' names and the choice between training and inference belong to `nn`, not here.

mod cases;
pub mod grad;
pub mod moments;
pub mod normalize;

pub(super) use cases::{bench, cases, errors};

use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use crate::lower::caps::Caps;
use crate::ops::{Bind, ChainSlot, Launch};
use crate::tensor::TensorType;
use rayon::prelude::*;
use std::ops::Range;

pub use grad::{NormGrad, NormSums};
pub use moments::{Moments, TrackMoments};
pub use normalize::Normalize;

/// The parameters that the kernels share: `shaders/norm/params.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct NormParams {
    /// First extent; 1 for batch norm.
    pub n: u32,
    /// Rows of channels for each n.
    pub rows: u32,
    /// Channels.
    pub channels: u32,
    /// Groups of channels.
    pub groups: u32,
    /// Channels a group.
    pub width: u32,
    /// How many blocks the rows of an n are cut into.
    pub chunks: u32,
    /// Rows a block; the last may have fewer.
    pub block: u32,
    /// Added to variances.
    pub eps: f32,
}

/// How a kernel that folds rows lays its workgroup over them: `wg` invocations, `lanes` of them along channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fold {
    wg: usize,
    lanes: usize,
}

/// x as [n, rows, channels] with its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segments {
    pub n: usize,
    pub rows: usize,
    pub channels: usize,
    pub groups: usize,
    batch: bool,
}

impl Segments {
    /// How `op` sees `x`.
    pub fn of(op: &str, x: &TensorType, groups: Option<usize>) -> Result<Self> {
        if *x != TensorType::f32(x.shape.clone()) || x.is_empty() || x.dims().len() < 2 {
            let message = format!("takes an F32 tensor [.., channels] of two axes or more with elements, not {x}");
            return Err(Error::shape(op, message));
        }
        match groups {
            Some(g) if g == 0 || !x.shape.last().is_multiple_of(g) => {
                Err(Error::shape(op, format!("{} channels do not divide into {g} groups ({x})", x.shape.last())))
            }
            _ => Ok(Self::seen(x.dims(), groups)),
        }
    }
    /// [`Segments::of`] for a shape that it has accepted.
    pub fn seen(dims: &[usize], groups: Option<usize>) -> Self {
        let channels = dims[dims.len() - 1];
        let n = if groups.is_some() { dims[0] } else { 1 };
        let rows = dims.iter().product::<usize>() / (n * channels);
        Self { n, rows, channels, groups: groups.unwrap_or(channels), batch: groups.is_none() }
    }
    /// Channels a group.
    pub fn width(&self) -> usize {
        self.channels / self.groups
    }
    /// Elements a segment.
    pub fn count(&self) -> usize {
        self.rows * self.width()
    }
    /// The segment of channel `c` of `n`.
    pub fn segment(&self, n: usize, c: usize) -> usize {
        n * self.groups + c / self.width()
    }
    /// Figures of segments, one for each n and channel: what loops over rows read in order.
    fn by_channel<T: Copy>(&self, figures: impl Fn(usize) -> T) -> Vec<T> {
        (0..self.n * self.channels).map(|i| figures(self.segment(i / self.channels, i % self.channels))).collect()
    }
    /// `len` totals for each n, in a fixed order: `add(n, range, acc)` adds the elements `range` of x, whole rows, to `acc`;
    /// blocks of rows go in parallel, their results are added one after another.
    fn fold_rows(&self, len: usize, add: impl Fn(usize, Range<usize>, &mut [f64]) + Sync) -> Vec<Vec<f64>> {
        const ROWS: usize = 256;
        let each = self.rows.div_ceil(ROWS);
        let block = |task: usize| {
            let (n, block) = (task / each, task % each);
            let row = |r: usize| (n * self.rows + self.rows.min(r)) * self.channels;
            let mut acc = vec![0.0; len];
            add(n, row(block * ROWS)..row((block + 1) * ROWS), &mut acc);
            acc
        };
        let blocks: Vec<Vec<f64>> = (0..self.n * each).into_par_iter().map(block).collect();
        let mut totals = vec![vec![0.0; len]; self.n];
        for (task, block) in blocks.iter().enumerate() {
            totals[task / each].iter_mut().zip(block).for_each(|(total, part)| *total += part);
        }
        totals
    }
    /// The type of the statistics.
    pub fn stats(&self) -> TensorType {
        if self.batch { TensorType::f32([2, self.channels]) } else { TensorType::f32([2, self.n, self.groups]) }
    }
    /// The kernels' parameters where rows are cut into blocks of `block`.
    pub fn params(&self, block: usize, eps: f32) -> NormParams {
        NormParams {
            n: self.n as u32,
            rows: self.rows as u32,
            channels: self.channels as u32,
            groups: self.groups as u32,
            width: self.width() as u32,
            chunks: self.rows.div_ceil(block) as u32,
            block: block as u32,
            eps,
        }
    }
    /// A launch of `kernel` over all elements of x, by blocks of rows: long enough that looking up a channel's figures does not
    /// count, short enough that a block stays in a core's nearest cache.
    fn elements(&self, kernel: &'static str, eps: f32, binds: &[Bind], caps: &Caps) -> Launch {
        let (wg, wanted, least): (u32, usize, usize) = if caps.software { (8, 4096, 16) } else { (64, 1024, 4) };
        let whole = (wg as usize / self.channels).max(1);
        let block = (wanted / self.channels).max(least * whole).next_multiple_of(whole).min(self.rows);
        let params = self.params(block, eps);
        let groups = self.n as u64 * u64::from(params.chunks);
        Launch::new(kernel, &params, binds, groups).spec("WG", wg).chain(ChainSlot::Epilogue)
    }
    /// The workgroup of a fold over rows where `columns` channels lie side by side.
    fn fold(columns: usize, caps: &Caps) -> Fold {
        let (wg, most) = if caps.software { (8, 8) } else { (256, 32) };
        Fold { wg, lanes: columns.next_power_of_two().min(most) }
    }
    /// Rows a block of a fold by `fold` with `columns` workgroups: as many blocks as fill the device, of eight rows an
    /// invocation at least.
    fn block(&self, fold: Fold, columns: usize, caps: &Caps) -> usize {
        let wanted = if caps.software { 32 } else { 1024 };
        let least = 8 * fold.wg / fold.lanes;
        self.rows.div_ceil((wanted / (self.n * columns)).max(1)).max(least).min(self.rows)
    }
}

/// That `inputs[k]`, which the op calls `what`, has type `ty`.
fn expect(op: &str, inputs: &[TensorType], k: usize, what: &str, ty: &TensorType) -> Result<()> {
    if inputs[k] == *ty {
        return Ok(());
    }
    Err(Error::shape(op, format!("{what} must be {ty} where the first tensor is {}, not {}", inputs[0], inputs[k])))
}

/// That there are `count` inputs.
fn expect_count(op: &str, inputs: &[TensorType], count: usize) -> Result<()> {
    match inputs.len() == count {
        true => Ok(()),
        false => Err(Error::shape(op, format!("takes {count} tensors, was given {}", inputs.len()))),
    }
}

impl Graph {
    /// Batch norm of `x` [.., channels] over all axes but the last, with `gamma` and `beta` \[channels\]. Returns the result
    /// and the statistics [2, channels] (mean, biased variance) for [`Graph::update_running`]. The gradient flows through
    /// the statistics.
    pub fn batch_norm(&mut self, x: Value, gamma: Value, beta: Value, eps: f32) -> Result<(Value, Value)> {
        let stats = self.apply(Moments { groups: None }, &[x])?;
        let y = self.apply(Normalize { eps, groups: None, own: true }, &[x, stats, gamma, beta])?;
        Ok((y, stats))
    }
    /// Batch norm of `x` with given statistics [2, channels], which are constants for the gradient: inference, or frozen
    /// layers.
    pub fn normalize(&mut self, x: Value, stats: Value, gamma: Value, beta: Value, eps: f32) -> Result<Value> {
        self.apply(Normalize { eps, groups: None, own: false }, &[x, stats, gamma, beta])
    }
    /// Group norm of `x` [n, .., channels]: the channels of each example are normalized in `groups` groups; `gamma` and
    /// `beta` are \[channels\]. One group is layer norm over an image, a group a channel is instance norm.
    pub fn group_norm(&mut self, x: Value, groups: usize, gamma: Value, beta: Value, eps: f32) -> Result<Value> {
        let groups = Some(groups);
        let stats = self.apply(Moments { groups }, &[x])?;
        self.apply(Normalize { eps, groups, own: true }, &[x, stats, gamma, beta])
    }
    /// The running statistics of a layer under the current scope: the state `running` [2, channels], means 0 and variances 1.
    pub fn running_stats(&mut self, channels: usize) -> Result<Value> {
        self.state("running", TensorType::f32([2, channels]), Init::Rows(vec![0.0, 1.0]))
    }
    /// Moves `running` towards the `stats` that [`Graph::batch_norm`] took over `count` elements a channel:
    /// running ← running + momentum·(stats − running), the variance unbiased by count/(count − 1) as in PyTorch.
    pub fn update_running(&mut self, running: Value, stats: Value, momentum: f32, count: usize) -> Result<Value> {
        self.apply(TrackMoments { momentum, count }, &[running, stats])
    }
}
