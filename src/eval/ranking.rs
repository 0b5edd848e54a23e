//! How well scores rank and codes find: AUROC, average precision, retrieval; errors of a classifier.

use super::check;
use crate::error::{Error, Result};
use rayon::prelude::*;

/// The area under the receiver operating characteristic: the probability that a random positive scores above a random
/// negative, ties counted half (Mann & Whitney 1947). `scores` are higher for what should be `positive`; infinities are
/// the ends of the ranking.
///
/// # Errors
/// [`Error::Config`] where the two differ in length or one kind is missing, [`Error::NonFinite`] for a score that is NaN.
///
/// ```
/// // Of four pairs, three are in order and one ties.
/// let area = wavae::eval::auroc(&[0.1, 0.4, 0.4, 0.9], &[false, false, true, true])?;
/// assert_eq!(area, 3.5 / 4.0);
/// # Ok::<(), wavae::Error>(())
/// ```
pub fn auroc(scores: &[f64], positive: &[bool]) -> Result<f64> {
    let [positives, negatives] = counts("AUROC", scores, positive)?;
    if negatives == 0.0 {
        return Err(Error::Config("AUROC needs negative examples too".into()));
    }
    let mut area = 0.0;
    let mut above = 0.0;
    for [p, n] in thresholds(scores, positive) {
        area += n * (above + p / 2.0);
        above += p;
    }
    Ok(area / (positives * negatives))
}

/// Average precision: the sum over thresholds of precision × the recall it adds, Σ (Rₙ − Rₙ₋₁) Pₙ, without interpolation.
/// Examples of one score pass their threshold together. Chance is the share of positives.
///
/// # Errors
/// [`Error::Config`] where the two differ in length or nothing is positive, [`Error::NonFinite`] for a score that is NaN.
pub fn average_precision(scores: &[f64], positive: &[bool]) -> Result<f64> {
    let [positives, _] = counts("average precision", scores, positive)?;
    let (mut found, mut taken, mut sum) = (0.0, 0.0, 0.0);
    for [p, n] in thresholds(scores, positive) {
        (found, taken) = (found + p, taken + p + n);
        sum += p / positives * (found / taken);
    }
    Ok(sum)
}

/// How many are positive and negative, at least one of the former.
fn counts(what: &str, scores: &[f64], positive: &[bool]) -> Result<[f64; 2]> {
    check::same(&format!("{what} of scores and labels"), scores.len(), positive.len())?;
    if let Some(at) = scores.iter().position(|s| s.is_nan()) {
        return Err(Error::NonFinite(format!(
            "{what}: the score of example {at} is NaN; the model that gave it diverged"
        )));
    }
    let positives = positive.iter().filter(|p| **p).count();
    if positives == 0 {
        return Err(Error::Config(format!("{what} needs positive examples")));
    }
    Ok([positives as f64, (positive.len() - positives) as f64])
}

/// Positives and negatives at each distinct score, from the highest down.
fn thresholds(scores: &[f64], positive: &[bool]) -> Vec<[f64; 2]> {
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let tally = |equal: &[(f64, bool)]| {
        let positives = equal.iter().filter(|e| e.1).count();
        [positives as f64, (equal.len() - positives) as f64]
    };
    order.chunk_by(|a, b| a.0 == b.0).map(tally).collect()
}

/// When two codes are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Similarity {
    /// The angle between them is small; a code of zeros is at right angles to all.
    Cosine,
    /// Their Euclidean distance is small.
    Euclidean,
}

/// Recall@k of retrieval: the share of `queries` [N, L] whose own partner, the code of the same row of `gallery` [N, L], is
/// among the `k` most alike. Where others tie with the partner, the expectation over the order of those that tie: codes
/// that are all alike reach chance, k/N, and not more.
///
/// # Errors
/// [`Error::Config`] where the two are not of one shape or `k` is 0, [`Error::NonFinite`] for a code that is not finite.
pub fn recall_at_k(queries: &[f32], gallery: &[f32], latent: usize, k: usize, by: Similarity) -> Result<f64> {
    let count = check::rows("queries", queries, latent)?;
    check::same("queries and gallery", count, check::rows("gallery", gallery, latent)?)?;
    if k == 0 {
        return Err(Error::Config("recall@k needs a k of at least 1".into()));
    }
    let gallery: Vec<&[f32]> = gallery.chunks_exact(latent).collect();
    let norms: Vec<f64> = gallery.iter().map(|row| dot(row, row).sqrt()).collect();
    let likeness = |query: &[f32], i: usize| match by {
        // The query's own length does not change the order.
        Similarity::Cosine => dot(query, gallery[i]) / norms[i].max(f64::MIN_POSITIVE),
        Similarity::Euclidean => {
            -query.iter().zip(gallery[i]).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>()
        }
    };
    let found = |(own, query): (usize, &[f32])| {
        let partner = likeness(query, own);
        let (mut better, mut equal) = (0usize, 0usize);
        for i in 0..count {
            let other = likeness(query, i);
            better += usize::from(other > partner);
            equal += usize::from(other == partner);
        }
        k.saturating_sub(better).min(equal) as f64 / equal as f64
    };
    let recalls: Vec<f64> = queries.par_chunks_exact(latent).enumerate().map(found).collect();
    Ok(recalls.iter().sum::<f64>() / count as f64)
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// How often each class was taken for which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    /// The number of classes C.
    pub classes: usize,
    /// [C, C]: row the true class, column the predicted one.
    pub counts: Vec<usize>,
}

impl Confusion {
    /// Counts `predicted` against `actual` classes, both below `classes`.
    ///
    /// # Errors
    /// [`Error::Config`] where the two differ in length, are empty, or hold a class too high.
    pub fn new(predicted: &[u32], actual: &[u32], classes: usize) -> Result<Self> {
        check::same("predicted and true classes", predicted.len(), actual.len())?;
        if let Some(class) = predicted.iter().chain(actual).find(|&&c| c as usize >= classes) {
            return Err(Error::Config(format!("class {class} is not one of the {classes} classes, counted from 0")));
        }
        let mut counts = vec![0; classes * classes];
        predicted.iter().zip(actual).for_each(|(&p, &a)| counts[a as usize * classes + p as usize] += 1);
        Ok(Self { classes, counts })
    }

    /// The share of examples whose class is predicted wrongly.
    pub fn error(&self) -> f64 {
        let right: usize = (0..self.classes).map(|c| self.counts[c * self.classes + c]).sum();
        1.0 - right as f64 / self.counts.iter().sum::<usize>() as f64
    }

    /// The share of each true class that is predicted rightly, \[C\]; NaN for a class without examples.
    pub fn recall(&self) -> Vec<f64> {
        let rows = self.counts.chunks_exact(self.classes).enumerate();
        rows.map(|(c, row)| row[c] as f64 / row.iter().sum::<usize>() as f64).collect()
    }
}

/// The share of `predicted` classes that are not the `actual` ones.
///
/// # Errors
/// [`Error::Config`] where the two differ in length or are empty.
pub fn classification_error(predicted: &[u32], actual: &[u32]) -> Result<f64> {
    check::same("predicted and true classes", predicted.len(), actual.len())?;
    let wrong = predicted.iter().zip(actual).filter(|(p, a)| p != a).count();
    Ok(wrong as f64 / actual.len() as f64)
}
