//! Transformers: blocks of attention and dense layers over sequences.

use super::{Activation, Dropout, LayerNorm, Linear, Mode, Module, SelfAttention};
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};

/// A transformer block with its norms in front (Xiong 2020, arXiv 2002.04745, figure 1b): x + attention(norm x), then
/// x + W₂ gelu(W₁ norm x), over [B, T, D]. Parameters under `norm1`, `attention`, `norm2`, `fc1`, `fc2`.
#[derive(Clone, Copy, Debug)]
pub struct TransformerBlock {
    /// The attention.
    pub attention: SelfAttention,
    /// Width between `fc1` and `fc2`, in multiples of D.
    pub widen: usize,
    /// Probability of dropout on both branches, in training.
    pub dropout: f32,
}

impl TransformerBlock {
    /// `heads` heads, four times as wide inside, no dropout.
    pub fn new(heads: usize) -> Self {
        Self { attention: SelfAttention::new(heads), widen: 4, dropout: 0.0 }
    }
    /// Each position sees itself and those before.
    pub fn causal(mut self) -> Self {
        self.attention.causal = true;
        self
    }
    /// With this probability of dropout.
    pub fn dropout(mut self, p: f32) -> Self {
        self.dropout = p;
        self
    }

    /// [`Module::forward`] for sequences of different `lengths` (U32 \[B\]); see [`SelfAttention::forward_masked`].
    ///
    /// # Errors
    /// As there.
    pub fn forward_masked(&self, g: &mut Graph, x: Value, lengths: Option<Value>, mode: Mode) -> Result<Value> {
        let width = g.shape(x).last();
        let y = g.scoped("norm1", |g| LayerNorm::default().forward(g, x, mode))?;
        let y = g.scoped("attention", |g| self.attention.forward_masked(g, y, lengths, mode))?;
        let y = Dropout(self.dropout).forward(g, y, mode)?;
        let x = g.add(x, y)?;
        let y = g.scoped("norm2", |g| LayerNorm::default().forward(g, x, mode))?;
        let y = g.scoped("fc1", |g| Linear::new(self.widen * width).forward(g, y, mode))?;
        let y = Activation::Gelu.forward(g, y, mode)?;
        let y = g.scoped("fc2", |g| Linear::new(width).forward(g, y, mode))?;
        let y = Dropout(self.dropout).forward(g, y, mode)?;
        g.add(x, y)
    }
}

impl Module for TransformerBlock {
    fn forward(&self, g: &mut Graph, x: Value, mode: Mode) -> Result<Value> {
        self.forward_masked(g, x, None, mode)
    }
}

/// Adds a learned vector for each position: x [B, T, D] → [B, T, D], T at most `most`. `weight` [most, D].
#[derive(Clone, Copy, Debug)]
pub struct Positions {
    /// The most positions there are.
    pub most: usize,
    /// Standard deviation of the numbers that they start with: about that of x, or places are found late.
    pub deviation: f32,
}

impl Module for Positions {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        let &[_, steps, width] = g.shape(x).dims() else {
            return Err(Error::shape("positions", format!("takes [B, T, D], not {}", g.ty(x))));
        };
        if steps > self.most {
            return Err(Error::shape("positions", format!("there are {} for {}: make more", self.most, g.ty(x))));
        }
        let weight = g.param("weight", [self.most, width], Init::Normal(self.deviation))?;
        let weight = g.slice(weight, 0, 0..steps)?;
        g.add(x, weight)
    }
}

/// Transformer blocks in which every step sees all others: x [B, T, D] → [B, T, W], by way of a dense layer to the width, a
/// learned vector for each position, the blocks and a norm (Vaswani 2017, arXiv 1706.03762, with the norms in front).
/// Parameters under `fc`, `positions`, `block1` and so on, `norm`.
#[derive(Clone, Copy, Debug)]
pub struct Transformer {
    /// W, a multiple of `heads`.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Heads of each.
    pub heads: usize,
}

impl Module for Transformer {
    fn forward(&self, g: &mut Graph, x: Value, mode: Mode) -> Result<Value> {
        let &[_, most, _] = g.shape(x).dims() else {
            return Err(Error::shape("transformer", format!("takes [B, T, D], not {}", g.ty(x))));
        };
        let y = g.scoped("fc", |g| Linear::new(self.width).forward(g, x, mode))?;
        let mut y = g.scoped("positions", |g| Positions { most, deviation: 0.5 }.forward(g, y, mode))?;
        for i in 1..=self.layers {
            y = g.scoped(&format!("block{i}"), |g| TransformerBlock::new(self.heads).forward(g, y, mode))?;
        }
        g.scoped("norm", |g| LayerNorm::default().forward(g, y, mode))
    }
}
