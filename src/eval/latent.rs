//! Use of the latent dimensions.

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
