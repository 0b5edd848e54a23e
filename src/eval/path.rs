//! Ways through latent space: from one code to another, and along single dimensions.

use super::check;
use crate::error::{Error, Result};

/// How one code becomes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Along the straight line.
    Linear,
    /// At a steady angle about the origin (White 2016, arXiv 1609.04468, section 2.1): the codes between are as long as
    /// those at the ends, as samples of N(0, I) are. Between codes of one direction it is the straight line; between opposite
    /// ones, where every plane would do, a half circle through a direction of its own.
    Spherical,
}

/// `steps` codes from `a` to `b` (\[L\] each), both included: [`steps`, L]. One step is `a` alone.
///
/// # Errors
/// [`Error::Config`] for codes of different or no length or no steps, [`Error::NonFinite`] for one that is not finite.
///
/// ```
/// use wavae::eval::{Path, interpolate};
/// assert_eq!(interpolate(&[0.0, 2.0], &[2.0, 0.0], 3, Path::Linear)?, [0.0, 2.0, 1.0, 1.0, 2.0, 0.0]);
/// let quarter = interpolate(&[0.0, 2.0], &[2.0, 0.0], 3, Path::Spherical)?;
/// assert!((quarter[2] - 2f32.sqrt()).abs() < 1e-6);
/// # Ok::<(), wavae::Error>(())
/// ```
pub fn interpolate(a: &[f32], b: &[f32], steps: usize, path: Path) -> Result<Vec<f32>> {
    check::rows("the first code", a, a.len())?;
    check::rows("the second code", b, a.len())?;
    check::same("values of the codes", a.len(), b.len())?;
    if steps == 0 {
        return Err(Error::Config("an interpolation has at least one step".into()));
    }
    let [a64, b64] = [a, b].map(|v| v.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
    let between = |step: usize| match step {
        0 => a.to_vec(),
        s if s == steps - 1 => b.to_vec(),
        s => {
            let t = s as f64 / (steps - 1) as f64;
            let point = match path {
                Path::Linear => mix(&a64, 1.0 - t, &b64, t),
                Path::Spherical => spherical(&a64, &b64, t),
            };
            point.into_iter().map(|x| x as f32).collect()
        }
    };
    Ok((0..steps).flat_map(between).collect())
}

fn mix(a: &[f64], s: f64, b: &[f64], t: f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| s * a + t * b).collect()
}

fn length(a: &[f64]) -> f64 {
    a.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn spherical(a: &[f64], b: &[f64], t: f64) -> Vec<f64> {
    let (long_a, long_b) = (length(a), length(b));
    if long_a == 0.0 || long_b == 0.0 {
        return mix(a, 1.0 - t, b, t);
    }
    let (unit_a, unit_b) = (mix(a, 1.0 / long_a, a, 0.0), mix(b, 1.0 / long_b, b, 0.0));
    // The angle from both halves of the rhombus: exact near 0 and near π, where the cosine is not.
    let (sum, difference) = (length(&mix(&unit_a, 1.0, &unit_b, 1.0)), length(&mix(&unit_a, 1.0, &unit_b, -1.0)));
    let angle = 2.0 * difference.atan2(sum);
    if angle < 1e-6 {
        return mix(a, 1.0 - t, b, t);
    }
    if std::f64::consts::PI - angle < 1e-6 {
        let Some(across) = perpendicular(&unit_a) else { return mix(a, 1.0 - t, b, t) };
        let radius = (1.0 - t) * long_a + t * long_b;
        let turn = std::f64::consts::PI * t;
        return mix(&unit_a, radius * turn.cos(), &across, radius * turn.sin());
    }
    mix(a, ((1.0 - t) * angle).sin() / angle.sin(), b, (t * angle).sin() / angle.sin())
}

/// The unit vector at right angles to the unit vector `a` that is nearest to the axis along which `a` is shortest; none
/// in one dimension.
fn perpendicular(a: &[f64]) -> Option<Vec<f64>> {
    let axis = (0..a.len()).min_by(|&i, &j| a[i].abs().total_cmp(&a[j].abs()))?;
    let mut across = mix(a, -a[axis], a, 0.0);
    across[axis] += 1.0;
    let long = length(&across);
    (a.len() > 1).then(|| mix(&across, 1.0 / long, a, 0.0))
}

/// `steps` values that split N(0, 1) evenly, from the quantile of `tail` to that of 1 − `tail`; 0 alone for one step. For
/// traversals where the aggregate posterior is near the prior; 0.00135 goes from −3 to 3.
///
/// # Errors
/// [`Error::Config`] where there are no steps or `tail` is not between 0 and ½.
pub fn normal_values(steps: usize, tail: f64) -> Result<Vec<f32>> {
    let values = probabilities(steps, tail)?.into_iter().map(|p| normal_quantile(p) as f32);
    Ok(values.collect())
}

/// `steps` quantiles of dimension `dimension` of `codes` [N, L] from that of `tail` to that of 1 − `tail`, evenly in
/// probability: a traversal that stays where the aggregate posterior is. Neighbouring codes are mixed linearly.
///
/// # Errors
/// As for [`normal_values`], and for a dimension there is not; [`Error::NonFinite`] for a code that is not finite.
pub fn code_values(codes: &[f32], latent: usize, dimension: usize, steps: usize, tail: f64) -> Result<Vec<f32>> {
    let count = check::rows("codes", codes, latent)?;
    if dimension >= latent {
        return Err(Error::Config(format!("there is no latent dimension {dimension}: there are {latent}, from 0")));
    }
    let mut column: Vec<f32> = codes.iter().skip(dimension).step_by(latent).copied().collect();
    column.sort_by(f32::total_cmp);
    let quantile = |p: f64| {
        let place = p * (count - 1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        let t = place - low as f64;
        (f64::from(column[low]) * (1.0 - t) + f64::from(column[high]) * t) as f32
    };
    Ok(probabilities(steps, tail)?.into_iter().map(quantile).collect())
}

fn probabilities(steps: usize, tail: f64) -> Result<Vec<f64>> {
    if steps == 0 || !(0.0 < tail && tail < 0.5) {
        let message = format!("a traversal has at least one step and a tail between 0 and 0.5, not {steps} and {tail}");
        return Err(Error::Config(message));
    }
    if steps == 1 {
        return Ok(vec![0.5]);
    }
    Ok((0..steps).map(|i| tail + (1.0 - 2.0 * tail) * i as f64 / (steps - 1) as f64).collect())
}

/// The value that a standard normal number is below with probability `p`, to a relative 1.2e-9: Acklam's rational approximation
/// (2003) between its ends, −∞ and ∞ at 0 and 1.
pub fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 6] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 5] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0];
    let polynomial = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    };
    match p {
        p if p <= 0.0 => f64::NEG_INFINITY,
        p if p >= 1.0 => f64::INFINITY,
        p if p < 0.02425 => tail(p),
        p if p > 1.0 - 0.02425 => -tail(1.0 - p),
        p => {
            let q = p - 0.5;
            q * polynomial(&A, q * q) / polynomial(&B, q * q)
        }
    }
}

/// Codes for a grid of traversals: for each of `dimensions` a row of copies of `base` \[L\] in which that dimension takes
/// the `values` of its row in turn; all rows one after the other, [Σ values, L].
///
/// # Errors
/// [`Error::Config`] where dimensions and rows of values differ in number, or for a dimension there is not.
pub fn traverse(base: &[f32], dimensions: &[usize], values: &[Vec<f32>]) -> Result<Vec<f32>> {
    check::same("dimensions and rows of values", dimensions.len(), values.len())?;
    if let Some(dimension) = dimensions.iter().find(|d| **d >= base.len()) {
        let latent = base.len();
        return Err(Error::Config(format!("there is no latent dimension {dimension}: there are {latent}, from 0")));
    }
    let mut codes = Vec::new();
    for (&dimension, row) in dimensions.iter().zip(values) {
        for &value in row {
            let at = codes.len() + dimension;
            codes.extend_from_slice(base);
            codes[at] = value;
        }
    }
    Ok(codes)
}
