//! Objectives by the maximum mean discrepancy between codes and the prior.

use super::{Loss, Objective, Pass};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// A kernel on codes of L dimensions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kernel {
    /// exp(−‖a − b‖² / (2σ²)) with σ² = `scale` · L.
    Rbf {
        /// σ² for each dimension.
        scale: f32,
    },
    /// Σ_s C_s / (C_s + ‖a − b‖²), C_s = 2 · L · s for s in 0.1, 0.2, 0.5, 1, 2, 5, 10 (Tolstikhin 2018, arXiv 1711.01558,
    /// section 4 and its code).
    Imq,
}

const IMQ_SCALES: [f32; 7] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

impl Kernel {
    /// k(aᵢ, bⱼ) for rows of `a` [N, L] and `b` [M, L], [N, M].
    pub fn gram(self, g: &mut Graph, a: Value, b: Value) -> Result<Value> {
        let (n, m, dims) = (g.shape(a).dims()[0], g.shape(b).dims()[0], g.shape(a).last() as f32);
        let product = g.matmul_t(a, b, false, true)?;
        let norms = |g: &mut Graph, x: Value| {
            let squares = g.square(x)?;
            g.sum(squares, &[1])
        };
        let (left, right) = (norms(g, a)?, norms(g, b)?);
        let left = g.reshape(left, [n, 1])?;
        let right = g.reshape(right, [1, m])?;
        let sum = g.add(left, right)?;
        let doubled = g.scale(product, 2.0)?;
        let distance = g.sub(sum, doubled)?;
        let zero = g.full([], 0.0)?;
        let distance = g.maximum(distance, zero)?; // rounding may have made it negative
        match self {
            Self::Rbf { scale } => {
                let exponent = g.scale(distance, -0.5 / (scale * dims))?;
                g.exp(exponent)
            }
            Self::Imq => {
                let mut total = None;
                for scale in IMQ_SCALES {
                    let c = 2.0 * dims * scale;
                    let below = g.affine(distance, 1.0, c)?;
                    let numerator = g.full([], c)?;
                    let term = g.div(numerator, below)?;
                    total = Some(match total {
                        Some(sum) => g.add(sum, term)?,
                        None => term,
                    });
                }
                total.map_or_else(|| g.full([n, m], 0.0), Ok)
            }
        }
    }
    /// k(a, a).
    pub fn at_zero(self) -> f32 {
        match self {
            Self::Rbf { .. } => 1.0,
            Self::Imq => IMQ_SCALES.len() as f32,
        }
    }
    /// The unbiased estimate of MMD² between the distributions of the rows of `a` and `b`, both [N, L], a scalar (Gretton
    /// 2012, lemma 6).
    pub fn mmd(self, g: &mut Graph, a: Value, b: Value) -> Result<Value> {
        let n = g.shape(a).dims()[0] as f32;
        let mut mean = |x: Value, y: Value, diagonal: f32, pairs: f32| {
            let gram = self.gram(g, x, y)?;
            let sum = g.sum_all(gram)?;
            g.affine(sum, 1.0 / pairs, -diagonal / pairs)
        };
        let pairs = (n * (n - 1.0)).max(1.0);
        let own = n * self.at_zero();
        let (aa, bb, ab) = (mean(a, a, own, pairs)?, mean(b, b, own, pairs)?, mean(a, b, 0.0, n * n)?);
        let cross = g.scale(ab, -2.0)?;
        let within = g.add(aa, bb)?;
        g.add(within, cross)
    }
}

/// Reconstruction + (1 − α) · β · KL + (α + λ − 1) · MMD(q(z), p(z)) (Zhao 2019, arXiv 1706.02262, equation 6). With α = 1
/// and a point or Gaussian posterior it is the Wasserstein autoencoder of Tolstikhin 2018 (arXiv 1711.01558, equation 4).
#[derive(Clone, Copy, Debug)]
pub struct InfoVae {
    /// α.
    pub alpha: f32,
    /// λ.
    pub lambda: f32,
    /// What measures codes.
    pub kernel: Kernel,
}

impl Objective for InfoVae {
    fn loss(&self, g: &mut Graph, pass: &Pass<'_>) -> Result<Loss> {
        let rng = g.noise_state()?;
        let rows = g.shape(pass.latent.z).dims()[0];
        let prior = pass.model.prior.sample(g, rng, rows, pass.context)?;
        let mmd = self.kernel.mmd(g, pass.latent.z, prior)?;
        let beta = pass.beta(g)?;
        let kl = g.mul(pass.kl, beta)?;
        let kl = g.scale(kl, 1.0 - self.alpha)?;
        let weighted = g.scale(mmd, self.alpha + self.lambda - 1.0)?;
        let loss = g.add(pass.reconstruction, kl)?;
        let loss = g.add(loss, weighted)?;
        Ok(Loss { figures: vec![("mmd", mmd)], ..loss.into() })
    }
}
