//! The logistic distribution over equal bins of [0, 1] (Salimans 2017, arXiv 1701.05517, section 2.1).
//!
//! With a = (x − μ)/s and h = δ/2s, half a bin, the middle bins have σ(a + h) − σ(a − h) = sinh h / (cosh h + cosh a); the
//! first and the last one take the tails.

use super::activation::{sigmoid, softplus};
use super::{function, no_second_derivative};
use crate::cpu::Real;
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};

/// a and h of the head, for `bins` values 0, 1/(bins − 1), … 1; and half a bin.
fn scaled<T: Real>(x: T, mu: T, logscale: T, bins: T) -> (T, T, T) {
    let half = T::of(0.5) / (bins - T::ONE);
    let rate = (-logscale).exp();
    ((x - mu) * rate, half * rate, half)
}

/// sinh and cosh of h and |a|, all over e^max(h, |a|).
fn hyperbolic<T: Real>(a: T, h: T) -> ([T; 2], [T; 2], T) {
    let size = a.abs();
    let largest = if h > size { h } else { size };
    let of = |v: T| {
        let (by, e) = ((v - largest).exp(), (T::of(-2.0) * v).exp_m1());
        [-e * by, (T::of(2.0) + e) * by]
    };
    (of(h), of(size), largest)
}

fn log_prob<T: Real>(x: T, mu: T, logscale: T, bins: T) -> T {
    let (a, h, half) = scaled(x, mu, logscale, bins);
    if x < half {
        return -softplus(-(a + h));
    }
    if x > T::ONE - half {
        return -softplus(a - h);
    }
    let ([_, cosh_h], [_, cosh_a], largest) = hyperbolic(a, h);
    h - largest + (-(T::of(-2.0) * h).exp_m1()).ln() - (cosh_h + cosh_a).ln()
}

/// The derivatives by a and by h, the latter times h.
fn slopes<T: Real>(x: T, mu: T, logscale: T, bins: T) -> (T, T, T) {
    let (a, h, half) = scaled(x, mu, logscale, bins);
    if x < half {
        let tail = sigmoid(-(a + h));
        return (a, tail, tail * h);
    }
    if x > T::ONE - half {
        let tail = sigmoid(a - h);
        return (a, -tail, tail * h);
    }
    let ([sinh_h, cosh_h], [sinh_a, cosh_a], _) = hyperbolic(a, h);
    let sum = cosh_h + cosh_a;
    let e = (T::of(-2.0) * h).exp_m1();
    let coth = (T::of(2.0) + e) / -e;
    let by_a = sinh_a / sum;
    (a, if a > T::ZERO { -by_a } else { by_a }, h * (coth - sinh_h / sum))
}

function!(/// ln of the bin of x in [0, 1] under the logistic distribution of mean μ and scale e^logscale over `bins` bins.
DISCRETIZED_LOGISTIC = "discretized_logistic"(x, mu, logscale; bins), 60, log_prob(x, mu, logscale, bins),
|g, at, c, k| {
    let [x, mu, logscale] = [at.inputs[0], at.inputs[1], at.inputs[2]];
    match k {
        0 => {
            let by_mu = g.map(&DISCRETIZED_LOGISTIC_MU_GRAD, c, &[x, mu, logscale, at.dout])?;
            g.scale(by_mu, -1.0).map(Some)
        }
        1 => g.map(&DISCRETIZED_LOGISTIC_MU_GRAD, c, &[x, mu, logscale, at.dout]).map(Some),
        _ => g.map(&DISCRETIZED_LOGISTIC_SCALE_GRAD, c, &[x, mu, logscale, at.dout]).map(Some),
    }
});
function!(/// Its gradient by μ, times d.
DISCRETIZED_LOGISTIC_MU_GRAD = "discretized_logistic_mu_grad"(x, mu, logscale, d; bins), 60, {
    let (_, by_a, _) = slopes(x, mu, logscale, bins);
    -by_a * (-logscale).exp() * d
}, no_second_derivative);
function!(/// Its gradient by logscale, times d.
DISCRETIZED_LOGISTIC_SCALE_GRAD = "discretized_logistic_scale_grad"(x, mu, logscale, d; bins), 60, {
    let (a, by_a, by_h) = slopes(x, mu, logscale, bins);
    -(a * by_a + by_h) * d
}, no_second_derivative);

impl Graph {
    /// ln p of the bin of `x` in [0, 1], one of `bins` values 0, 1/(bins − 1), … 1, under a logistic distribution of mean
    /// `mu` and scale e^`logscale`, element by element, nats.
    ///
    /// # Errors
    /// Fewer than 2 bins; shapes that do not broadcast.
    pub fn discretized_logistic(&mut self, x: Value, mu: Value, logscale: Value, bins: usize) -> Result<Value> {
        if bins < 2 {
            return Err(Error::Config(format!("a discretized logistic distribution needs 2 bins or more, not {bins}")));
        }
        self.map(&DISCRETIZED_LOGISTIC, &[bins as f32], &[x, mu, logscale])
    }
}
