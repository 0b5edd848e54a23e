//! The masked network of autoregressive flows.

use super::dimensions;
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::{MaskedLinear, Mode, Module, Start};

/// A network whose outputs i see only inputs before i, by masks on its weights (MADE, Germain 2015, arXiv 1502.03509). The
/// degrees that the masks come from are states, as constant as PyTorch's buffers.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    /// Width of the two hidden layers.
    pub hidden: usize,
    /// Whether the order of the dimensions is the reverse.
    pub reverse: bool,
}

impl Made {
    /// `outputs` numbers for each of the L inputs `z` [B, L], as that many tensors [B, L].
    ///
    /// # Errors
    /// Where `z` is no [B, L] or one of L and `hidden` is 0.
    pub fn forward(&self, g: &mut Graph, z: Value, outputs: usize) -> Result<Vec<Value>> {
        let dims = dimensions(g, z, "made")?;
        if dims == 0 || self.hidden == 0 {
            return Err(Error::Config("a masked network needs 1 dimension and 1 hidden unit or more".into()));
        }
        let order = |i: usize| if self.reverse { dims - i } else { i + 1 };
        let input: Vec<f32> = (0..dims).map(|i| order(i) as f32).collect();
        let hidden: Vec<f32> = (0..self.hidden).map(|k| (1 + k % (dims - 1).max(1)) as f32).collect();
        // Half a degree less: an output sees what is strictly before it.
        let output: Vec<f32> = (0..outputs * dims).map(|i| order(i % dims) as f32 - 0.5).collect();
        let masked = |from: &Vec<f32>, to: &Vec<f32>| MaskedLinear::new(from.clone(), to.clone()).start(Start::Xavier);
        let mut h = z;
        for (name, from, to) in [("fc1", &input, &hidden), ("fc2", &hidden, &hidden)] {
            h = g.scoped(name, |g| masked(from, to).forward(g, h, Mode::Train))?;
            h = g.tanh(h)?;
        }
        let out = g.scoped("out", |g| masked(&hidden, &output).forward(g, h, Mode::Train))?;
        (0..outputs).map(|k| g.slice(out, 1, k * dims..(k + 1) * dims)).collect()
    }
}
