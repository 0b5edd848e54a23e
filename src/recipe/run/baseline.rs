//! What a likelihood is held against: that of examples whose parts know nothing of each other.

use super::figure::numbers;
use super::strokes::independent_strokes;
use super::words::unigrams;
use crate::error::{Error, Result};
use crate::ops::pointwise::special::lgamma;
use crate::recipe::data::Splits;
use crate::recipe::{LikelihoodSpec, SpreadSpec};
use std::f64::consts::PI;

/// Mean ln p of the test examples, nats, and what it is of: of independent numbers where the model has a `likelihood` that single
/// numbers can have, else of independent words or movements.
///
/// # Errors
/// Other examples.
pub(super) fn log_prob(likelihood: Option<LikelihoodSpec>, parts: &Splits) -> Result<(f64, &'static str)> {
    if let Some(likelihood) = likelihood {
        return Ok((numbers_apart(likelihood, parts)?, "independent numbers"));
    }
    if let Some(log_p) = unigrams(parts)? {
        return Ok((log_p, "independent words"));
    }
    let none = || {
        Error::Config("this model has no likelihood that independent numbers could have; take another figure".into())
    };
    independent_strokes(parts).map(|log_p| (log_p, "independent movements")).ok_or_else(none)
}

/// Mean ln p of the test examples under independent numbers of the family of `likelihood`, fitted to the training set.
fn numbers_apart(likelihood: LikelihoodSpec, parts: &Splits) -> Result<f64> {
    let (train, test) = (numbers(&parts.train)?, numbers(&parts.test)?);
    let size = train.len() / parts.train.len().max(1);
    let mut total = 0.0;
    for k in 0..size {
        let known = || train.iter().skip(k).step_by(size).map(|&x| f64::from(x));
        let asked = || test.iter().skip(k).step_by(size).map(|&x| f64::from(x));
        let n = parts.train.len() as f64;
        let mean = known().sum::<f64>() / n;
        let normal = |sigma: SpreadSpec| {
            let variance = match sigma {
                SpreadSpec::Fixed(sigma) => f64::from(sigma).powi(2),
                SpreadSpec::Trained(_) => (known().map(|x| (x - mean).powi(2)).sum::<f64>() / n).max(1e-4),
            };
            asked().map(|x| -0.5 * ((x - mean).powi(2) / variance + (2.0 * PI * variance).ln())).sum::<f64>()
        };
        total += match likelihood {
            LikelihoodSpec::Bernoulli => {
                let p = (mean * n + 0.5) / (n + 1.0);
                asked().map(|x| x * p.ln() + (1.0 - x) * (1.0 - p).ln()).sum::<f64>()
            }
            LikelihoodSpec::GaussianPixels { sigma } | LikelihoodSpec::Gaussian { sigma } => normal(sigma),
            LikelihoodSpec::LaplacePixels { scale } | LikelihoodSpec::Laplace { scale } => {
                let b = match scale {
                    SpreadSpec::Fixed(scale) => f64::from(scale),
                    SpreadSpec::Trained(_) => (known().map(|x| (x - mean).abs()).sum::<f64>() / n).max(1e-3),
                };
                asked().map(|x| -(x - mean).abs() / b - (2.0 * b).ln()).sum::<f64>()
            }
            LikelihoodSpec::Logistic { .. } => {
                let mut counts = [1.0f64; 256];
                known().for_each(|x| counts[((x * 255.0).round() as usize).min(255)] += 1.0);
                asked().map(|x| (counts[((x * 255.0).round() as usize).min(255)] / (n + 256.0)).ln()).sum::<f64>()
            }
            LikelihoodSpec::Poisson => asked().map(|x| poisson(x, mean.max(1e-6))).sum::<f64>(),
            LikelihoodSpec::NegativeBinomial { .. } => {
                // By moments; counts that are spread no wider than a Poisson's have that.
                let variance = known().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
                let r = mean.powi(2) / (variance - mean);
                match variance > mean && mean > 0.0 && r.is_finite() {
                    true => asked().map(|x| negative_binomial(x, mean, r)).sum::<f64>(),
                    false => asked().map(|x| poisson(x, mean.max(1e-6))).sum::<f64>(),
                }
            }
        };
    }
    Ok(total / parts.test.len().max(1) as f64)
}

/// ln of the probability of a count of mean `rate`.
fn poisson(x: f64, rate: f64) -> f64 {
    x * rate.ln() - rate - lgamma(x + 1.0)
}

/// The same with variance m + m²/r.
fn negative_binomial(x: f64, mean: f64, r: f64) -> f64 {
    let shares = r * (r / (r + mean)).ln() + x * (mean / (r + mean)).ln();
    lgamma(x + r) - lgamma(r) - lgamma(x + 1.0) + shares
}
