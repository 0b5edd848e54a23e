//! Subsets of modalities: those that a joint posterior is made of, which of them an example has, and one drawn for each.

use super::{Joint, product_of_experts};
use crate::dist::Normal;
use crate::error::Result;
use crate::graph::{Graph, Value};

/// A set of modalities, by index.
pub type Subset = Vec<usize>;

/// The subsets that a posterior of `count` modalities draws from.
pub fn of(joint: Joint, count: usize) -> Vec<Subset> {
    match joint {
        Joint::Mixture => (0..count).map(|m| vec![m]).collect(),
        Joint::Product | Joint::MixtureOfProducts => {
            (1..1usize << count).map(|bits| (0..count).filter(|m| bits >> m & 1 == 1).collect()).collect()
        }
    }
}

/// 1 for the subsets of which an example has everything, else 0, [n, 1] each; all 1 for an example that has nothing, for
/// then all are the prior.
pub fn weights(g: &mut Graph, parts: &[Subset], present: &[Value]) -> Result<Vec<Value>> {
    let mut nothing = g.full([1, 1], 1.0)?;
    for &has in present {
        let lacks = g.affine(has, -1.0, 1.0)?;
        nothing = g.mul(nothing, lacks)?;
    }
    let weight = |part: &Subset| {
        let mut all = present[part[0]];
        for &m in &part[1..] {
            all = g.mul(all, present[m])?;
        }
        g.add(all, nothing)
    };
    parts.iter().map(weight).collect()
}

fn total(g: &mut Graph, values: &[Value]) -> Result<Value> {
    let mut sum = values[0];
    for &value in &values[1..] {
        sum = g.add(sum, value)?;
    }
    Ok(sum)
}

/// One subset for each example with probabilities in proportion to `weights`, as a mask of what it has of each modality,
/// [n, 1].
pub fn draw(g: &mut Graph, parts: &[Subset], weights: &[Value], present: &[Value]) -> Result<Vec<Value>> {
    let (rng, shape) = (g.noise_state()?, g.shape(weights[0]).clone());
    let u = g.uniform(rng, shape.clone())?;
    let sum = total(g, weights)?;
    let u = g.mul(u, sum)?;
    let one = g.full([], 1.0)?;
    let mut below = g.full(shape, 0.0)?;
    let mut masks: Vec<Option<Value>> = vec![None; present.len()];
    for (part, &weight) in parts.iter().zip(weights) {
        // u is within [below, below + weight): u < sum, so one of the subsets has it.
        let next = g.add(below, weight)?;
        let (from, beyond) = (g.where_at_least(u, below, one)?, g.where_at_least(u, next, one)?);
        let drawn = g.sub(from, beyond)?;
        below = next;
        for &m in part {
            masks[m] = Some(match masks[m] {
                Some(mask) => g.add(mask, drawn)?,
                None => drawn,
            });
        }
    }
    let seen = |(mask, &has): (Option<Value>, &Value)| mask.map_or(Ok(has), |mask| g.mul(mask, has));
    masks.into_iter().zip(present).map(seen).collect()
}

/// The mean [n, L] of the mixture of the products of `parts`, and its ln q(z) \[n\].
pub fn mixture(
    g: &mut Graph,
    parts: &[Subset],
    weights: &[Value],
    (experts, present): (&[Normal], &[Value]),
    z: Value,
) -> Result<(Value, Value)> {
    let rows = g.shape(z).dims()[0];
    let (mut means, mut densities) = (vec![], vec![]);
    for (part, &weight) in parts.iter().zip(weights) {
        let (own, has): (Vec<_>, Vec<_>) = part.iter().map(|&m| (experts[m], present[m])).unzip();
        let product = product_of_experts(g, &own, &has)?;
        let density = product.log_prob(g, z)?;
        let density = g.per_example(density)?;
        // ln 1 = 0, and for a weight of 0 a number that no density makes up for.
        let log_weight = g.affine(weight, 1e9, -1e9)?;
        let log_weight = g.reshape(log_weight, [rows])?;
        let density = g.add(density, log_weight)?;
        densities.push(g.reshape(density, [1, rows])?);
        means.push(g.mul(product.mu, weight)?);
    }
    let (sum, all) = (total(g, &means)?, total(g, weights)?);
    let mean = g.div(sum, all)?;
    let stacked = g.concat(&densities, 0)?;
    let log_sum = g.logsumexp(stacked, &[0])?;
    let log_all = g.log(all)?;
    let log_all = g.reshape(log_all, [rows])?;
    Ok((mean, g.sub(log_sum, log_all)?))
}
