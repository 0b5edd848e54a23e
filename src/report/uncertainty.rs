//! What a code leaves open, pixel by pixel.

use super::ImageGrid;
use crate::error::{Error, Result};

/// A grid of originals (where given), the mean of many decodes of each, and their standard deviation as grey, black where
/// all decodes agree and white where they differ most in the whole set; `columns` images side by side. All are
/// [N, H, W, C] in \[0, 1\] as `image` says; the channels' deviations are taken together (root mean square).
///
/// # Errors
/// [`Error::Shape`] where the sets differ in length or are no whole images, [`Error::Config`] for a grid that cannot be
/// drawn.
///
/// ```
/// # fn main() -> wavae::Result<()> {
/// let (mean, deviation) = ([0.5, 0.9, 0.1, 0.4], [0.0, 0.1, 0.02, 0.2]);
/// let grid = wavae::report::uncertainty_map(1, [2, 2, 1], None, &mean, &deviation)?;
/// assert!(grid.render()?.height() > 0);
/// # Ok(())
/// # }
/// ```
pub fn uncertainty_map(
    columns: usize,
    image: [usize; 3],
    original: Option<&[f32]>,
    mean: &[f32],
    deviation: &[f32],
) -> Result<ImageGrid> {
    let fits = |pixels: &[f32]| pixels.len() == mean.len();
    if !fits(deviation) || !original.is_none_or(fits) {
        let lengths = [original.map_or(mean.len(), <[f32]>::len), mean.len(), deviation.len()];
        return Err(Error::shape("uncertainty map", format!("originals, means and deviations of {lengths:?} values")));
    }
    let channels = image[2].max(1);
    let together = |pixel: &[f32]| (pixel.iter().map(|d| d * d).sum::<f32>() / channels as f32).sqrt();
    let deviation: Vec<f32> = deviation.chunks(channels).map(together).collect();
    // Values that are not finite stay so, and are drawn as such.
    let most = deviation.iter().copied().filter(|d| d.is_finite()).fold(0.0, f32::max);
    let scale = if most > 0.0 { 1.0 / most } else { 1.0 };
    let grey: Vec<f32> = deviation.iter().flat_map(|d| std::iter::repeat_n(d * scale, channels)).collect();
    let caption = format!("std, white {most:.3}");
    let mut sets = vec![("mean", mean), (caption.as_str(), &grey)];
    if let Some(original) = original {
        sets.insert(0, ("original", original));
    }
    ImageGrid::compare(columns, image, &sets)
}
