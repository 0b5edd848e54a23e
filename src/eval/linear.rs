//! Small symmetric systems.

/// Factors the positive definite A [n, n], of which the lower triangle is given, in place: A = L Lᵀ (Cholesky). Pivots
/// that rounding takes to 0 are held at 1e-12.
pub(super) fn cholesky(a: &mut [f64], n: usize) {
    for i in 0..n {
        for j in 0..=i {
            let sum = a[i * n + j] - (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum::<f64>();
            a[i * n + j] = if i == j { sum.max(1e-12).sqrt() } else { sum / a[j * n + j] };
        }
    }
}

/// Solves L x = b in place, L [n, n] lower triangular.
pub(super) fn forward(l: &[f64], b: &mut [f64]) {
    let n = b.len();
    for i in 0..n {
        b[i] = (b[i] - (0..i).map(|k| l[i * n + k] * b[k]).sum::<f64>()) / l[i * n + i];
    }
}

/// Solves A x = b for a positive definite A of which the lower triangle is given.
pub(super) fn solve(mut a: Vec<f64>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    cholesky(&mut a, n);
    forward(&a, &mut b);
    for i in (0..n).rev() {
        b[i] = (b[i] - (i + 1..n).map(|k| a[k * n + i] * b[k]).sum::<f64>()) / a[i * n + i];
    }
    b
}
