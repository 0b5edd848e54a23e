//! Vectors for tokens.

use super::{Mode, Module};
use crate::error::Result;
use crate::graph::{Graph, Init, Value};

/// A learned vector for each token: U32 tokens [..] → [.., width]; `weight` [vocabulary, width], normal with σ = `sigma`.
/// A token from `vocabulary` on means the last.
#[derive(Clone, Copy, Debug)]
pub struct Embedding {
    /// How many tokens there are.
    pub vocabulary: usize,
    /// Numbers a token.
    pub width: usize,
    /// How far the vectors are spread at first.
    pub sigma: f32,
}

impl Embedding {
    /// With σ = 1, as in PyTorch.
    pub fn new(vocabulary: usize, width: usize) -> Self {
        Self { vocabulary, width, sigma: 1.0 }
    }
    /// With another spread: 0.02 in front of transformers, say.
    pub fn sigma(mut self, sigma: f32) -> Self {
        self.sigma = sigma;
        self
    }
}

impl Module for Embedding {
    fn forward(&self, g: &mut Graph, tokens: Value, _: Mode) -> Result<Value> {
        let weight = g.param("weight", [self.vocabulary, self.width], Init::Normal(self.sigma))?;
        g.embedding(weight, tokens)
    }
}
