//! Gaussian mixtures on codes: a sampler after training that knows where the aggregate posterior is.

use super::linear::{cholesky, forward};
use super::{check, kmeans, variance_of_means};
use crate::error::{Error, Result};
use crate::rng::{Philox, normal};
use rand::RngExt;
use rayon::prelude::*;

/// The shape of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covariance {
    /// Dimensions are independent within a component.
    Diagonal,
    /// Any covariance. Takes L² numbers a component, so it wants many times L codes for each.
    Full,
}

/// How a mixture is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixtureFit {
    /// The number of components.
    pub components: usize,
    /// Their shape.
    pub covariance: Covariance,
    /// The most rounds of EM.
    pub rounds: usize,
    /// Fitting ends when a round gains less than this many nats per example.
    pub tolerance: f64,
    /// The seed of the start.
    pub seed: u64,
}

impl Default for MixtureFit {
    /// Ten full components, up to 100 rounds, 1e-5 nats.
    fn default() -> Self {
        Self { components: 10, covariance: Covariance::Full, rounds: 100, tolerance: 1e-5, seed: 0 }
    }
}

/// Σ wₖ N(mₖ, Σₖ) over codes of L dimensions.
#[derive(Clone, Debug)]
pub struct GaussianMixture {
    latent: usize,
    components: Vec<Component>,
    trace: Vec<f64>,
}

#[derive(Clone, Debug)]
struct Component {
    weight: f64,
    mean: Vec<f64>,
    factor: Factor,
}

/// The lower triangular factor of a covariance.
#[derive(Clone, Debug)]
enum Factor {
    Diagonal(Vec<f64>),
    Full(Vec<f64>),
}

/// The share of a dimension's variance (the mean over dimensions) that is added to a component's scatter matrix, as one
/// example's: an inverse Wishart prior that keeps covariances positive. EM then raises the penalised likelihood.
const RIDGE: f64 = 1e-3;

impl GaussianMixture {
    /// Fits `codes` [N, L] by expectation maximisation (Dempster 1977) from a k-means clustering that k-means++ started
    /// (Arthur & Vassilvitskii 2007). The same seed gives the same mixture.
    ///
    /// # Errors
    /// [`Error::Config`] where there are no components or more than codes, [`Error::NonFinite`] for a code that is not
    /// finite.
    pub fn fit(codes: &[f32], latent: usize, how: &MixtureFit) -> Result<Self> {
        let count = check::rows("codes", codes, latent)?;
        if how.components == 0 || how.components > count {
            return Err(Error::Config(format!(
                "a mixture of {} components needs as many codes, not {count}",
                how.components
            )));
        }
        let ridge = ridge(codes, latent);
        let nearest = kmeans::clusters(codes, latent, how.components, &mut Philox::new(how.seed, 0));
        let share = |k: usize| nearest.iter().map(|&c| f64::from(u8::from(c == k))).collect();
        let shares: Vec<Vec<f64>> = (0..how.components).map(share).collect();
        let mut mixture = Self { latent, components: Vec::new(), trace: Vec::new() };
        mixture.maximise(codes, &shares, how.covariance, ridge);
        for _ in 0..how.rounds {
            let (shares, likelihood) = mixture.expect(codes);
            let value = likelihood - mixture.penalty(ridge) / count as f64;
            let gain = value - mixture.trace.last().copied().unwrap_or(f64::NEG_INFINITY);
            mixture.trace.push(value);
            if gain < how.tolerance {
                break;
            }
            mixture.maximise(codes, &shares, how.covariance, ridge);
        }
        Ok(mixture)
    }

    /// One component for each class 0..C, by the moments of its codes: a sampler of each class
    /// ([`Self::sample_component`]). `classes` has one for each of `codes` [N, L].
    ///
    /// # Errors
    /// [`Error::Config`] where codes and classes differ in number or a class below the highest has no code.
    pub fn from_classes(codes: &[f32], latent: usize, classes: &[u32], covariance: Covariance) -> Result<Self> {
        let count = class_means(codes, latent, classes)?.len() / latent;
        let share = |k: usize| classes.iter().map(|&c| f64::from(u8::from(c as usize == k))).collect();
        let shares: Vec<Vec<f64>> = (0..count).map(share).collect();
        let mut mixture = Self { latent, components: Vec::new(), trace: Vec::new() };
        mixture.maximise(codes, &shares, covariance, ridge(codes, latent));
        Ok(mixture)
    }

    /// The number of components.
    pub fn components(&self) -> usize {
        self.components.len()
    }

    /// Their weights, which sum to 1.
    pub fn weights(&self) -> Vec<f64> {
        self.components.iter().map(|c| c.weight).collect()
    }

    /// The mean of component `k`, \[L\].
    pub fn mean(&self, k: usize) -> &[f64] {
        &self.components[k].mean
    }

    /// The covariance of component `k`, [L, L].
    pub fn covariance(&self, k: usize) -> Vec<f64> {
        let n = self.latent;
        let entry = |at: usize| match &self.components[k].factor {
            Factor::Diagonal(sigma) => {
                if at / n == at % n {
                    sigma[at / n].powi(2)
                } else {
                    0.0
                }
            }
            Factor::Full(l) => (0..=(at / n).min(at % n)).map(|i| l[at / n * n + i] * l[at % n * n + i]).sum(),
        };
        (0..n * n).map(entry).collect()
    }

    /// Before each round of fitting, the mean log likelihood of the codes in nats less the prior's penalty (½ ν Σ tr Σₖ⁻¹ / N
    /// with ν a thousandth of the codes' variance): never falls.
    pub fn trace(&self) -> &[f64] {
        &self.trace
    }

    /// ln p of one code \[L\] in nats.
    pub fn log_density(&self, code: &[f32]) -> f64 {
        log_sum_exp(&self.log_joint(code))
    }

    /// `count` codes, [`count`, L].
    pub fn sample(&self, count: usize, rng: &mut Philox) -> Vec<f32> {
        let mut codes = Vec::with_capacity(count * self.latent);
        for _ in 0..count {
            let mut rest = rng.random::<f64>();
            let past = |c: &Component| {
                rest -= c.weight;
                rest < 0.0
            };
            // Rounding may leave the weights just short of 1.
            let k = self.components.iter().position(past).unwrap_or(self.components.len() - 1);
            codes.extend(self.sample_component(k, 1, rng));
        }
        codes
    }

    /// `count` codes of component `k` alone, [`count`, L].
    pub fn sample_component(&self, k: usize, count: usize, rng: &mut Philox) -> Vec<f32> {
        let Component { mean, factor, .. } = &self.components[k];
        let n = self.latent;
        let mut one = |_| {
            let noise: Vec<f64> = (0..n).map(|_| normal(rng).into()).collect();
            let offset = |i: usize| match factor {
                Factor::Diagonal(sigma) => sigma[i] * noise[i],
                Factor::Full(l) => (0..=i).map(|j| l[i * n + j] * noise[j]).sum(),
            };
            (0..n).map(|i| (mean[i] + offset(i)) as f32).collect::<Vec<_>>()
        };
        (0..count).flat_map(&mut one).collect()
    }

    /// ln wₖ + ln N(code; mₖ, Σₖ) for each component.
    fn log_joint(&self, code: &[f32]) -> Vec<f64> {
        self.components.iter().map(|c| c.weight.ln() + c.log_density(code)).collect()
    }

    /// The share of each component in each code, C lists of N, and the mean log likelihood.
    fn expect(&self, codes: &[f32]) -> (Vec<Vec<f64>>, f64) {
        let joint: Vec<Vec<f64>> = codes.par_chunks_exact(self.latent).map(|row| self.log_joint(row)).collect();
        let density: Vec<f64> = joint.iter().map(|j| log_sum_exp(j)).collect();
        let share = |k: usize| joint.iter().zip(&density).map(|(j, d)| (j[k] - d).exp()).collect();
        let shares = (0..self.components.len()).map(share).collect();
        (shares, density.iter().sum::<f64>() / density.len() as f64)
    }

    /// The components that fit best where component k has the share `shares[k][i]` of code i.
    fn maximise(&mut self, codes: &[f32], shares: &[Vec<f64>], covariance: Covariance, ridge: f64) {
        let latent = self.latent;
        let old = std::mem::take(&mut self.components);
        let fit = |(k, share): (usize, &Vec<f64>)| {
            let total: f64 = share.iter().sum();
            match old.get(k) {
                // Nothing is left of it: it stays where it was, without weight.
                Some(before) if total < 1e-9 => Component { weight: 0.0, ..before.clone() },
                _ => Component::fit(codes, latent, share, covariance, ridge),
            }
        };
        self.components = shares.par_iter().enumerate().map(fit).collect();
    }

    /// ½ ν Σ tr Σₖ⁻¹.
    fn penalty(&self, ridge: f64) -> f64 {
        self.components.iter().map(|c| 0.5 * ridge * c.factor.trace_of_inverse(self.latent)).sum()
    }
}

impl Component {
    fn fit(codes: &[f32], latent: usize, share: &[f64], covariance: Covariance, ridge: f64) -> Self {
        let total = share.iter().sum::<f64>().max(1e-9);
        let rows = || codes.chunks_exact(latent).zip(share).filter(|(_, s)| **s > 0.0);
        let mut mean = vec![0.0; latent];
        rows().for_each(|(row, s)| mean.iter_mut().zip(row).for_each(|(m, &x)| *m += s * f64::from(x) / total));
        let offsets = |row: &[f32]| row.iter().zip(&mean).map(|(&x, m)| f64::from(x) - m).collect::<Vec<f64>>();
        let factor = match covariance {
            Covariance::Diagonal => {
                let mut scatter = vec![ridge; latent];
                rows().for_each(|(row, s)| scatter.iter_mut().zip(offsets(row)).for_each(|(v, d)| *v += s * d * d));
                Factor::Diagonal(scatter.into_iter().map(|v| (v / total).sqrt()).collect())
            }
            Covariance::Full => {
                let mut scatter = vec![0.0; latent * latent];
                for (row, s) in rows() {
                    let d = offsets(row);
                    for i in 0..latent {
                        scatter[i * latent..][..=i].iter_mut().zip(&d).for_each(|(v, x)| *v += s * d[i] * x);
                    }
                }
                (0..latent).for_each(|i| scatter[i * latent + i] += ridge);
                scatter.iter_mut().for_each(|v| *v /= total);
                cholesky(&mut scatter, latent);
                Factor::Full(scatter)
            }
        };
        Self { weight: total / share.len() as f64, mean, factor }
    }

    fn log_density(&self, code: &[f32]) -> f64 {
        let mut offset: Vec<f64> = code.iter().zip(&self.mean).map(|(&x, m)| f64::from(x) - m).collect();
        let n = offset.len();
        let log_root = match &self.factor {
            Factor::Diagonal(sigma) => {
                offset.iter_mut().zip(sigma).for_each(|(d, s)| *d /= s);
                sigma.iter().map(|s| s.ln()).sum::<f64>()
            }
            Factor::Full(l) => {
                forward(l, &mut offset);
                (0..n).map(|i| l[i * n + i].ln()).sum()
            }
        };
        -0.5 * offset.iter().map(|d| d * d).sum::<f64>() - log_root - 0.5 * n as f64 * std::f64::consts::TAU.ln()
    }
}

impl Factor {
    /// tr (L Lᵀ)⁻¹: the squares of L⁻¹ added up.
    fn trace_of_inverse(&self, n: usize) -> f64 {
        match self {
            Self::Diagonal(sigma) => sigma.iter().map(|s| s.powi(-2)).sum(),
            Self::Full(l) => {
                let column = |i: usize| {
                    let mut unit = vec![0.0; n];
                    unit[i] = 1.0;
                    forward(l, &mut unit);
                    unit.iter().map(|x| x * x).sum::<f64>()
                };
                (0..n).map(column).sum()
            }
        }
    }
}

fn ridge(codes: &[f32], latent: usize) -> f64 {
    // Where all codes are one, something must remain.
    RIDGE * variance_of_means(codes, latent).iter().sum::<f64>() / latent as f64 + 1e-9
}

fn log_sum_exp(values: &[f64]) -> f64 {
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + values.iter().map(|v| (v - most).exp()).sum::<f64>().ln()
}

/// The mean code of each class 0..C, [C, L], from `codes` [N, L] and a class for each.
///
/// # Errors
/// [`Error::Config`] where codes and classes differ in number or a class below the highest has no code,
/// [`Error::NonFinite`] for a code that is not finite.
pub fn class_means(codes: &[f32], latent: usize, classes: &[u32]) -> Result<Vec<f32>> {
    check::same("codes and classes", check::rows("codes", codes, latent)?, classes.len())?;
    let count = classes.iter().max().map_or(0, |&c| c as usize + 1);
    if count > classes.len() {
        return Err(Error::Config(format!("{} codes cannot be of {count} classes, counted from 0", classes.len())));
    }
    let (mut sums, mut counts) = (vec![0.0f64; count * latent], vec![0usize; count]);
    for (row, &class) in codes.chunks_exact(latent).zip(classes) {
        counts[class as usize] += 1;
        sums[class as usize * latent..].iter_mut().zip(row).for_each(|(s, &x)| *s += f64::from(x));
    }
    if let Some(class) = counts.iter().position(|&n| n == 0) {
        return Err(Error::Config(format!("class {class} of {count} has no codes; classes are counted from 0")));
    }
    Ok(sums.iter().enumerate().map(|(at, s)| (s / counts[at / latent] as f64) as f32).collect())
}
