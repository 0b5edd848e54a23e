//! The mutual information gap.

use super::{Factor, Factors, gaps};
use crate::error::Result;

/// Bins of a dimension between its least and greatest code.
const BINS: usize = 20;

/// Mutual information gap of `codes` [N, L] (Chen 2018, arXiv 1802.04942, equation 6): the mean of [`mig_of_each`].
///
/// # Errors
/// As it.
pub fn mig(codes: &[f32], latent: usize, factors: &Factors) -> Result<f64> {
    let each = mig_of_each(codes, latent, factors)?;
    Ok(each.iter().sum::<f64>() / each.len() as f64)
}

/// (I(z₁; v) − I(z₂; v)) / H(v) of each factor v that varies, in the order of [`Factors::varying`], where z₁ and z₂ are the
/// dimensions of `codes` [N, L] that know most of v. Information is that between a histogram of 20 equal bins of the code
/// and the factor (as Locatello 2019, arXiv 1811.12359, section C, has it), which overstates it by about
/// 19 · (values of v − 1) / 2N nats, for all dimensions alike.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) where codes and factors differ in number,
/// [`Error::NonFinite`](crate::Error::NonFinite) for a code that is not finite.
pub fn mig_of_each(codes: &[f32], latent: usize, factors: &Factors) -> Result<Vec<f64>> {
    let columns = factors.code_columns(codes, latent)?;
    let binned: Vec<Vec<usize>> = columns.iter().map(|c| bins(c)).collect();
    let share = |f: &Factor| {
        let entropy = information(&f.value, &f.value, f.size, f.size);
        binned.iter().map(|b| information(b, &f.value, BINS, f.size) / entropy).collect()
    };
    Ok(gaps(&factors.columns.iter().map(share).collect::<Vec<_>>()))
}

/// The bin of each value; all the same where the values are.
fn bins(values: &[f32]) -> Vec<usize> {
    let (lo, hi) = values.iter().fold((f64::MAX, f64::MIN), |(lo, hi), &v| (lo.min(v.into()), hi.max(v.into())));
    let place = |&v: &f32| ((f64::from(v) - lo) / (hi - lo) * BINS as f64) as usize; // 0 where hi = lo: NaN goes to 0
    values.iter().map(|v| place(v).min(BINS - 1)).collect()
}

/// I(a; b) in nats of two lists of class indices: Σ p(a, b) ln(p(a, b) / p(a) p(b)). The entropy where they are one.
fn information(a: &[usize], b: &[usize], a_size: usize, b_size: usize) -> f64 {
    let mut joint = vec![0usize; a_size * b_size];
    a.iter().zip(b).for_each(|(&a, &b)| joint[a * b_size + b] += 1);
    let total = a.len() as f64;
    let row = |i: usize| joint[i * b_size..][..b_size].iter().sum::<usize>() as f64;
    let column = |j: usize| joint.iter().skip(j).step_by(b_size).sum::<usize>() as f64;
    let (rows, columns): (Vec<f64>, Vec<f64>) = ((0..a_size).map(row).collect(), (0..b_size).map(column).collect());
    let term = |(at, &n): (usize, &usize)| {
        let n = n as f64;
        n / total * (n * total / (rows[at / b_size] * columns[at % b_size])).ln()
    };
    joint.iter().enumerate().filter(|(_, n)| **n > 0).map(term).sum()
}
