//! Priors p(z): what the posterior is held against, and where samples come from. A prior with parameters declares them in
//! the scope `prior`.

mod class;
mod flow;
mod mixture;
mod normal;
mod vamp;

use super::Latent;
use crate::dist::{Categorical, Normal};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::tensor::Shape;
use std::fmt::Debug;

pub use class::ClassPrior;
pub use flow::FlowPrior;
pub use mixture::MixturePrior;
pub use normal::StandardNormal;
pub use vamp::{Pseudo, VampPrior};

pub(super) use normal::standard_log_prob;

/// What a prior may ask of the model it is part of.
pub struct PriorContext<'a> {
    /// The shape of one example.
    pub data: Shape,
    /// Latent dimensions L.
    pub latent: usize,
    /// The class of each row of z that is scored or sampled, or of each example of them, one-hot, [B, C]; `None` where the
    /// model is not conditioned.
    pub label: Option<Value>,
    /// q(z|x) for `x` [N, …], in evaluation mode.
    pub encode: &'a dyn Fn(&mut Graph, Value) -> Result<Normal>,
}

/// A distribution of z.
pub trait Prior: Debug + Send + Sync {
    /// ln p(z) of each example \[B\] for `z` [B, L], nats.
    fn log_prob(&self, g: &mut Graph, z: Value, context: &PriorContext<'_>) -> Result<Value>;

    /// `count` samples, [count, L]; `rng` is the graph's noise state.
    fn sample(&self, g: &mut Graph, rng: Value, count: usize, context: &PriorContext<'_>) -> Result<Value>;

    /// KL(q ‖ p) of each example in parts [B, D] that sum to it, nats: one for each dimension where it falls apart so,
    /// otherwise a single one, estimated from the sample as ln q(z|x) − ln p(z).
    ///
    /// # Errors
    /// Where the posterior is a point, which has no density; only the standard normal prior ignores it.
    fn kl(&self, g: &mut Graph, latent: &Latent, context: &PriorContext<'_>) -> Result<Value> {
        estimated_kl(self, g, latent, context)
    }
}

/// ln q(z|x) − ln p(z) of the sample, [B, 1].
fn estimated_kl(
    prior: &(impl Prior + ?Sized),
    g: &mut Graph,
    latent: &Latent,
    context: &PriorContext<'_>,
) -> Result<Value> {
    let batch = g.shape(latent.z).dims()[0];
    let no_density = || Error::Config("a point posterior has no density to hold a trained prior against".into());
    let log_q = latent.log_q(g)?.ok_or_else(no_density)?;
    let log_p = prior.log_prob(g, latent.z, context)?;
    let kl = g.sub(log_q, log_p)?;
    g.reshape(kl, [batch, 1])
}

/// ln Σₖ πₖ·N(z; μₖ, σₖ²) of each row of `z` [B, L] for components [K, L] and `log_weights` \[K\].
fn mixture_log_prob(g: &mut Graph, z: Value, components: Normal, log_weights: Value) -> Result<Value> {
    let [batch, dims] = [g.shape(z).dims()[0], g.shape(z).last()];
    let z = g.reshape(z, [batch, 1, dims])?;
    let each = components.log_prob(g, z)?; // [B, K, L]
    let each = g.sum(each, &[2])?;
    let joint = g.add(each, log_weights)?;
    g.logsumexp(joint, &[1])
}

/// Samples of such a mixture: the component by the Gumbel-max trick, then a Gaussian.
fn mixture_sample(g: &mut Graph, rng: Value, count: usize, components: Normal, log_weights: Value) -> Result<Value> {
    let parts = g.shape(components.mu).dims()[0];
    let uniform = g.uniform(rng, [count, parts])?;
    let inner = g.log(uniform)?;
    let inner = g.scale(inner, -1.0)?;
    let gumbel = g.log(inner)?;
    let score = g.sub(log_weights, gumbel)?;
    let best = g.max(score, &[1])?;
    let best = g.reshape(best, [count, 1])?;
    let one = g.full([], 1.0)?;
    let chosen = g.where_at_least(score, best, one)?; // one-hot
    let [mu, logvar] = [g.matmul(chosen, components.mu)?, g.matmul(chosen, components.logvar)?];
    Normal { mu, logvar }.rsample(g, rng)
}

/// ln πₖ from logits \[K\].
fn log_weights(g: &mut Graph, logits: Value) -> Result<Value> {
    Categorical { logits }.log_probs(g)
}
