//! The separated attribute predictability score.

use super::{Factor, FactorKind, Factors, gaps};
use crate::error::Result;
use rayon::prelude::*;

/// SAP of `codes` [N, L] (Kumar 2018, arXiv 1711.00848, section 3): the mean over factors of how much better the best
/// single dimension predicts the factor than the second best. For an ordered factor the prediction is a straight line
/// and its score R²; for a category of C values it is at most C intervals of the code with a value each, by the
/// best thresholds there are, and its score the balanced accuracy. Chance there is 1/C, so categories reach 1 − 1/C, not 1.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) where codes and factors differ in number,
/// [`Error::NonFinite`](crate::Error::NonFinite) for a code that is not finite.
pub fn sap(codes: &[f32], latent: usize, factors: &Factors) -> Result<f64> {
    let columns = factors.code_columns(codes, latent)?;
    let score = |code: &Vec<f32>, factor: &Factor| match factor.kind {
        FactorKind::Ordered => r_squared(code, &factor.raw),
        FactorKind::Category => balanced_accuracy(code, factor),
    };
    let of_factor = |f: &Factor| columns.par_iter().map(|c| score(c, f)).collect();
    let gaps = gaps(&factors.columns.iter().map(of_factor).collect::<Vec<_>>());
    Ok(gaps.iter().sum::<f64>() / gaps.len() as f64)
}

/// Squared correlation of a code with the factor's index; 0 for a code that never varies.
fn r_squared(code: &[f32], factor: &[u32]) -> f64 {
    let count = code.len() as f64;
    let mean_x = code.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let mean_y = factor.iter().map(|&y| f64::from(y)).sum::<f64>() / count;
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (&x, &y) in code.iter().zip(factor) {
        let (x, y) = (f64::from(x) - mean_x, f64::from(y) - mean_y);
        (xx, xy, yy) = (xx + x * x, xy + x * y, yy + y * y);
    }
    // Rounding of the mean leaves a constant code with a variance of about ε² of its square.
    if xx <= 1e-20 * count * mean_x * mean_x || xx == 0.0 { 0.0 } else { xy * xy / (xx * yy) }
}

/// The best balanced accuracy of at most C intervals of the code that are given a value each: by dynamic programming over
/// the sorted codes, where `best[s][c]` is the most that s + 1 intervals earn of which the last has value c.
fn balanced_accuracy(code: &[f32], factor: &Factor) -> f64 {
    let size = factor.size;
    let mut weight = vec![0.0; size];
    factor.value.iter().for_each(|&v| weight[v] += 1.0);
    weight.iter_mut().for_each(|w| *w = 1.0 / (*w * size as f64));
    let mut order: Vec<usize> = (0..code.len()).collect();
    order.sort_by(|&a, &b| code[a].total_cmp(&code[b]));
    let mut best = vec![vec![0.0f64; size]; size];
    for equal in order.chunk_by(|&a, &b| code[a] == code[b]) {
        // A threshold may lie before a run of equal codes, never within.
        for s in (1..size).rev() {
            let before = best[s - 1].iter().copied().fold(0.0, f64::max);
            best[s].iter_mut().for_each(|b| *b = b.max(before));
        }
        for &example in equal {
            let value = factor.value[example];
            best.iter_mut().for_each(|b| b[value] += weight[value]);
        }
    }
    best.iter().flatten().copied().fold(0.0, f64::max)
}
