//! Gaussian experts: their product with the prior, and what two of them know of each other.

use crate::dist::Normal;
use crate::error::Result;
use crate::graph::{Graph, Value};

/// N(z; 0, I) · Πₘ N(z; μₘ, σₘ²)^wₘ, normalised: precision T = 1 + Σ wₘ/σₘ² and mean Σ wₘ μₘ/σₘ² / T, number by number (Wu &
/// Goodman 2018, arXiv 1802.05335, section 2.1, with the prior as an expert). `weights` are 0 or 1, [n, 1], for experts
/// [n, L].
///
/// # Errors
/// Shapes that do not broadcast together.
pub fn product_of_experts(g: &mut Graph, experts: &[Normal], weights: &[Value]) -> Result<Normal> {
    let mut precision = g.full([1, 1], 1.0)?;
    let mut weighted = g.full([1, 1], 0.0)?;
    for (expert, &weight) in experts.iter().zip(weights) {
        let negative = g.scale(expert.logvar, -1.0)?;
        let own = g.exp(negative)?;
        let own = g.mul(own, weight)?;
        precision = g.add(precision, own)?;
        let pull = g.mul(own, expert.mu)?;
        weighted = g.add(weighted, pull)?;
    }
    let mu = g.div(weighted, precision)?;
    let log = g.log(precision)?;
    Ok(Normal { mu, logvar: g.scale(log, -1.0)? })
}

/// ln ∫ q(z|aᵢ) q(z|bⱼ) / p(z) dz of every pair of rows, \[A, B\], nats, where q(z|b) is the product of the prior p = N(0, I) and
/// `expert_b`: where a and b depend on each other through z alone, and q is the true posterior, that is
/// ln p(aᵢ, bⱼ) / (p(aᵢ) p(bⱼ)), their pointwise mutual information. Dimension by dimension it is
/// ln N(μ_a − μ_b; 0, σ_a² + σ_b²) − ln N(μ_b; 0, 1 + σ_b²) with the posterior of a and the expert of b.
///
/// # Errors
/// Where the two have other latent dimensions.
pub fn shared_information(g: &mut Graph, posterior_a: Normal, expert_b: Normal) -> Result<Value> {
    let ([a, latent], b) = (rows(g, posterior_a.mu), rows(g, expert_b.mu)[0]);
    let row = |g: &mut Graph, v: Value| g.reshape(v, [a, 1, latent]);
    let column = |g: &mut Graph, v: Value| g.reshape(v, [1, b, latent]);
    let variance_a = g.exp(posterior_a.logvar)?;
    let variance_b = g.exp(expert_b.logvar)?;
    let (from, to) = (row(g, posterior_a.mu)?, column(g, expert_b.mu)?);
    let (wide_a, wide_b) = (row(g, variance_a)?, column(g, variance_b)?);
    let both = g.add(wide_a, wide_b)?;
    let both = g.log(both)?;
    let together = g.normal_log_prob(from, to, both)?;
    let together = g.sum(together, &[2])?;
    let zero = g.full([], 0.0)?;
    let alone = g.affine(variance_b, 1.0, 1.0)?;
    let alone = g.log(alone)?;
    let alone = g.normal_log_prob(expert_b.mu, zero, alone)?;
    let alone = g.sum(alone, &[1])?;
    let alone = g.reshape(alone, [1, b])?;
    g.sub(together, alone)
}

fn rows(g: &Graph, x: Value) -> [usize; 2] {
    let dims = g.shape(x).dims();
    [dims[0], dims[1..].iter().product()]
}
