//! Attributes in latent space: a direction (Larsen 2016, arXiv 1512.09300, section 4.2) and a linear classifier.

use super::linear::solve;
use crate::error::{Error, Result};

/// The mean code of the examples that have the attribute (`+1`) minus that of those that have not (`−1`): \[L\].
///
/// # Errors
/// [`Error::Config`] where one of the two groups is empty.
pub fn attribute_vector(mu: &[f32], latent: usize, attribute: &[i8]) -> Result<Vec<f32>> {
    let mut sums = [vec![0.0; latent], vec![0.0; latent]];
    let mut counts = [0usize; 2];
    for (row, &a) in mu.chunks_exact(latent).zip(attribute) {
        let group = usize::from(a > 0);
        counts[group] += 1;
        sums[group].iter_mut().zip(row).for_each(|(s, &x)| *s += f64::from(x));
    }
    if counts.contains(&0) {
        return Err(Error::Config("an attribute vector needs examples with and without the attribute".into()));
    }
    let mean = |group: usize, k: usize| sums[group][k] / counts[group] as f64;
    Ok((0..latent).map(|k| (mean(1, k) - mean(0, k)) as f32).collect())
}

/// A logistic regression on standardised codes, fitted by Newton's method with a small ridge.
#[derive(Clone, Debug)]
pub struct LinearProbe {
    mean: Vec<f64>,
    scale: Vec<f64>,
    /// L weights and a bias.
    weight: Vec<f64>,
}

impl LinearProbe {
    /// Fits `attribute` (±1) from `mu` [N, L].
    ///
    /// # Errors
    /// [`Error::Config`] where there are no examples.
    pub fn fit(mu: &[f32], latent: usize, attribute: &[i8]) -> Result<Self> {
        const RIDGE: f64 = 1.0;
        const ITERATIONS: usize = 12;
        let count = mu.len() / latent.max(1);
        if count == 0 || attribute.len() != count {
            return Err(Error::Config(format!("a probe needs a label for each of its {count} codes")));
        }
        let mut mean = vec![0.0; latent];
        for row in mu.chunks_exact(latent) {
            mean.iter_mut().zip(row).for_each(|(m, &x)| *m += f64::from(x) / count as f64);
        }
        let scale = super::variance_of_means(mu, latent).into_iter().map(|v| (v + 1e-6).sqrt().recip()).collect();
        let mut probe = Self { mean, scale, weight: vec![0.0; latent + 1] };
        let rows: Vec<Vec<f64>> = mu.chunks_exact(latent).map(|row| probe.features(row)).collect();
        for _ in 0..ITERATIONS {
            let size = latent + 1;
            let mut gradient: Vec<f64> = probe.weight.iter().map(|w| RIDGE * w).collect();
            let mut hessian = vec![0.0; size * size];
            (0..size).for_each(|k| hessian[k * size + k] = RIDGE);
            for (x, &a) in rows.iter().zip(attribute) {
                let p = 1.0 / (1.0 + (-dot(&probe.weight, x)).exp());
                let error = p - f64::from(u8::from(a > 0));
                let curvature = p * (1.0 - p);
                for i in 0..size {
                    gradient[i] += error * x[i];
                    for j in 0..=i {
                        hessian[i * size + j] += curvature * x[i] * x[j];
                    }
                }
            }
            let step = solve(hessian, gradient);
            probe.weight.iter_mut().zip(step).for_each(|(w, s)| *w -= s);
        }
        Ok(probe)
    }

    fn features(&self, row: &[f32]) -> Vec<f64> {
        let standard = row.iter().zip(self.mean.iter().zip(&self.scale)).map(|(&x, (m, s))| (f64::from(x) - m) * s);
        standard.chain([1.0]).collect()
    }
    /// The log odds that the code `row` \[L\] has the attribute.
    pub fn logit(&self, row: &[f32]) -> f64 {
        dot(&self.weight, &self.features(row))
    }
    /// The share of codes `mu` [N, L] whose attribute (±1) is read rightly.
    pub fn accuracy(&self, mu: &[f32], latent: usize, attribute: &[i8]) -> f64 {
        let right = |(row, &a): (&[f32], &i8)| (self.logit(row) > 0.0) == (a > 0);
        mu.chunks_exact(latent).zip(attribute).filter(|&pair| right(pair)).count() as f64
            / attribute.len().max(1) as f64
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
