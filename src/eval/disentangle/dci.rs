//! Disentanglement, completeness and informativeness.

use super::forest::Forest;
use super::{Factor, Factors};
use crate::error::{Error, Result};
use crate::rng::Philox;
use rand::RngExt;

/// The three scores of Eastwood & Williams, and what they are made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Dci {
    /// Whether each dimension serves one factor: 1 − entropy of its importances, weighted by their sum.
    pub disentanglement: f64,
    /// Whether each factor is held by one dimension: 1 − entropy of its importances, mean over factors.
    pub completeness: f64,
    /// Accuracy of the predicted factors on examples not learnt from, mean over factors.
    pub informativeness: f64,
    /// Importance of each dimension for each varying factor, [L, K]; each column sums to 1, or is 0 where no dimension
    /// helps.
    pub importance: Vec<f64>,
    /// Accuracy by varying factor, \[K\].
    pub accuracy: Vec<f64>,
}

/// DCI of `codes` [N, L] (Eastwood & Williams 2018, ICLR, "A framework for the quantitative evaluation of disentangled
/// representations", section 2). A quarter of the examples, drawn by `seed`, is kept for testing.
///
/// The regressor is a forest of 10 classification trees of depth 16 on bootstrap samples, importance the fall of Gini
/// impurity, as in the paper's second experiment. A forest takes curved relations and names without order, which an L1
/// regression does not. Unlike usual random forests each split may choose among all dimensions: one that knows nothing is
/// then never used where another settles the matter, so that perfect codes score exactly 1.
///
/// # Errors
/// [`Error::Config`] where codes and factors differ in number or there are fewer than 8 examples, [`Error::NonFinite`]
/// for a code that is not finite.
pub fn dci(codes: &[f32], latent: usize, factors: &Factors, seed: u64) -> Result<Dci> {
    let columns = factors.code_columns(codes, latent)?;
    let count = factors.len();
    if count < 8 {
        return Err(Error::Config(format!("DCI learns and tests on at least 8 examples, not {count}")));
    }
    let mut rows: Vec<usize> = (0..count).collect();
    let mut rng = Philox::new(seed, u64::MAX);
    (1..count).rev().for_each(|i| rows.swap(i, rng.random_range(0..=i)));
    let (test, train) = rows.split_at(count / 4);
    let kinds = factors.columns.len();
    let (mut importance, mut accuracy) = (vec![0.0; latent * kinds], Vec::with_capacity(kinds));
    for (k, Factor { value, size, .. }) in factors.columns.iter().enumerate() {
        let forest = Forest::fit(&columns, value, *size, train, seed.wrapping_add(k as u64));
        let right = test.iter().filter(|&&i| forest.predict(&columns, i) == value[i]).count();
        accuracy.push(right as f64 / test.len() as f64);
        forest.importance().iter().enumerate().for_each(|(j, i)| importance[j * kinds + k] = *i);
    }
    let total: f64 = importance.iter().sum();
    let of_dimension = |row: &[f64]| certainty(row) * row.iter().sum::<f64>();
    let of_factor = |k: usize| certainty(&importance.iter().skip(k).step_by(kinds).copied().collect::<Vec<_>>());
    let disentanglement = importance.chunks_exact(kinds).map(of_dimension).sum::<f64>();
    Ok(Dci {
        disentanglement: if total > 0.0 { disentanglement / total } else { 0.0 },
        completeness: (0..kinds).map(of_factor).sum::<f64>() / kinds as f64,
        informativeness: accuracy.iter().sum::<f64>() / kinds as f64,
        importance,
        accuracy,
    })
}

/// 1 − H(p) / ln n of n importances scaled to sum 1: 1 where one has all, 0 where they are equal or all 0. One alone is
/// certain.
fn certainty(importance: &[f64]) -> f64 {
    let total: f64 = importance.iter().sum();
    if total <= 0.0 {
        return 0.0;
    }
    let term = |i: &f64| if *i > 0.0 { -(i / total) * (i / total).ln() } else { 0.0 };
    let entropy: f64 = importance.iter().map(term).sum();
    if importance.len() == 1 { 1.0 } else { 1.0 - entropy / (importance.len() as f64).ln() }
}
