//! The factor grid of dSprites (Matthey, Higgins, Hassabis and Lerchner, "dSprites: Disentanglement testing sprites
//! dataset", 2017), drawn anew: every combination of shape, scale, orientation and position, in black and white.

use super::{bytes, examples, floats};
use crate::data::dataset::Dataset;
use crate::data::images::Split;
use crate::error::{Error, Result};
use crate::rng::Philox;
use rand::RngExt;
use rayon::prelude::*;
use std::f32::consts::TAU;

/// Names of the factors, slowest first; the shapes are square, ellipse and heart.
pub const SPRITE_FACTORS: [&str; 5] = ["shape", "scale", "orientation", "x", "y"];
/// Samples along a pixel's side: coverage is their share inside the shape.
const SAMPLES: usize = 4;

/// A grid of sprites: images of `side`² pixels, `sizes` values of each of the [`SPRITE_FACTORS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpriteGrid {
    side: usize,
    sizes: [usize; 5],
}

/// dSprites itself: 64×64 pixels, 3 × 6 × 40 × 32 × 32 = 737,280 images.
impl Default for SpriteGrid {
    fn default() -> Self {
        Self { side: 64, sizes: [3, 6, 40, 32, 32] }
    }
}

impl SpriteGrid {
    /// A grid of images of `side`² pixels.
    ///
    /// # Errors
    /// When a side is not in 8..=1024, a size is 0, there are more than 3 shapes, or more than 2³² images.
    pub fn new(side: usize, sizes: [usize; 5]) -> Result<Self> {
        let images = sizes.iter().try_fold(1usize, |n, size| n.checked_mul(*size));
        if !(8..=1024).contains(&side) || sizes[0] > 3 || !images.is_some_and(|n| (1..1 << 32).contains(&n)) {
            return Err(Error::Config(format!(
                "a grid of sprites of {side}×{side} pixels and {sizes:?} values: the side is 8 to 1024, shapes are 1 to 3, \
                 and the others at least 1"
            )));
        }
        Ok(Self { side, sizes })
    }

    /// A grid for quick trials: 32×32 pixels, 3 × 4 × 10 × 8 × 8 = 7,680 images.
    pub fn small() -> Self {
        Self { side: 32, sizes: [3, 4, 10, 8, 8] }
    }

    /// Pixels of a side.
    pub fn side(&self) -> usize {
        self.side
    }

    /// How many values each factor has.
    pub fn sizes(&self) -> [usize; 5] {
        self.sizes
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.sizes.iter().product()
    }

    /// Whether there are none; never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which value each factor of image `index` has; the last factor changes fastest, as in the published file.
    pub fn classes(&self, mut index: usize) -> [usize; 5] {
        let mut classes = [0; 5];
        for (class, size) in classes.iter_mut().zip(self.sizes).rev() {
            (*class, index) = (index % size, index / size);
        }
        classes
    }

    /// The image whose factors have these values; the inverse of [`classes`](Self::classes).
    pub fn index(&self, classes: [usize; 5]) -> usize {
        classes.iter().zip(self.sizes).fold(0, |index, (class, size)| index * size + class)
    }

    /// The values that the classes stand for, spaced as published: shape 1 to 3, scale 0.5 to 1, orientation 0 to 2π (both
    /// included, so that the last turn is the first), positions 0 to 1.
    pub fn values(&self, classes: [usize; 5]) -> [f32; 5] {
        let range = [(1.0, self.sizes[0] as f32), (0.5, 1.0), (0.0, TAU), (0.0, 1.0), (0.0, 1.0)];
        let mut values = [0.0; 5];
        for (k, (from, to)) in range.into_iter().enumerate() {
            let steps = (self.sizes[k] - 1).max(1) as f32;
            values[k] = from + (to - from) * classes[k] as f32 / steps;
        }
        values
    }

    /// The image of these classes: `side`² bytes, 0 or 255.
    pub fn draw(&self, classes: [usize; 5]) -> Vec<u8> {
        let [_, scale, orientation, x, y] = self.values(classes);
        let side = self.side as f32;
        // A quarter of the picture at each side is for the largest shape in its worst turn.
        let (x, y) = (side * (0.235 + 0.53 * x), side * (0.235 + 0.53 * y));
        let (sin, cos) = orientation.sin_cos();
        let unit = 1.0 / (0.155 * side * scale);
        let reach = 1.5 / unit;
        let range = |c: f32| (c - reach).max(0.0) as usize..((c + reach) as usize + 1).min(self.side);
        let mut image = vec![0; self.side * self.side];
        for row in range(y) {
            for column in range(x) {
                let inside = (0..SAMPLES * SAMPLES).filter(|k| {
                    let at = |i: usize, k: usize| i as f32 + (k as f32 + 0.5) / SAMPLES as f32;
                    let (u, v) = ((at(column, k % SAMPLES) - x) * unit, (at(row, k / SAMPLES) - y) * unit);
                    covers(classes[0], cos * u + sin * v, cos * v - sin * u)
                });
                if 2 * inside.count() >= SAMPLES * SAMPLES {
                    image[row * self.side + column] = 255;
                }
            }
        }
        image
    }

    /// The whole grid in order. Each image is in one of the splits by chance (8 : 1 : 1), the same in every run.
    ///
    /// # Errors
    /// When that is more than memory holds.
    pub fn all(&self) -> Result<Dataset> {
        let chance = examples(self.len(), 0, self.side * self.side, |_, rng| rng.random_range(0..10))?;
        let mut set = self.set(&(0..self.len()).collect::<Vec<_>>())?;
        let split = |k: &u8| [Split::Valid, Split::Test].get(*k as usize).copied().unwrap_or(Split::Train);
        set.split = chance.iter().map(split).collect();
        Ok(set)
    }

    /// Images `0..n` of `seed`, each anywhere in the grid (so some may come twice). Image `i` is in [`Split::Valid`] when
    /// `i % 10 == 8`, in [`Split::Test`] when `i % 10 == 9`, else in [`Split::Train`].
    ///
    /// # Errors
    /// When `n` is 0 or absurd.
    pub fn sample(&self, n: usize, seed: u64) -> Result<Dataset> {
        let draw = |_, rng: &mut Philox| rng.random_range(0..self.len());
        let indices = examples(n, seed, self.side * self.side, draw)?;
        Ok(super::split(self.set(&indices)?))
    }

    /// The images `indices`: `x` `U8` [N, side, side, 1], `label` the shape, `factors` the classes, `values` `F32` [N, 5] what
    /// they stand for.
    fn set(&self, indices: &[usize]) -> Result<Dataset> {
        let side = self.side;
        let classes: Vec<[usize; 5]> = indices.iter().map(|&i| self.classes(i)).collect();
        let images: Vec<Vec<u8>> = classes.par_iter().map(|&classes| self.draw(classes)).collect();
        let values: Vec<[f32; 5]> = classes.iter().map(|&classes| self.values(classes)).collect();
        let factors: Vec<(&str, usize)> = SPRITE_FACTORS.into_iter().zip(self.sizes).collect();
        Dataset::new("x", bytes(&images, [side, side, 1], |image| image)?)?
            .with_labels(classes.iter().map(|c| c[0] as u32).collect(), self.sizes[0])?
            .with_factors(&factors, classes.iter().flatten().map(|&c| c as f32).collect())?
            .with("values", floats(&values, [5], |v| v)?)
    }
}

/// Whether the point (`u` right, `v` down) lies in the shape, whose extent is about 1.
fn covers(shape: usize, u: f32, v: f32) -> bool {
    match shape {
        0 => u.abs().max(v.abs()) <= 1.0,
        1 => (u / 1.25).powi(2) + (v / 0.75).powi(2) <= 1.0,
        _ => {
            // The heart curve (x² + y² − 1)³ = x²y³, with its middle moved to the middle of its box.
            let (x, y) = (u, 0.12 - v);
            let r = x * x + y * y - 1.0;
            r * r * r <= x * x * y * y * y
        }
    }
}

/// `n` images of the grid of dSprites, anywhere in it: [`SpriteGrid::sample`] of the published grid.
///
/// ```
/// let set = wavae::data::dsprites(10, 0)?;
/// assert_eq!(set.factor_sizes, [3, 6, 40, 32, 32]);
/// # Ok::<(), wavae::Error>(())
/// ```
///
/// # Errors
/// When `n` is 0 or absurd.
pub fn dsprites(n: usize, seed: u64) -> Result<Dataset> {
    SpriteGrid::default().sample(n, seed)
}
