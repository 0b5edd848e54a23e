//! Normalisation layers over channels-last tensors.

use super::{Mode, Module};
use crate::error::Result;
use crate::graph::{Graph, Init, Value};

/// Batch normalisation (Ioffe & Szegedy 2015, arXiv 1502.03167): per channel over the batch and all pixels in training,
/// with `running` statistics [2, C] (mean; variance) in evaluation. `weight` and `bias` \[C\].
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f32,
    /// Share of each batch in the running statistics.
    pub momentum: f32,
}

impl Default for BatchNorm {
    fn default() -> Self {
        Self { eps: 1e-5, momentum: 0.1 }
    }
}

/// `weight` (ones) and `bias` (zeros).
fn scale_and_shift(g: &mut Graph, channels: usize) -> Result<(Value, Value)> {
    Ok((g.param("weight", [channels], Init::Constant(1.0))?, g.param("bias", [channels], Init::Constant(0.0))?))
}

impl Module for BatchNorm {
    fn forward(&self, g: &mut Graph, x: Value, mode: Mode) -> Result<Value> {
        let channels = g.shape(x).last();
        let (gamma, beta) = scale_and_shift(g, channels)?;
        let running = g.running_stats(channels)?;
        match mode {
            Mode::Train => {
                let (y, stats) = g.batch_norm(x, gamma, beta, self.eps)?;
                g.update_running(running, stats, self.momentum, g.shape(x).len() / channels)?;
                Ok(y)
            }
            Mode::Eval => g.normalize(x, running, gamma, beta, self.eps),
        }
    }
}

/// Group normalisation (Wu & He 2018, arXiv 1803.08494): per example over groups of channels and all pixels, the same in
/// training and evaluation. `weight` and `bias` \[C\].
#[derive(Clone, Copy, Debug)]
pub struct GroupNorm {
    /// How many groups the channels are divided into.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f32,
}

impl GroupNorm {
    /// `groups` groups and ε = 1e-5.
    pub fn new(groups: usize) -> Self {
        Self { groups, eps: 1e-5 }
    }
}

impl Module for GroupNorm {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let channels = g.shape(x).last();
        let (gamma, beta) = scale_and_shift(g, channels)?;
        g.group_norm(x, self.groups, gamma, beta, self.eps)
    }
}

/// Layer normalisation (Ba 2016, arXiv 1607.06450) over the last axis: each row by itself, the same in training and
/// evaluation. `weight` and `bias` \[C\].
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    /// Added to the variance.
    pub eps: f32,
}

impl Default for LayerNorm {
    fn default() -> Self {
        Self { eps: 1e-5 }
    }
}

impl Module for LayerNorm {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let (gamma, beta) = scale_and_shift(g, g.shape(x).last())?;
        g.layer_norm(x, gamma, beta, self.eps)
    }
}
