//! Classes read off the latent space by nearest neighbours.

use crate::error::{Error, Result};
use rayon::prelude::*;

/// The share of the codes `queries` [M, L] whose class is the most frequent one among the `k` nearest of `references`
/// [N, L] by Euclidean distance (Cover & Hart 1967). Equal distances go to the earlier reference, equal counts to the
/// class that has the nearest one. Each of the two is codes and a class for each.
///
/// # Errors
/// [`Error::Config`] where `latent` or `k` is 0, codes and classes differ in number, or there are no references or
/// queries.
///
/// ```
/// let (codes, classes) = ([0.0, 0.1, 0.2, 5.0, 5.1], [3, 3, 3, 7, 7]);
/// let accuracy = wavae::eval::neighbour_accuracy((&codes, &classes), (&[0.3, 4.0], &[3, 7]), 1, 3)?;
/// assert_eq!(accuracy, 1.0);
/// # Ok::<(), wavae::Error>(())
/// ```
pub fn neighbour_accuracy(
    references: (&[f32], &[u8]),
    queries: (&[f32], &[u8]),
    latent: usize,
    k: usize,
) -> Result<f64> {
    let fits = |(codes, classes): (&[f32], &[u8])| !classes.is_empty() && codes.len() == classes.len() * latent;
    if latent == 0 || k == 0 || !fits(references) || !fits(queries) {
        let message = "nearest neighbours need k and L of at least 1, and a class for each of at least one code";
        return Err(Error::Config(message.into()));
    }
    let rows: Vec<(&[f32], u8)> = queries.0.chunks_exact(latent).zip(queries.1.iter().copied()).collect();
    let right = rows.par_iter().filter(|(row, class)| vote(references, row, k) == *class).count();
    Ok(right as f64 / rows.len() as f64)
}

/// The most frequent class among the `k` nearest references.
fn vote((codes, classes): (&[f32], &[u8]), query: &[f32], k: usize) -> u8 {
    let distance = |row: &[f32]| row.iter().zip(query).map(|(&a, &b)| f64::from(a - b).powi(2)).sum::<f64>();
    let mut nearest: Vec<(f64, usize)> = codes.chunks_exact(query.len()).map(distance).zip(0..).collect();
    let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    if k < nearest.len() {
        nearest.select_nth_unstable_by(k - 1, order);
        nearest.truncate(k);
    }
    nearest.sort_unstable_by(order);
    let mut counts = [0usize; 256];
    nearest.iter().for_each(|&(_, i)| counts[usize::from(classes[i])] += 1);
    let most = counts.iter().max().copied().unwrap_or(0);
    let winner = nearest.iter().map(|&(_, i)| classes[i]).find(|&class| counts[usize::from(class)] == most);
    winner.unwrap_or(0) // there is at least one reference
}
