//! Use of the latent dimensions.

use crate::error::{Error, Result};

/// Variance of each dimension of `mu` [N, L] over the N examples.
pub fn variance_of_means(mu: &[f32], latent: usize) -> Vec<f64> {
    let count = (mu.len() / latent.max(1)).max(1) as f64;
    let mut mean = vec![0.0; latent];
    for row in mu.chunks_exact(latent) {
        mean.iter_mut().zip(row).for_each(|(m, &x)| *m += f64::from(x) / count);
    }
    let mut variance = vec![0.0; latent];
    for row in mu.chunks_exact(latent) {
        for ((v, m), &x) in variance.iter_mut().zip(&mean).zip(row) {
            *v += (f64::from(x) - m).powi(2) / count;
        }
    }
    variance
}

/// How many dimensions are active: those whose posterior mean varies by more than 0.01 over the data (Burda 2016,
/// arXiv 1509.00519, section 5).
pub fn active_units(mu: &[f32], latent: usize) -> usize {
    variance_of_means(mu, latent).into_iter().filter(|&v| v > 0.01).count()
}

/// Mean over all elements of (a − b)², with `b` bytes scaled to [0, 1].
pub fn mean_squared_error(a: &[f32], b: &[u8]) -> f64 {
    let square = |(&a, &b): (&f32, &u8)| (f64::from(a) - f64::from(b) / 255.0).powi(2);
    a.iter().zip(b).map(square).sum::<f64>() / a.len().max(1) as f64
}

/// How often values fall into equal bins between the least and the greatest.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    /// The least value.
    pub low: f64,
    /// The greatest value.
    pub high: f64,
    /// Values in each bin. A value on an edge is in the bin above, the greatest in the last; where all are equal, they
    /// are in the first.
    pub counts: Vec<usize>,
}

/// Counts of `values`, of μ or σ say, in `bins` equal bins. Values that are not finite are passed over.
///
/// # Errors
/// [`Error::Config`] where there are no bins or no finite values.
pub fn histogram(values: &[f32], bins: usize) -> Result<Bins> {
    let finite = || values.iter().filter(|v| v.is_finite()).map(|&v| f64::from(v));
    if bins == 0 || finite().next().is_none() {
        return Err(Error::Config("a histogram needs a bin and a value that is finite".into()));
    }
    let (low, high) = finite().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    let mut counts = vec![0; bins];
    // 0/0, where all are equal, is NaN and goes to bin 0.
    finite().for_each(|v| counts[(((v - low) / (high - low) * bins as f64) as usize).min(bins - 1)] += 1);
    Ok(Bins { low, high, counts })
}
