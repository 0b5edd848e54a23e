//! Labels that spread over neighbouring codes.

use super::check::{rows, same};
use crate::error::{Error, Result};
use rayon::prelude::*;

/// How often every code takes the mean of its neighbours.
const ROUNDS: usize = 100;

/// Classes of all `known` codes from the labels of a few, and of `asked` codes from those: label propagation (Zhu & Ghahramani
/// 2002, "Learning from labeled and unlabeled data with label propagation"). Known codes are joined with their `k` nearest,
/// whichever of the two is near the other; 100 times each takes the mean class probabilities of those it is joined with,
/// while the labelled keep their own; an asked code has the mean of its `k` nearest. Codes are [N, L] and [M, L] row-major,
/// distances Euclidean; the M classes come back, the lowest of equal ones.
///
/// # Errors
/// [`Error::Config`] where codes and labels do not go together, no more codes than `k` are known, or a label is not below
/// `classes`; [`Error::NonFinite`] for codes that are not finite.
pub fn propagated_classes(
    (known, labels): (&[f32], &[Option<u32>]),
    asked: &[f32],
    (latent, classes): (usize, usize),
    k: usize,
) -> Result<Vec<u32>> {
    same("label propagation", rows("known codes", known, latent)?, labels.len())?;
    rows("asked codes", asked, latent)?;
    let beyond = labels.iter().flatten().any(|&label| label as usize >= classes);
    if k == 0 || k >= labels.len() || beyond || labels.iter().all(Option::is_none) {
        let message =
            format!("labels spread over 1 neighbour or more of more codes than that, not {k} of {}", labels.len());
        return Err(Error::Config(format!("{message}, from labels below {classes}, of which there is at least one")));
    }
    let codes: Vec<&[f32]> = known.chunks_exact(latent).collect();
    let mut joined: Vec<Vec<usize>> =
        (0..codes.len()).into_par_iter().map(|i| nearest(&codes, codes[i], k, Some(i))).collect();
    for (i, near) in joined.clone().into_iter().enumerate() {
        near.into_iter().for_each(|j| joined[j].push(i));
    }
    joined.iter_mut().for_each(|near| {
        near.sort_unstable();
        near.dedup();
    });
    let start = |label: &Option<u32>| match label {
        Some(label) => (0..classes).map(|class| f64::from(u8::from(class == *label as usize))).collect(),
        None => vec![1.0 / classes as f64; classes],
    };
    let mut probabilities: Vec<Vec<f64>> = labels.iter().map(start).collect();
    for _ in 0..ROUNDS {
        let next =
            |i: usize| if labels[i].is_some() { probabilities[i].clone() } else { mean(&probabilities, &joined[i]) };
        probabilities = (0..codes.len()).into_par_iter().map(next).collect();
    }
    let class = |code: &[f32]| {
        let p = mean(&probabilities, &nearest(&codes, code, k, None));
        (0..classes).rev().max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap_or(0) as u32
    };
    Ok(asked.par_chunks_exact(latent).map(class).collect())
}

/// The mean of the rows `of` of `probabilities`.
fn mean(probabilities: &[Vec<f64>], of: &[usize]) -> Vec<f64> {
    let classes = probabilities[0].len();
    (0..classes).map(|class| of.iter().map(|&i| probabilities[i][class]).sum::<f64>() / of.len() as f64).collect()
}

/// Which `k` of `codes` are nearest to `code`, but for number `own`; of equal ones the earlier.
fn nearest(codes: &[&[f32]], code: &[f32], k: usize, own: Option<usize>) -> Vec<usize> {
    let distance = |row: &[f32]| row.iter().zip(code).map(|(&a, &b)| f64::from(a - b).powi(2)).sum::<f64>();
    let others = codes.iter().enumerate().filter(|(i, _)| Some(*i) != own);
    let mut near: Vec<(f64, usize)> = others.map(|(i, row)| (distance(row), i)).collect();
    if k < near.len() {
        near.select_nth_unstable_by(k - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        near.truncate(k);
    }
    near.into_iter().map(|(_, i)| i).collect()
}
