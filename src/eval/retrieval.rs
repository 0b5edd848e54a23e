//! How well the partner of an example is found by its code.

use super::check;
use crate::error::{Error, Result};
use rayon::prelude::*;

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
    let queries: Vec<&[f32]> = queries.chunks_exact(latent).collect();
    let gallery: Vec<&[f32]> = gallery.chunks_exact(latent).collect();
    let norms: Vec<f64> = gallery.iter().map(|row| dot(row, row).sqrt()).collect();
    recall_by(count, k, |query, i| match by {
        // The query's own length does not change the order.
        Similarity::Cosine => dot(queries[query], gallery[i]) / norms[i].max(f64::MIN_POSITIVE),
        Similarity::Euclidean => {
            -queries[query].iter().zip(gallery[i]).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>()
        }
    })
}

/// [`recall_at_k`] of `count` queries by any likeness: of query i and place j of the gallery, more for what is more alike.
///
/// # Errors
/// [`Error::Config`] where there is nothing or `k` is 0, [`Error::NonFinite`] for a likeness that is NaN.
pub fn recall_by(count: usize, k: usize, likeness: impl Fn(usize, usize) -> f64 + Sync) -> Result<f64> {
    if k == 0 || count == 0 {
        return Err(Error::Config("recall@k needs a k of at least 1 and something to find".into()));
    }
    let found = |query: usize| {
        let partner = likeness(query, query);
        let (mut better, mut equal) = (0usize, 0usize);
        for i in 0..count {
            let other = likeness(query, i);
            if other.is_nan() {
                return Err(Error::NonFinite(format!("retrieval: the likeness of {query} and {i} is NaN")));
            }
            better += usize::from(other > partner);
            equal += usize::from(other == partner);
        }
        Ok(k.saturating_sub(better).min(equal) as f64 / equal as f64)
    };
    let recalls: Vec<f64> = (0..count).into_par_iter().map(found).collect::<Result<_>>()?;
    Ok(recalls.iter().sum::<f64>() / count as f64)
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// ln ∫ q(z|a) q(z|b) / p(z) dz of two diagonal Gaussian posteriors by their μ and σ under the prior N(0, I), nats: how much
/// more likely a and b are together than apart, where they depend on each other through z alone. With T = 1/σ² and
/// h = μ/σ² it is Σ ½ [(h_a + h_b)²/T − h_a²/T_a − h_b²/T_b − ln T + ln T_a + ln T_b], where T = T_a + T_b − 1: the
/// quotient is a Gaussian as long as σ² is not above 1 in both.
pub fn mutual_evidence(a: (&[f32], &[f32]), b: (&[f32], &[f32])) -> f64 {
    let natural = |mu: f32, sigma: f32| {
        let precision = f64::from(sigma).powi(-2);
        (f64::from(mu) * precision, precision)
    };
    let term = |k: usize| {
        let ((ha, ta), (hb, tb)) = (natural(a.0[k], a.1[k]), natural(b.0[k], b.1[k]));
        let log_normaliser = |h: f64, t: f64| 0.5 * (h * h / t - t.ln());
        log_normaliser(ha + hb, ta + tb - 1.0) - log_normaliser(ha, ta) - log_normaliser(hb, tb)
    };
    (0..a.0.len()).map(term).sum()
}
