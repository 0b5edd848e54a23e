//! A trained distribution of the indices of codes.

use crate::error::Result;
use crate::graph::{Graph, Init, Value};
use crate::nn::{LayerNorm, Linear, Mode, Module, Positions, TransformerBlock};

/// p(k₁…k_P) = Π p(k_i|k_{<i}) by a causal transformer over the grid's places, row by row: the prior of a discrete code that is
/// fitted to what the encoder yields (van den Oord 2017, arXiv 1711.00937, section 3.3, with attention in place of masked
/// convolutions).
#[derive(Clone, Copy, Debug)]
pub struct CodePrior {
    /// Numbers at a place.
    pub width: usize,
    /// Blocks.
    pub blocks: usize,
    /// Heads, which divide `width`.
    pub heads: usize,
}

impl CodePrior {
    /// ln p(k_i|k_{<i}) of each place, nats, [B, P] for U32 `indices` [B, P] below `codes`.
    ///
    /// # Errors
    /// Heads that do not divide the width.
    pub fn log_probs(&self, g: &mut Graph, indices: Value, codes: usize) -> Result<Value> {
        let &[batch, places] = g.shape(indices).dims() else {
            return Err(crate::Error::shape("code prior", format!("takes indices [B, P], not {}", g.ty(indices))));
        };
        let start = self.start(g, batch)?;
        let known = match places {
            1 => start,
            _ => {
                let before = g.slice(indices, 1, 0..places - 1)?;
                let before = self.embed(g, before, codes)?;
                g.concat(&[start, before], 1)?
            }
        };
        let logits = self.logits(g, known, (places, codes))?;
        g.category_log_prob(logits, indices)
    }

    /// Indices place after place, U32 \[B\] each; `rng` is the graph's noise state.
    ///
    /// # Errors
    /// As [`CodePrior::log_probs`].
    pub fn sample(
        &self,
        g: &mut Graph,
        rng: Value,
        batch: usize,
        (places, codes): (usize, usize),
    ) -> Result<Vec<Value>> {
        let mut known = self.start(g, batch)?;
        let mut drawn = vec![];
        for place in 0..places {
            let logits = self.logits(g, known, (places, codes))?;
            let logits = g.slice(logits, 1, place..place + 1)?;
            let logits = g.reshape(logits, [batch, codes])?;
            let index = gumbel_max(g, rng, logits)?;
            drawn.push(index);
            if place + 1 < places {
                let column = g.reshape(index, [batch, 1])?;
                let next = self.embed(g, column, codes)?;
                known = g.concat(&[known, next], 1)?;
            }
        }
        Ok(drawn)
    }

    /// What stands before the first place, [B, 1, D].
    fn start(&self, g: &mut Graph, batch: usize) -> Result<Value> {
        let start = g.param("start", [1, 1, self.width], Init::Normal(0.02))?;
        g.tile(start, batch)
    }
    fn embed(&self, g: &mut Graph, indices: Value, codes: usize) -> Result<Value> {
        let table = g.param("embed.weight", [codes, self.width], Init::Normal(0.02))?;
        g.embedding(table, indices)
    }
    /// Logits [B, T, K] after what is `known` [B, T, D].
    fn logits(&self, g: &mut Graph, known: Value, (places, codes): (usize, usize)) -> Result<Value> {
        let mut x =
            g.scoped("positions", |g| Positions { most: places, deviation: 0.02 }.forward(g, known, Mode::Train))?;
        for i in 1..=self.blocks {
            let block = TransformerBlock::new(self.heads).causal();
            x = g.scoped(&format!("block{i}"), |g| block.forward(g, x, Mode::Train))?;
        }
        let x = g.scoped("norm", |g| LayerNorm::default().forward(g, x, Mode::Train))?;
        g.scoped("out", |g| Linear::new(codes).forward(g, x, Mode::Train))
    }
}

/// A draw from each row of `logits` [.., K]: U32 [..], the largest after Gumbel noise.
pub(super) fn gumbel_max(g: &mut Graph, rng: Value, logits: Value) -> Result<Value> {
    let uniform = g.uniform(rng, g.shape(logits).clone())?;
    let inner = g.log(uniform)?;
    let inner = g.scale(inner, -1.0)?;
    let gumbel = g.log(inner)?;
    let scores = g.sub(logits, gumbel)?;
    g.argmax(scores)
}
