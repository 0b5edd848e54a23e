//! The negative binomial distribution of counts, by Loader's deviances, which leave nothing large to cancel (Loader 2000,
//! Fast and accurate computation of binomial probabilities). With n = x + r and δ = r(x − μ)/(r + μ),
//!
//! ln p(x) = ½ ln(r / 2πnx) + S(n) − S(r) − S(x) − r·ρ(δ/r) − x·ρ(−δ/x),
//!
//! S the error of Stirling's formula and ρ(t) = t − ln(1 + t), none of which is far above ln p in size.

use super::activation::softplus;
use super::special::{DIGAMMA, FAR, HALF_LN_2PI, digamma, lgamma, stirling_series};
use super::{function, no_second_derivative};
use crate::cpu::Real;
use crate::error::Result;
use crate::graph::{Graph, Value};

/// S(y) = ln Γ(y + 1) − (y + ½) ln y + y − ½ ln 2π for y > 0.
fn stirling_error<T: Real>(y: T) -> T {
    if y >= T::of(FAR) {
        return stirling_series(y);
    }
    lgamma(y + T::ONE) - (y + T::of(0.5)) * y.ln() + y - T::of(HALF_LN_2PI)
}

/// ρ(t) = t − ln(1 + t), where `log` is ln(1 + t); near 0 by the series of ln((1 + s)/(1 − s)) at s = t/(2 + t).
fn deviance<T: Real>(t: T, log: T) -> T {
    if t.abs() >= T::of(0.4) {
        return t - log;
    }
    let s = t / (T::of(2.0) + t);
    let s2 = s * s;
    let series = (0..14).rev().fold(T::ZERO, |sum, k| sum * s2 + T::ONE / T::of(f64::from(2 * k + 3)));
    s * (t - T::of(2.0) * s2 * series)
}

/// r·ρ(δ/r) over r.
fn failures<T: Real>(x: T, mu: T, r: T) -> T {
    deviance((x - mu) / (r + mu), ((x + r) / (r + mu)).ln())
}

fn log_prob<T: Real>(x: T, log_mean: T, log_dispersion: T) -> T {
    let (mu, r) = (log_mean.exp(), log_dispersion.exp());
    if x <= T::ZERO {
        return -r * softplus(log_mean - log_dispersion);
    }
    let (n, log_x) = (x + r, x.ln());
    let log_n = n.ln();
    let t = r / (r + mu) * ((mu - x) / x);
    let successes = deviance(t, log_mean + log_n - log_x - (r + mu).ln());
    let size = T::of(0.5) * (log_dispersion - log_n - log_x) - T::of(HALF_LN_2PI);
    let errors = stirling_error(n) - stirling_error(r) - stirling_error(x);
    size + errors - r * failures(x, mu, r) - x * successes
}

/// c(x + r) − c(r) for c(y) = ψ(y) − ln y: for large r by its series, where differences of powers are factored.
fn digamma_step<T: Real>(x: T, r: T) -> T {
    let n = x + r;
    if r < T::of(FAR) {
        return digamma(n) - n.ln() - (digamma(r) - r.ln());
    }
    let (a, b) = (T::ONE / r, T::ONE / n);
    let (a2, b2) = (a * a, b * b);
    let quartic = (a2 + b2) * (T::of(1.0 / 120.0) - (a2 * a2 + b2 * b2) * T::of(1.0 / 240.0));
    let sextic = (a2 * a2 + a2 * b2 + b2 * b2) * T::of(1.0 / 252.0);
    x * a * b * (T::of(0.5) + (a + b) * (T::of(1.0 / 12.0) - quartic + sextic))
}

function!(/// ln p of the count x under the negative binomial distribution of mean e^log_mean and dispersion e^log_dispersion.
NEGATIVE_BINOMIAL = "negative_binomial"(x, log_mean, log_dispersion), 200, log_prob(x, log_mean, log_dispersion),
|g, at, _, k| match k {
    0 => by_count(g, at.inputs, at.dout).map(Some),
    1 => g.map(&NEGATIVE_BINOMIAL_MEAN_GRAD, &[], &[at.inputs, &[at.dout]].concat()).map(Some),
    _ => g.map(&NEGATIVE_BINOMIAL_DISPERSION_GRAD, &[], &[at.inputs, &[at.dout]].concat()).map(Some),
});
function!(/// Its gradient by log_mean, times d.
NEGATIVE_BINOMIAL_MEAN_GRAD = "negative_binomial_mean_grad"(x, log_mean, log_dispersion, d), 40, {
    let (mu, r) = (log_mean.exp(), log_dispersion.exp());
    r / (r + mu) * (x - mu) * d
}, no_second_derivative);
function!(/// Its gradient by log_dispersion, times d.
NEGATIVE_BINOMIAL_DISPERSION_GRAD = "negative_binomial_dispersion_grad"(x, log_mean, log_dispersion, d), 120, {
    let (mu, r) = (log_mean.exp(), log_dispersion.exp());
    r * (digamma_step(x, r) - failures(x, mu, r)) * d
}, no_second_derivative);

/// By x: ψ(x + r) − ψ(x + 1) + ln(μ/(r + μ)).
fn by_count(g: &mut Graph, inputs: &[Value], dout: Value) -> Result<Value> {
    let [x, log_mean, log_dispersion] = [inputs[0], inputs[1], inputs[2]];
    let r = g.exp(log_dispersion)?;
    let [n, next] = [g.add(x, r)?, g.affine(x, 1.0, 1.0)?];
    let [n, next] = [g.map(&DIGAMMA, &[], &[n])?, g.map(&DIGAMMA, &[], &[next])?];
    let ways = g.sub(n, next)?;
    let odds = g.sub(log_dispersion, log_mean)?;
    let cost = g.softplus(odds)?;
    let slope = g.sub(ways, cost)?;
    g.mul(dout, slope)
}

impl Graph {
    /// ln p of counts `x` 0, 1, 2, … under negative binomial distributions of mean e^`log_mean` and dispersion
    /// e^`log_dispersion`, element by element, nats. Both logarithms are to be within ±40.
    pub fn negative_binomial(&mut self, x: Value, log_mean: Value, log_dispersion: Value) -> Result<Value> {
        self.map(&NEGATIVE_BINOMIAL, &[], &[x, log_mean, log_dispersion])
    }
}
