//! How near a picture is to its original.

use super::check;
use crate::error::{Error, Result};
use rayon::prelude::*;

/// Peak signal-to-noise ratio in dB: 10 log₁₀(`peak`² / mean squared difference), over all values of `a` and `b` together.
/// `peak` is the range of the values: 1 for \[0, 1\], 255 for bytes. Infinite where the two are equal.
///
/// # Errors
/// [`Error::Config`] where the two differ in length or are empty.
pub fn psnr(a: &[f32], b: &[f32], peak: f64) -> Result<f64> {
    check::same("values of the two pictures", a.len(), b.len())?;
    let error = a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>() / a.len() as f64;
    Ok(10.0 * (peak * peak / error).log10())
}

/// Structural similarity (Wang 2004, "Image quality assessment", equation 13): mean over all images, channels and places
/// of an 11×11 Gaussian window of σ = 1.5 that lies within the image, with K₁ = 0.01 and K₂ = 0.03. `a` and `b` are
/// [N, H, W, C], `image` H, W and C, `peak` the range of the values. Along a side shorter than 11 the window is the longest
/// odd one that fits. 1 for equal pictures; channels count alike.
///
/// # Errors
/// [`Error::Config`] where the two differ in length or are no images of that shape.
pub fn ssim(a: &[f32], b: &[f32], image: [usize; 3], peak: f64) -> Result<f64> {
    check::same("values of the two pictures", a.len(), b.len())?;
    let [h, w, c] = image;
    if h * w * c == 0 || !a.len().is_multiple_of(h * w * c) {
        return Err(Error::Config(format!("SSIM: {} values are no images of {h}×{w}×{c}", a.len())));
    }
    let one = |(a, b): (&[f32], &[f32])| (0..c).map(|k| plane(a, b, image, k, peak)).sum::<f64>() / c as f64;
    let images: Vec<f64> = a.par_chunks_exact(h * w * c).zip(b.par_chunks_exact(h * w * c)).map(one).collect();
    Ok(images.iter().sum::<f64>() / images.len() as f64)
}

/// Mean SSIM of channel `k`.
fn plane(a: &[f32], b: &[f32], [h, w, c]: [usize; 3], k: usize, peak: f64) -> f64 {
    let of = |x: &[f32]| x.iter().skip(k).step_by(c).map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).collect::<Vec<f64>>();
    let (a, b) = (of(a), of(b));
    let [aa, bb, ab] = [product(&a, &a), product(&b, &b), product(&a, &b)];
    let [a, b, aa, bb, ab] = [a, b, aa, bb, ab].map(|x| blur(&x, h, w));
    let (c1, c2) = ((0.01 * peak).powi(2), (0.03 * peak).powi(2));
    let at = |i: usize| {
        let (va, vb, vab) = (aa[i] - a[i] * a[i], bb[i] - b[i] * b[i], ab[i] - a[i] * b[i]);
        (2.0 * a[i] * b[i] + c1) * (2.0 * vab + c2) / ((a[i] * a[i] + b[i] * b[i] + c1) * (va + vb + c2))
    };
    (0..a.len()).map(at).sum::<f64>() / a.len() as f64
}

/// `x` [h, w] under the window, at the places where all of it lies inside.
fn blur(x: &[f64], h: usize, w: usize) -> Vec<f64> {
    let (down, across) = (window(h), window(w));
    let (rows, columns) = (h + 1 - down.len(), w + 1 - across.len());
    let fold = |g: &[f64], start: usize, stride: usize| -> f64 {
        g.iter().enumerate().map(|(i, g)| g * x[start + i * stride]).sum()
    };
    let half: Vec<f64> = (0..rows * w).map(|i| fold(&down, i, w)).collect();
    let place = |i: usize| across.iter().zip(&half[i / columns * w + i % columns..]).map(|(g, v)| g * v).sum();
    (0..rows * columns).map(place).collect()
}

/// A Gaussian of σ = 1.5 that sums to 1: 11 long, or the longest odd number that `side` has room for.
fn window(side: usize) -> Vec<f64> {
    let len = side.min(11) - (side.min(11) + 1) % 2;
    let middle = (len / 2) as f64;
    let weight: Vec<f64> = (0..len).map(|i| (-(i as f64 - middle).powi(2) / 4.5).exp()).collect();
    let total: f64 = weight.iter().sum();
    weight.iter().map(|g| g / total).collect()
}
