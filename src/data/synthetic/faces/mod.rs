//! Synthetic faces: portraits drawn from a few dozen known factors, so that a face model can be trained, looked at
//! and measured without any download. Here live the factors ([`FaceFactors`]), the painter and the parts of a face;
//! file formats do not.
//!
//! Face `i` of a seed depends on these two numbers alone: not on the size of the set, nor on threads. *Smiling* has
//! probability one half, is independent of every other factor, and is never ambiguous: the corners of a smiling mouth
//! are raised and its teeth show, a neutral mouth is nearly straight.

mod attributes;
mod canvas;
mod factors;
mod features;
mod hair;
mod head;
mod mouth;

pub use attributes::CELEBA_ATTRIBUTES;
pub use factors::{FaceFactors, Fringe, HairColour, HairStyle};

use crate::data::images::{ImageSet, Split};
use crate::error::{Error, Result};
use canvas::Canvas;
use head::Face;
use rayon::prelude::*;

impl FaceFactors {
    /// The portrait as sRGB bytes `(size, size, 3)`. Edges are anti-aliased at any size; 64 is what the proportions
    /// and line widths were made for.
    pub fn draw(&self, size: usize) -> Vec<u8> {
        let mut canvas = Canvas::new(size);
        let face = Face::new(self, size);
        let c = &mut canvas;
        head::background(c, self);
        hair::behind(c, &face);
        head::bust(c, &face);
        head::ears(c, &face);
        head::head(c, &face);
        mouth::beard(c, &face);
        features::wrinkles(c, &face);
        features::eyes(c, &face);
        features::nose(c, &face);
        mouth::mouth(c, &face);
        mouth::mustache(c, &face);
        features::arms(c, &face);
        hair::before(c, &face);
        features::eyebrows(c, &face);
        hair::hat(c, &face);
        features::glasses(c, &face);
        canvas.bytes()
    }
}

/// Faces `0..count` of `seed`, `size` × `size` RGB, drawn in parallel, with CelebA's forty attributes. Image `i` is in
/// [`Split::Valid`] when `i % 10 == 8`, in [`Split::Test`] when `i % 10 == 9`, else in [`Split::Train`].
///
/// ```
/// let faces = wavae::data::synthetic_faces(4, 64, 0)?;
/// assert_eq!(faces.image(3).len(), 64 * 64 * 3);
/// let smiling = faces.attribute("Smiling")?;
/// # Ok::<(), wavae::Error>(())
/// ```
///
/// # Errors
/// When `size` is 0 or above 4096, or `count` beyond what can be addressed.
pub fn synthetic_faces(count: usize, size: usize, seed: u64) -> Result<ImageSet> {
    if !(1..=4096).contains(&size) {
        return Err(Error::Config(format!("synthetic faces of {size} pixels: choose a size from 1 to 4096")));
    }
    let each = size * size * 3;
    let too_many = || Error::Config(format!("{count} faces are more than the memory holds; ask for fewer"));
    let bytes = count.checked_mul(each).ok_or_else(too_many)?;
    let mut pixels = Vec::new();
    pixels.try_reserve_exact(bytes).map_err(|_| too_many())?;
    pixels.resize(bytes, 0);
    let mut attributes = vec![0; count * CELEBA_ATTRIBUTES.len()];
    (pixels.par_chunks_mut(each), attributes.par_chunks_mut(CELEBA_ATTRIBUTES.len()))
        .into_par_iter()
        .enumerate()
        .for_each(|(i, (image, row))| {
            let factors = FaceFactors::sample(seed, i as u64);
            image.copy_from_slice(&factors.draw(size));
            row.copy_from_slice(&factors.attributes());
        });
    let mut set = ImageSet::new(size, size, 3, pixels)?;
    set.attribute_names = CELEBA_ATTRIBUTES.map(String::from).to_vec();
    set.attributes = attributes;
    set.split = (0..count)
        .map(|i| match i % 10 {
            8 => Split::Valid,
            9 => Split::Test,
            _ => Split::Train,
        })
        .collect();
    Ok(set)
}
