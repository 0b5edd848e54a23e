//! Likelihoods estimated by importance sampling, and their units.

use crate::error::{Error, Result};

/// ln p(x) of each example from weights ln w = ln p(x, z) − ln q(z|x) that arrive over many passes: the logarithm of their
/// mean (Burda 2016, arXiv 1509.00519, equation 8). Holds three numbers an example, however many samples; every sum is
/// relative to the greatest weight so far, so nothing overflows.
///
/// ```
/// use wavae::eval::ImportanceSampling;
/// let mut estimate = ImportanceSampling::new(1);
/// estimate.add(0, &[-1000.0, -1001.0], 2)?; // two samples of example 0
/// estimate.add(0, &[-1002.0], 1)?; // and a third
/// let mean = (1.0f64 + (-1.0f64).exp() + (-2.0f64).exp()) / 3.0;
/// assert!((estimate.log_likelihoods()[0] - (mean.ln() - 1000.0)).abs() < 1e-12);
/// # Ok::<(), wavae::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImportanceSampling {
    examples: Vec<Weights>,
}

/// Weights of one example: their number, the greatest logarithm m, Σ w/eᵐ and Σ (w/eᵐ)².
#[derive(Clone, Copy, Debug)]
struct Weights {
    count: f64,
    max: f64,
    sum: f64,
    squares: f64,
}

/// A likelihood over a set, in nats per example, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likelihood {
    /// Mean of the estimates of ln p(x). In expectation a lower bound.
    pub log_likelihood: f64,
    /// Standard error of the mean from sampling z: what more samples make smaller. For each example the delta method has
    /// Var ln ŵ ≈ (E w² / (E w)² − 1) / (K − 1). NaN with one sample.
    pub standard_error: f64,
    /// How far the mean lies below ln p(x), to the first order: half of Var ln ŵ, averaged.
    pub bias: f64,
    /// Standard error of the mean as that of all data of which the set is a sample. NaN for one example.
    pub data_error: f64,
    /// Least effective number of samples (Σ w)² / Σ w² of an example; near 1, its estimate hangs on a single draw and the
    /// standard error says too little.
    pub effective_samples: f64,
}

impl ImportanceSampling {
    /// No samples yet of `examples` examples.
    pub fn new(examples: usize) -> Self {
        let none = Weights { count: 0.0, max: f64::NEG_INFINITY, sum: 0.0, squares: 0.0 };
        Self { examples: vec![none; examples] }
    }

    /// Adds `samples` weights each for the examples from `first` on: `log_weights` [B, `samples`] in nats. −∞ is a weight
    /// of 0.
    ///
    /// # Errors
    /// [`Error::Config`] where the weights are no rows of `samples` or go past the last example, [`Error::NonFinite`] for
    /// one that is NaN or +∞; nothing is added then.
    pub fn add(&mut self, first: usize, log_weights: &[f32], samples: usize) -> Result<()> {
        let (total, len) = (self.examples.len(), log_weights.len());
        let fits = samples > 0 && len.is_multiple_of(samples);
        if !fits || first.checked_add(len / samples).is_none_or(|end| end > total) {
            let message =
                format!("{len} weights of {samples} samples each do not fit {total} examples from {first} on");
            return Err(Error::Config(message));
        }
        if let Some(at) = log_weights.iter().position(|w| w.is_nan() || *w == f32::INFINITY) {
            let (example, weight) = (first + at / samples, log_weights[at]);
            let message = format!("importance sampling: ln w of example {example} is {weight}; the model diverged");
            return Err(Error::NonFinite(message));
        }
        for (weights, row) in self.examples[first..].iter_mut().zip(log_weights.chunks_exact(samples)) {
            row.iter().for_each(|&w| weights.add(w.into()));
        }
        Ok(())
    }

    /// The estimate of ln p(x) for each example: −∞ where all weights are 0, NaN where there are none.
    pub fn log_likelihoods(&self) -> Vec<f64> {
        self.examples.iter().map(Weights::log_mean).collect()
    }

    /// Mean and errors over all examples.
    ///
    /// # Errors
    /// [`Error::Config`] where there are no examples or one has no samples yet.
    pub fn estimate(&self) -> Result<Likelihood> {
        let count = self.examples.len() as f64;
        if let Some(at) = self.examples.iter().position(|w| w.count == 0.0) {
            return Err(Error::Config(format!("importance sampling: example {at} has no samples yet")));
        }
        if self.examples.is_empty() {
            return Err(Error::Config("importance sampling needs at least one example".into()));
        }
        let values = self.log_likelihoods();
        let mean = values.iter().sum::<f64>() / count;
        let spread = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let variance: f64 = self.examples.iter().map(Weights::variance).sum();
        Ok(Likelihood {
            log_likelihood: mean,
            standard_error: variance.sqrt() / count,
            bias: variance / (2.0 * count),
            data_error: (spread / count).sqrt(),
            effective_samples: self.examples.iter().map(Weights::effective).fold(f64::INFINITY, f64::min),
        })
    }
}

impl Weights {
    fn add(&mut self, log_weight: f64) {
        self.count += 1.0;
        if log_weight > self.max {
            let shrink = (self.max - log_weight).exp(); // 0 from −∞
            (self.sum, self.squares) = (self.sum * shrink + 1.0, self.squares * shrink * shrink + 1.0);
            self.max = log_weight;
        } else if log_weight > f64::NEG_INFINITY {
            let weight = (log_weight - self.max).exp();
            (self.sum, self.squares) = (self.sum + weight, self.squares + weight * weight);
        }
    }

    fn log_mean(&self) -> f64 {
        if self.count == 0.0 {
            return f64::NAN;
        }
        self.max + (self.sum / self.count).ln()
    }

    /// Variance of [`Self::log_mean`] by the delta method.
    fn variance(&self) -> f64 {
        let ratio = self.count * self.squares / (self.sum * self.sum);
        // Not below 0, where rounding would take it; NaN passes.
        let relative = if ratio < 1.0 { 0.0 } else { ratio - 1.0 };
        relative / (self.count - 1.0)
    }

    fn effective(&self) -> f64 {
        if self.sum == 0.0 { 0.0 } else { self.sum * self.sum / self.squares }
    }
}

/// What a likelihood is a likelihood of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values {
    /// Probabilities of discrete values: nothing is added.
    Discrete,
    /// Densities of discrete values that lie `width` apart and had uniform noise of that width added (dequantization,
    /// Theis 2016, arXiv 1511.01844, section 3.1): bytes b trained on as (b + u) / 256 have width 1/256. A value's
    /// probability is the density times the width, so − log₂ `width` bits are added for each dimension: 8 for bytes. The
    /// result is then an upper bound on the bits of the discrete data. No likelihood here adds that noise: it is to be in the
    /// examples, a set of floats. Without it, as where bytes are read as b / 255, a density bounds no bits.
    Dequantized {
        /// Distance of neighbouring values in the units of the density.
        width: f64,
    },
}

/// Bits per dimension of a likelihood in nats per example: −`log_likelihood` / (`dimensions` · ln 2), plus the
/// dequantization term of [`Values`]. Dimensions are H · W · C for images. For a density of data that are continuous in
/// truth there is no such figure.
///
/// ```
/// use wavae::eval::{Values, bits_per_dimension};
/// // The uniform density on [0, 1]⁷⁸⁴ says nothing about bytes: 8 bits each.
/// assert_eq!(bits_per_dimension(0.0, 784, Values::Dequantized { width: 1.0 / 256.0 }), 8.0);
/// ```
pub fn bits_per_dimension(log_likelihood: f64, dimensions: usize, values: Values) -> f64 {
    let bits = -log_likelihood / (dimensions as f64 * std::f64::consts::LN_2);
    match values {
        Values::Discrete => bits,
        Values::Dequantized { width } => bits - width.log2(),
    }
}
