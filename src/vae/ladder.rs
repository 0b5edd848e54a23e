//! A hierarchy of latent levels, inferred from the top down.

use super::{Batch, Latent, Likelihood, Model, Terms};
use crate::dist::Normal;
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::{Activation, Linear, Mode, Module, Start};
use crate::tensor::TensorType;

/// p(x|z₁…z_L) · p(z_L) · Π p(z_l|z_{>l}) with L levels, z₁ the one next to the data.
///
/// Inference shares the generative pass (Sønderby 2016, arXiv 1602.02282): a deterministic path goes up from x, d₁ = encoder(x)
/// and d_{l+1} = act(W d_l); on the way down each level's Gaussian comes from the state h_l, which all levels above have made,
/// and from d_l. The posterior is a change to the prior (Vahdat & Kautz 2020, arXiv 2007.03898, section 3.2): with
/// p(z_l|z_{>l}) = N(μ, σ²) it is N(μ + Δμ, (σ·Δσ)²), the Δ linear in (h_l, d_l). p(z_L) = N(0, I). The decoder takes (z₁, h₁).
///
/// The loss is reconstruction + β · Σ max(KL_j, free bits) over all dimensions of all levels, as [`super::Elbo`]; without
/// β's warm-up or free bits upper levels tend to stay unused. Codes of all levels stand side by side, [z₁, z₂, …].
#[derive(Debug)]
pub struct Ladder {
    /// x → features d₁ [B, F].
    pub encoder: Box<dyn Module>,
    /// From the data upwards; 1 to 8 of them.
    pub levels: Vec<Level>,
    /// Between the layers of both paths.
    pub activation: Activation,
    /// [z₁, h₁] → what the likelihood takes.
    pub decoder: Box<dyn Module>,
    /// p(x|z).
    pub likelihood: Box<dyn Likelihood>,
    /// Nats of KL that each latent dimension has for free, as the mean of the batch (Kingma 2016, arXiv 1606.04934, C.8).
    pub free_bits: f32,
}

/// A level of a [`Ladder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Latent dimensions.
    pub latent: usize,
    /// Units of the deterministic layer above this level, in both directions; the top level has none.
    pub hidden: usize,
}

/// Names of the levels' KL among the figures.
const KL: [&str; 8] = ["kl_1", "kl_2", "kl_3", "kl_4", "kl_5", "kl_6", "kl_7", "kl_8"];

/// Limits of ln σ² of a prior, and of ln Δσ².
const LOG_PRIOR: (f32, f32) = (-8.0, 4.0);
const LOG_CHANGE: (f32, f32) = (-10.0, 4.0);

/// What a way down has met at one level.
#[derive(Clone, Copy)]
struct Step {
    prior: Normal,
    posterior: Option<Normal>,
    z: Value,
}

/// A way down: steps by level, z₁ first, and what the decoder takes.
struct Way {
    steps: Vec<Step>,
    state: Value,
}

impl Way {
    /// The codes side by side, [n, ΣL].
    fn codes(&self, g: &mut Graph, of: impl Fn(&Step) -> Value) -> Result<Value> {
        g.concat(&self.steps.iter().map(of).collect::<Vec<_>>(), 1)
    }
}

/// What is taken as z where the way down comes to a level.
enum Pick<'a> {
    /// A sample of the posterior, or its mean, which sees these features of each level.
    Posterior { features: &'a [Value], sampled: bool },
    /// A sample of the prior.
    Prior,
    /// Given codes.
    Given(&'a [Value]),
}

impl Ladder {
    fn checked(&self) -> Result<()> {
        if (1..=KL.len()).contains(&self.levels.len()) && self.levels.iter().all(|level| level.latent > 0) {
            return Ok(());
        }
        let message = format!("a ladder has 1 to {} levels of 1 latent dimension or more each", KL.len());
        Err(Error::Config(format!("{message}, not {:?}", self.levels)))
    }

    /// d₁ … d_L of the batch.
    fn ascend(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> Result<Vec<Value>> {
        self.checked()?;
        let x = batch.get(g, "x")?;
        let mut features = vec![g.scoped("encoder", |g| self.encoder.forward(g, x, mode))?];
        for (l, level) in self.levels.iter().enumerate().take(self.levels.len() - 1) {
            let below = features[l];
            features.push(g.scoped(&format!("up{}", l + 2), |g| self.layer(g, below, level.hidden))?);
        }
        Ok(features)
    }

    /// From the top level to the decoder's input, for `rows` rows.
    fn descend(&self, g: &mut Graph, rows: usize, pick: &Pick<'_>) -> Result<Way> {
        let mut state: Option<Value> = None;
        let mut steps = vec![];
        for (l, level) in self.levels.iter().enumerate().rev() {
            let step = g.scoped(&format!("level{}", l + 1), |g| step(g, level.latent, (rows, l), state, pick))?;
            steps.push(step);
            let joined = match state {
                Some(state) => g.concat(&[step.z, state], 1)?,
                None => step.z,
            };
            state = Some(match l {
                0 => joined,
                _ => {
                    let hidden = self.levels[l - 1].hidden;
                    g.scoped(&format!("down{l}"), |g| self.layer(g, joined, hidden))?
                }
            });
        }
        steps.reverse();
        let state = state.ok_or_else(|| Error::Config("a ladder has a level".into()))?;
        Ok(Way { steps, state })
    }

    fn layer(&self, g: &mut Graph, x: Value, hidden: usize) -> Result<Value> {
        let y = Linear::new(hidden).start(Start::Xavier).forward(g, x, Mode::Train)?;
        self.activation.forward(g, y, Mode::Train)
    }

    fn decode_raw(&self, g: &mut Graph, state: Value, mode: Mode) -> Result<Value> {
        g.scoped("decoder", |g| self.decoder.forward(g, state, mode))
    }

    /// −ln p(x|z) of each row.
    fn reconstruction(&self, g: &mut Graph, decoded: Value, x: Value) -> Result<Value> {
        g.scoped("objective", |g| {
            let log_prob = self.likelihood.log_prob(g, decoded, x)?;
            let log_prob = g.per_example(log_prob)?;
            g.scale(log_prob, -1.0)
        })
    }

    /// The mean KL of each level, and what of the KL is minimised, β not yet.
    fn penalties(&self, g: &mut Graph, kl_each: Value) -> Result<(Vec<Value>, Value)> {
        let dims = g.mean(kl_each, &[0])?;
        let mut from = 0;
        let mut by_level = vec![];
        for level in &self.levels {
            let own = g.slice(dims, 0, from..from + level.latent)?;
            by_level.push(g.sum_all(own)?);
            from += level.latent;
        }
        let floor = g.full([], self.free_bits)?;
        let floored = if self.free_bits > 0.0 { g.maximum(dims, floor)? } else { dims };
        Ok((by_level, g.sum_all(floored)?))
    }
}

/// One level on the way down: its prior from the state above, its posterior where features are seen, and z.
fn step(
    g: &mut Graph,
    latent: usize,
    (rows, l): (usize, usize),
    state: Option<Value>,
    pick: &Pick<'_>,
) -> Result<Step> {
    let prior = match state {
        Some(h) => g.scoped("prior", |g| gaussian(g, h, latent, LOG_PRIOR))?,
        None => {
            let zeros = g.full([rows, latent], 0.0)?;
            Normal { mu: zeros, logvar: zeros }
        }
    };
    let (posterior, z) = match *pick {
        Pick::Given(codes) => (None, codes[l]),
        Pick::Prior => {
            let rng = g.noise_state()?;
            (None, prior.rsample(g, rng)?)
        }
        Pick::Posterior { features, sampled } => {
            let seen = match state {
                Some(h) => g.concat(&[h, features[l]], 1)?,
                None => features[l],
            };
            let change = g.scoped("posterior", |g| gaussian(g, seen, latent, LOG_CHANGE))?;
            let q = Normal { mu: g.add(prior.mu, change.mu)?, logvar: g.add(prior.logvar, change.logvar)? };
            let rng = g.noise_state()?;
            (Some(q), if sampled { q.rsample(g, rng)? } else { q.mu })
        }
    };
    Ok(Step { prior, posterior, z })
}

/// Heads for μ and ln σ², the latter within `limits`.
fn gaussian(g: &mut Graph, features: Value, latent: usize, limits: (f32, f32)) -> Result<Normal> {
    let head = |g: &mut Graph, name: &str| {
        g.scoped(name, |g| Linear::new(latent).start(Start::Xavier).forward(g, features, Mode::Train))
    };
    let mu = head(g, "mu")?;
    let raw = head(g, "logvar")?;
    Ok(Normal { mu, logvar: g.clamp(raw, limits.0, limits.1)? })
}

/// The posterior of a step of inference.
fn inferred(step: &Step) -> Result<Normal> {
    step.posterior.ok_or_else(|| Error::Graph("a level was not inferred".into()))
}

/// Σ over levels of the rows' terms.
fn total(g: &mut Graph, way: &Way, term: impl Fn(&mut Graph, &Step) -> Result<Value>) -> Result<Value> {
    let each = way.steps.iter().map(|step| term(g, step)).collect::<Result<Vec<_>>>()?;
    let all = g.concat(&each, 1)?;
    g.sum(all, &[1])
}

impl Model for Ladder {
    /// Figures: `kl_1` … `kl_L`, nats of each level.
    fn terms(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> Result<Terms> {
        let features = self.ascend(g, batch, mode)?;
        let way = self.descend(g, batch.size(), &Pick::Posterior { features: &features, sampled: true })?;
        let decoded = self.decode_raw(g, way.state, mode)?;
        let x = batch.get(g, "x")?;
        let reconstruction_each = self.reconstruction(g, decoded, x)?;
        // The code without noise; only evaluation reads it.
        let still = self.descend(g, batch.size(), &Pick::Posterior { features: &features, sampled: false })?;
        g.scoped("objective", |g| {
            let parts = way.steps.iter().map(|step| inferred(step)?.kl(g, &step.prior)).collect::<Result<Vec<_>>>()?;
            let kl_each = g.concat(&parts, 1)?;
            let log_q = total(g, &way, |g, step| inferred(step)?.log_prob(g, step.z))?;
            let (by_level, minimised) = self.penalties(g, kl_each)?;
            let kl = g.sum(kl_each, &[1])?;
            let kl = g.mean_all(kl)?;
            let reconstruction = g.mean_all(reconstruction_each)?;
            let bound = g.add(reconstruction, kl)?;
            let beta = g.input("beta", TensorType::f32([]))?;
            let weighted = g.mul(minimised, beta)?;
            let logvars = still.steps.iter().map(|step| Ok(inferred(step)?.logvar)).collect::<Result<Vec<_>>>()?;
            let (mu, logvar) = (still.codes(g, |step| step.z)?, g.concat(&logvars, 1)?);
            Ok(Terms {
                loss: g.add(reconstruction, weighted)?,
                players: vec![],
                elbo: g.scale(bound, -1.0)?,
                reconstruction,
                kl,
                figures: KL.into_iter().zip(by_level).collect(),
                reconstruction_each,
                kl_each,
                latent: Latent {
                    z: way.codes(g, |step| step.z)?,
                    log_q_flowed: Some(log_q),
                    ..Latent::gaussian(mu, Normal { mu, logvar })
                },
                mean: self.likelihood.mean(g, decoded)?,
            })
        })
    }

    fn latent(&self) -> usize {
        self.levels.iter().map(|level| level.latent).sum()
    }

    fn decode(&self, g: &mut Graph, z: Value, _: &Batch) -> Result<Value> {
        self.checked()?;
        let (rows, mut from, mut codes) = (g.shape(z).dims()[0], 0, vec![]);
        for level in &self.levels {
            codes.push(g.slice(z, 1, from..from + level.latent)?);
            from += level.latent;
        }
        let way = self.descend(g, rows, &Pick::Given(&codes))?;
        let decoded = self.decode_raw(g, way.state, Mode::Eval)?;
        g.scoped("objective", |g| self.likelihood.mean(g, decoded))
    }

    fn sample(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        self.checked()?;
        self.descend(g, batch.size(), &Pick::Prior)?.codes(g, |step| step.z)
    }

    fn log_weights(&self, g: &mut Graph, batch: &Batch, samples: usize) -> Result<Value> {
        let features = self.ascend(g, batch, Mode::Eval)?;
        let features = features.into_iter().map(|d| g.tile(d, samples)).collect::<Result<Vec<_>>>()?;
        let way = self.descend(g, samples * batch.size(), &Pick::Posterior { features: &features, sampled: true })?;
        let decoded = self.decode_raw(g, way.state, Mode::Eval)?;
        let x = batch.get(g, "x")?;
        let x = g.tile(x, samples)?;
        let reconstruction_each = self.reconstruction(g, decoded, x)?;
        let ratio = total(g, &way, |g, step| {
            let (log_p, log_q) = (step.prior.log_prob(g, step.z)?, inferred(step)?.log_prob(g, step.z)?);
            g.sub(log_p, log_q)
        })?;
        let weights = g.sub(ratio, reconstruction_each)?;
        g.reshape(weights, [samples, batch.size()])
    }
}
