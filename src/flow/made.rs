//! The masked network of autoregressive flows.

use super::dimensions;
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use crate::nn::Start;
use crate::tensor::TensorType;

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
        let mut h = z;
        for (name, from, to) in [("fc1", &input, &hidden), ("fc2", &hidden, &hidden)] {
            h = g.scoped(name, |g| masked_linear(g, h, from, to, Start::Xavier))?;
            h = g.tanh(h)?;
        }
        let out = g.scoped("out", |g| masked_linear(g, h, &hidden, &output, Start::Xavier))?;
        (0..outputs).map(|k| g.slice(out, 1, k * dims..(k + 1) * dims)).collect()
    }
}

/// x W + b, where W joins an input to the outputs of its degree and above only.
fn masked_linear(g: &mut Graph, x: Value, from: &[f32], to: &[f32], start: Start) -> Result<Value> {
    let [fan_in, fan_out] = [from.len(), to.len()];
    let weight = g.param("weight", [fan_in, fan_out], start.init(fan_in, fan_out))?;
    let bias = g.param("bias", [fan_out], Init::Constant(0.0))?;
    let above = g.state("degree_out", TensorType::f32([1, fan_out]), Init::Rows(to.to_vec()))?;
    let below = g.state("degree_in", TensorType::f32([fan_in, 1]), Init::Rows(from.to_vec()))?;
    let weight = g.where_at_least(above, below, weight)?;
    let y = g.matmul(x, weight)?;
    g.add(y, bias)
}
