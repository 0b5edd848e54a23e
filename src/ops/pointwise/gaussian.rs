//! The VAE's own element-wise mathematics: reparameterization, divergences, log likelihoods. Each is one element's
//! share in nats; sums over axes make them per example.

use super::activation::{sigmoid, softplus};
use super::{function, no_second_derivative};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// ln 2π.
const LN_2PI: f64 = 1.837_877_066_409_345_3;

function!(/// μ + e^(½ logσ²)·ε (Kingma & Welling 2013, arXiv 1312.6114, section 2.4).
REPARAMETERIZE = "reparameterize"(mu, logvar, eps), 10, mu + (T::of(0.5) * logvar).exp() * eps, |g, at, _, k| match k {
    0 => Ok(Some(at.dout)),
    1 => g.map(&REPARAMETERIZE_GRAD, &[], &[at.inputs[0], at.out, at.dout]).map(Some),
    _ => {
        let half = g.scale(at.inputs[1], 0.5)?;
        let sigma = g.exp(half)?;
        g.mul(at.dout, sigma).map(Some)
    }
});
function!(/// ½(z − μ)·dz: the gradient of logσ², from the sample itself.
    REPARAMETERIZE_GRAD = "reparameterize_grad"(mu, z, dz), 3, T::of(0.5) * (z - mu) * dz, no_second_derivative);
function!(/// KL(N(μ, σ²) ‖ N(0, 1)) = ½(μ² + σ² − 1 − logσ²) (arXiv 1312.6114, appendix B).
KL_STANDARD = "kl_standard"(mu, logvar), 12, T::of(0.5) * (mu * mu + (logvar.exp_m1() - logvar)),
|g, at, _, k| match k {
    0 => g.mul(at.dout, at.inputs[0]).map(Some),
    _ => g.map(&KL_STANDARD_GRAD, &[], &[at.inputs[1], at.dout]).map(Some),
});
function!(/// ½(σ² − 1)·d.
    KL_STANDARD_GRAD = "kl_standard_grad"(logvar, d), 10, T::of(0.5) * logvar.exp_m1() * d, no_second_derivative);
function!(/// KL(N(μ₁, σ₁²) ‖ N(μ₂, σ₂²)) = ½(logσ₂² − logσ₁² + (σ₁² + (μ₁ − μ₂)²)/σ₂² − 1).
KL_NORMAL = "kl_normal"(mu1, logvar1, mu2, logvar2), 24, {
    let delta = logvar1 - logvar2;
    let d = mu1 - mu2;
    T::of(0.5) * ((delta.exp_m1() - delta) + d * d * (-logvar2).exp())
}, |g, at, _, k| {
    let [mu1, logvar1, mu2, logvar2] = [at.inputs[0], at.inputs[1], at.inputs[2], at.inputs[3]];
    match k {
        0 | 2 => {
            let d = if k == 0 { g.sub(mu1, mu2)? } else { g.sub(mu2, mu1)? };
            g.map(&PRECISION_TIMES, &[], &[logvar2, d, at.dout]).map(Some)
        }
        1 => {
            let delta = g.sub(logvar1, logvar2)?;
            g.map(&KL_STANDARD_GRAD, &[], &[delta, at.dout]).map(Some)
        }
        _ => {
            let d = g.sub(mu1, mu2)?;
            let d2 = g.square(d)?;
            let scaled = g.map(&PRECISION_TIMES, &[], &[logvar2, d2, at.dout])?;
            let scaled = g.scale(scaled, -0.5)?;
            let delta = g.sub(logvar1, logvar2)?;
            let spread = g.map(&KL_STANDARD_GRAD, &[], &[delta, at.dout])?;
            g.sub(scaled, spread).map(Some)
        }
    }
});
function!(/// e^(−logσ²)·x·y.
    PRECISION_TIMES = "precision_times"(logvar, x, y), 10, (-logvar).exp() * x * y, no_second_derivative);
function!(/// ln Bernoulli(x; sigmoid(l)) = x·l − softplus(l), for x in [0, 1].
BERNOULLI_LOG_PROB = "bernoulli_log_prob"(logits, x), 22, x * logits - softplus(logits), |g, at, _, k| match k {
    0 => g.map(&BERNOULLI_LOG_PROB_GRAD, &[], &[at.inputs[0], at.inputs[1], at.dout]).map(Some),
    _ => g.mul(at.dout, at.inputs[0]).map(Some),
});
function!(/// (x − sigmoid(l))·d.
    BERNOULLI_LOG_PROB_GRAD = "bernoulli_log_prob_grad"(logits, x, d), 12, (x - sigmoid(logits)) * d, no_second_derivative);
function!(/// ln N(x; μ, σ²) = −½(ln 2π + logσ² + (x − μ)²/σ²).
NORMAL_LOG_PROB = "normal_log_prob"(x, mu, logvar), 14, {
    let d = x - mu;
    T::of(-0.5) * (T::of(LN_2PI) + logvar + d * d * (-logvar).exp())
}, |g, at, _, k| {
    let [x, mu, logvar] = [at.inputs[0], at.inputs[1], at.inputs[2]];
    match k {
        0 | 1 => {
            let d = if k == 0 { g.sub(mu, x)? } else { g.sub(x, mu)? };
            g.map(&PRECISION_TIMES, &[], &[logvar, d, at.dout]).map(Some)
        }
        _ => {
            let d = g.sub(x, mu)?;
            let d2 = g.square(d)?;
            let scaled = g.map(&PRECISION_TIMES, &[], &[logvar, d2, at.dout])?;
            let excess = g.sub(scaled, at.dout)?;
            g.scale(excess, 0.5).map(Some)
        }
    }
});

impl Graph {
    /// A sample of N(μ, σ²) from standard normal noise `eps`.
    pub fn reparameterize(&mut self, mu: Value, logvar: Value, eps: Value) -> Result<Value> {
        self.map(&REPARAMETERIZE, &[], &[mu, logvar, eps])
    }
    /// KL(N(μ, σ²) ‖ N(0, 1)) element by element, nats.
    pub fn kl_standard(&mut self, mu: Value, logvar: Value) -> Result<Value> {
        self.map(&KL_STANDARD, &[], &[mu, logvar])
    }
    /// KL(N(μ₁, σ₁²) ‖ N(μ₂, σ₂²)) element by element, nats.
    pub fn kl_normal(&mut self, mu1: Value, logvar1: Value, mu2: Value, logvar2: Value) -> Result<Value> {
        self.map(&KL_NORMAL, &[], &[mu1, logvar1, mu2, logvar2])
    }
    /// ln Bernoulli(x; sigmoid(logits)) element by element, nats.
    pub fn bernoulli_log_prob(&mut self, logits: Value, x: Value) -> Result<Value> {
        self.map(&BERNOULLI_LOG_PROB, &[], &[logits, x])
    }
    /// ln N(x; μ, σ²) element by element, nats.
    pub fn normal_log_prob(&mut self, x: Value, mu: Value, logvar: Value) -> Result<Value> {
        self.map(&NORMAL_LOG_PROB, &[], &[x, mu, logvar])
    }
}
