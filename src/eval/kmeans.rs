//! Clusters to start a mixture from.

use crate::rng::Philox;
use rand::RngExt;
use rayon::prelude::*;

/// The cluster 0..`count` of each of `codes` [N, L], N ≥ `count`: k-means++ centres, each drawn with a probability that
/// grows with the squared distance to those before (Arthur & Vassilvitskii 2007), then Lloyd's rounds.
pub(super) fn clusters(codes: &[f32], latent: usize, count: usize, rng: &mut Philox) -> Vec<usize> {
    const ROUNDS: usize = 20;
    let rows: Vec<&[f32]> = codes.chunks_exact(latent).collect();
    let mut centres: Vec<Vec<f64>> = vec![wide(rows[rng.random_range(0..rows.len())])];
    let mut least: Vec<f64> = rows.par_iter().map(|r| distance(r, &centres[0])).collect();
    while centres.len() < count {
        let centre = wide(rows[draw(&least, rng)]);
        least.par_iter_mut().zip(&rows).for_each(|(d, r)| *d = d.min(distance(r, &centre)));
        centres.push(centre);
    }
    let mut nearest = Vec::new();
    for _ in 0..ROUNDS {
        let found: Vec<usize> = rows.par_iter().map(|r| closest(r, &centres)).collect();
        if found == nearest {
            break;
        }
        nearest = found;
        move_to_means(&mut centres, &rows, &nearest);
    }
    nearest
}

fn wide(row: &[f32]) -> Vec<f64> {
    row.iter().map(|&x| x.into()).collect()
}

fn distance(row: &[f32], centre: &[f64]) -> f64 {
    row.iter().zip(centre).map(|(&x, c)| (f64::from(x) - c).powi(2)).sum()
}

fn closest(row: &[f32], centres: &[Vec<f64>]) -> usize {
    let distances: Vec<f64> = centres.iter().map(|c| distance(row, c)).collect();
    (0..centres.len()).min_by(|&a, &b| distances[a].total_cmp(&distances[b])).unwrap_or(0)
}

/// An index with a probability as its weight; any where all weights are 0.
fn draw(weights: &[f64], rng: &mut Philox) -> usize {
    let total: f64 = weights.iter().sum();
    let mut rest = rng.random::<f64>() * total;
    let past = |w: &f64| {
        rest -= w;
        rest < 0.0
    };
    weights.iter().position(past).unwrap_or_else(|| rng.random_range(0..weights.len()))
}

/// Centres move to the mean of their rows; one without rows stays.
fn move_to_means(centres: &mut [Vec<f64>], rows: &[&[f32]], nearest: &[usize]) {
    let mut counts = vec![0.0; centres.len()];
    let mut sums = vec![vec![0.0; rows[0].len()]; centres.len()];
    for (row, &k) in rows.iter().zip(nearest) {
        counts[k] += 1.0;
        sums[k].iter_mut().zip(*row).for_each(|(s, &x)| *s += f64::from(x));
    }
    for (k, centre) in centres.iter_mut().enumerate().filter(|(k, _)| counts[*k] > 0.0) {
        *centre = sums[k].iter().map(|s| s / counts[k]).collect();
    }
}
