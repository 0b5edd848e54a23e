//! Attention over sequences and over the pixels of images.

use super::{GroupNorm, Linear, Mode, Module};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};

impl Graph {
    /// softmax(q kᵀ/√d) v for q [N, Q, d], k [N, K, d], v [N, K, e]: [N, Q, e] (Vaswani 2017, arXiv 1706.03762, equation 1).
    /// Where `mask` (1 or 0; its shape divides N, as [N/h, h, Q, K] does, or stretches to it) is 0, nothing is attended to; a
    /// query that may attend to nothing gets 0.
    ///
    /// # Errors
    /// [`Error::Shape`] where the shapes do not fit.
    pub fn attention(&mut self, q: Value, k: Value, v: Value, mask: Option<Value>) -> Result<Value> {
        let width = self.shape(q).last().max(1);
        let scores = self.matmul_t(q, k, false, true)?;
        let scores = self.scale(scores, (width as f32).sqrt().recip())?;
        let shape = self.shape(scores).clone();
        let weights = match mask {
            None => self.softmax(scores)?,
            Some(mask) => {
                // As many axes as the mask has, so that heads stand apart from examples.
                let lead = match self.shape(mask).dims() {
                    &[examples, _, _, _] if shape.dims()[0].is_multiple_of(examples.max(1)) => {
                        vec![examples, shape.dims()[0] / examples.max(1)]
                    }
                    _ => vec![shape.dims()[0]],
                };
                let scores = self.reshape(scores, [&lead[..], &shape.dims()[1..]].concat())?;
                let weights = self.masked_softmax(scores, mask)?;
                self.reshape(weights, shape)?
            }
        };
        self.matmul(weights, v)
    }
    /// Which of `steps` positions each may attend to, itself and those before: 1 or 0, [steps, steps].
    ///
    /// # Errors
    /// [`Error::Shape`] for 0 steps.
    pub fn causal_mask(&mut self, steps: usize) -> Result<Value> {
        let (query, key) = (self.iota([steps, 1], 0)?, self.iota([1, steps], 1)?);
        let one = self.full([1, 1], 1.0)?;
        self.where_at_least(query, key, one)
    }
}

/// Multi-head self-attention (Vaswani 2017, arXiv 1706.03762, section 3.2.2) over x [B, T, D] → [B, T, D]. Parameters
/// `in_proj.weight` [D, 3·D] (queries, keys, values), `in_proj.bias`, `out_proj.weight` [D, D], `out_proj.bias`.
#[derive(Clone, Copy, Debug)]
pub struct SelfAttention {
    /// Heads, which divide D.
    pub heads: usize,
    /// Whether a position sees only itself and those before.
    pub causal: bool,
}

impl SelfAttention {
    /// `heads` heads, each position seeing all.
    pub fn new(heads: usize) -> Self {
        Self { heads, causal: false }
    }
    /// Each position sees itself and those before.
    pub fn causal(mut self) -> Self {
        self.causal = true;
        self
    }

    /// [`Module::forward`] for sequences of different `lengths` (U32 \[B\]): nothing attends to what lies past an example's
    /// length. What is yielded there means nothing.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` is no [B, T, D], or the heads do not divide D.
    pub fn forward_masked(&self, g: &mut Graph, x: Value, lengths: Option<Value>, mode: Mode) -> Result<Value> {
        let &[batch, steps, width] = g.shape(x).dims() else {
            return Err(Error::shape("self_attention", format!("takes [B, T, D], not {}", g.ty(x))));
        };
        if self.heads == 0 || !width.is_multiple_of(self.heads) {
            return Err(Error::shape("self_attention", format!("{} heads do not divide {width} numbers", self.heads)));
        }
        let (heads, each) = (self.heads, width / self.heads);
        let joined = g.scoped("in_proj", |g| Linear::new(3 * width).forward(g, x, mode))?;
        let joined = g.reshape(joined, [batch, steps, 3, heads, each])?;
        let joined = g.permute(joined, &[2, 0, 3, 1, 4])?;
        let part = |g: &mut Graph, k: usize| {
            let part = g.slice(joined, 0, k..k + 1)?;
            g.reshape(part, [batch * heads, steps, each])
        };
        let (q, k, v) = (part(g, 0)?, part(g, 1)?, part(g, 2)?);
        let mask = self.mask(g, steps, lengths)?;
        let y = g.attention(q, k, v, mask)?;
        let y = g.reshape(y, [batch, heads, steps, each])?;
        let y = g.permute(y, &[0, 2, 1, 3])?;
        let y = g.reshape(y, [batch, steps, width])?;
        g.scoped("out_proj", |g| Linear::new(width).forward(g, y, mode))
    }

    /// 1 where attention may go: [1, 1, T, T], [B, 1, 1, T] or [B, 1, T, T].
    fn mask(&self, g: &mut Graph, steps: usize, lengths: Option<Value>) -> Result<Option<Value>> {
        let padding = lengths.map(|lengths| {
            let batch = g.shape(lengths).len();
            let mask = g.length_mask(lengths, steps)?;
            g.reshape(mask, [batch, 1, 1, steps])
        });
        let causal = self.causal.then(|| {
            let mask = g.causal_mask(steps)?;
            g.reshape(mask, [1, 1, steps, steps])
        });
        match (padding.transpose()?, causal.transpose()?) {
            (Some(a), Some(b)) => g.mul(a, b).map(Some),
            (a, b) => Ok(a.or(b)),
        }
    }
}

impl Module for SelfAttention {
    fn forward(&self, g: &mut Graph, x: Value, mode: Mode) -> Result<Value> {
        self.forward_masked(g, x, None, mode)
    }
}

/// Single-head attention among the pixels of an image, with a residual: x + W attention(group norm x) for x [B, H, W, C], as in
/// the middle of latent diffusion's autoencoder (Rombach 2021, arXiv 2112.10752, appendix E). Parameters under `norm`, `q`, `k`,
/// `v`, `out`. Its scores take (H·W)² numbers an example.
#[derive(Clone, Copy, Debug)]
pub struct ImageAttention {
    /// Groups of the norm.
    pub groups: usize,
}

impl ImageAttention {
    /// With a norm of `groups` groups.
    pub fn new(groups: usize) -> Self {
        Self { groups }
    }
}

impl Module for ImageAttention {
    fn forward(&self, g: &mut Graph, x: Value, mode: Mode) -> Result<Value> {
        let &[batch, height, width, channels] = g.shape(x).dims() else {
            return Err(Error::shape("image_attention", format!("takes [B, H, W, C], not {}", g.ty(x))));
        };
        let y = g.scoped("norm", |g| GroupNorm::new(self.groups).forward(g, x, mode))?;
        let y = g.reshape(y, [batch, height * width, channels])?;
        let project = |g: &mut Graph, name: &str, y| g.scoped(name, |g| Linear::new(channels).forward(g, y, mode));
        let (q, v) = (project(g, "q", y)?, project(g, "v", y)?);
        // A bias of the keys adds the same to all scores of a query, which the softmax takes out again.
        let k = g.scoped("k", |g| Linear::new(channels).no_bias().forward(g, y, mode))?;
        let y = g.attention(q, k, v, None)?;
        let y = project(g, "out", y)?;
        let y = g.reshape(y, [batch, height, width, channels])?;
        g.add(x, y)
    }
}
