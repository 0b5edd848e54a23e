//! Encoders of sequences: vectors of elements to features.

use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::nn::{Gru, Lstm, Mode, Module, Positions, TransformerBlock};

/// How a sequence is read into features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reader {
    /// The last state of gated recurrent units.
    Gru {
        /// Numbers of the state.
        hidden: usize,
        /// Whether others read from the end, too.
        bidirectional: bool,
    },
    /// The last hidden state of long short-term memory.
    Lstm {
        /// Numbers of the state.
        hidden: usize,
        /// Whether others read from the end, too.
        bidirectional: bool,
    },
    /// The mean of what the last block of a transformer yields.
    Transformer {
        /// Blocks.
        layers: usize,
        /// Heads of each.
        heads: usize,
    },
}

impl Reader {
    /// Features [B, F] of `x` [B, T, D], each example read to its own length (U32 \[B\]; T where absent).
    ///
    /// # Errors
    /// Heads that do not divide D.
    pub fn read(&self, g: &mut Graph, x: Value, lengths: Option<Value>, mode: Mode) -> Result<Value> {
        match *self {
            Self::Gru { hidden, bidirectional } => {
                Ok(g.scoped("gru", |g| Gru { hidden, bidirectional }.run(g, x, lengths, None))?.last)
            }
            Self::Lstm { hidden, bidirectional } => {
                Ok(g.scoped("lstm", |g| Lstm { hidden, bidirectional }.run(g, x, lengths, None))?.last)
            }
            Self::Transformer { layers, heads } => {
                let x = placed(g, x, g.shape(x).dims()[1], mode)?;
                let y = blocks(g, x, lengths, (layers, heads, false), mode)?;
                mean_within(g, y, lengths)
            }
        }
    }
}

/// `x` [B, T, D] through blocks (how many, heads, whether causal): [B, T, D].
pub(super) fn blocks(
    g: &mut Graph,
    x: Value,
    lengths: Option<Value>,
    (layers, heads, causal): (usize, usize, bool),
    mode: Mode,
) -> Result<Value> {
    let mut y = x;
    for i in 1..=layers {
        let block = TransformerBlock::new(heads);
        let block = if causal { block.causal() } else { block };
        y = g.scoped(&format!("block{i}"), |g| block.forward_masked(g, y, lengths, mode))?;
    }
    Ok(y)
}

/// `x` [B, T, D] with a learned vector for each of at most `most` positions added.
pub(super) fn placed(g: &mut Graph, x: Value, most: usize, mode: Mode) -> Result<Value> {
    g.scoped("positions", |g| Positions { most, deviation: 0.02 }.forward(g, x, mode))
}

/// The mean over the steps within each example's length: [B, T, D] → [B, D].
fn mean_within(g: &mut Graph, x: Value, lengths: Option<Value>) -> Result<Value> {
    let Some(lengths) = lengths else { return g.mean(x, &[1]) };
    let [batch, steps, width] = [0, 1, 2].map(|axis| g.shape(x).dims()[axis]);
    let mask = g.length_mask(lengths, steps)?;
    let count = g.sum(mask, &[1])?;
    let count = g.reshape(count, [batch, 1])?;
    let mask = g.reshape(mask, [batch, steps, 1])?;
    let within = g.mul(x, mask)?;
    let sum = g.sum(within, &[1])?;
    let sum = g.reshape(sum, [batch, width])?;
    g.div(sum, count)
}
