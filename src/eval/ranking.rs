//! How well scores rank: AUROC, average precision; errors of a classifier.

use super::check;
use crate::error::{Error, Result};

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
