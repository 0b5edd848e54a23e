//! Compression: latents as whole numbers, coded to a file and back without loss.
//!
//! What is lost is lost in [`Quantizer::quantize`]; from there to the file and back every number is kept. The coder is
//! static rANS by tables of the file's own symbols, so a file stands by itself; its size is what all its examples cost,
//! tables included.
//!
//! ```
//! use wavae::eval::{Compressed, Quantizer};
//! let codes = [0.11, -2.0, 0.92, -2.1]; // two examples of two dimensions, of 8×8 images
//! let quantizer = Quantizer::centred(&codes, 2, &[0.1])?;
//! let bytes = Compressed::from_codes(&codes, quantizer, [8, 8, 1])?.to_bytes()?;
//! let again = Compressed::from_bytes(&bytes)?.codes().unwrap_or_default();
//! assert!(codes.iter().zip(&again).all(|(a, b)| (a - b).abs() < 0.0501));
//! # Ok::<(), wavae::Error>(())
//! ```

mod file;
mod quantizer;
mod rans;

pub use quantizer::Quantizer;

use super::check;
use crate::error::{Error, Result};
use std::path::Path;

/// The most symbols of one file.
const MOST: usize = 1 << 26;

/// Examples as rows of whole numbers: quantized latents, or indices into a codebook.
#[derive(Clone, Debug, PartialEq)]
pub struct Compressed {
    /// Height, width and channels of the images these are codes of.
    image: [usize; 3],
    /// Numbers of an example.
    columns: usize,
    /// [N, `columns`].
    symbols: Vec<i32>,
    /// How numbers become latents; none for indices.
    quantizer: Option<Quantizer>,
}

impl Compressed {
    /// Quantizes `codes` [N, L] of images of height, width, channels `image`.
    ///
    /// # Errors
    /// Those of [`Quantizer::quantize`]; [`Error::Config`] for an image without pixels or too many codes for one file.
    pub fn from_codes(codes: &[f32], quantizer: Quantizer, image: [usize; 3]) -> Result<Self> {
        let symbols = quantizer.quantize(codes)?;
        Self { image, columns: quantizer.latent(), symbols, quantizer: Some(quantizer) }.checked()
    }

    /// Takes indices into a codebook, `columns` of each example: [N, `columns`].
    ///
    /// # Errors
    /// [`Error::Config`] where they are no rows of `columns`, an index is 2³¹ or more, for an image without pixels, or for
    /// too many codes for one file.
    pub fn from_indices(indices: &[u32], columns: usize, image: [usize; 3]) -> Result<Self> {
        let symbols = indices.iter().map(|&i| i32::try_from(i)).collect::<Result<Vec<_>, _>>();
        let symbols = symbols.map_err(|_| Error::Config("an index into a codebook is below 2³¹".into()))?;
        Self { image, columns, symbols, quantizer: None }.checked()
    }

    fn checked(self) -> Result<Self> {
        let Self { image: [h, w, c], columns, symbols, .. } = &self;
        let pixels = h.checked_mul(*w).and_then(|p| p.checked_mul(*c));
        if pixels.is_none_or(|p| p == 0) {
            return Err(Error::Config(format!("compression: an image of {h}×{w}×{c} has no pixels or too many")));
        }
        if *columns == 0 || symbols.is_empty() || !symbols.len().is_multiple_of(*columns) || symbols.len() > MOST {
            return Err(Error::Config(format!(
                "compression: {} numbers are no rows of {columns}, or not from 1 to {MOST}; write several files",
                symbols.len()
            )));
        }
        Ok(self)
    }

    /// The number of examples N.
    pub fn examples(&self) -> usize {
        self.symbols.len() / self.columns
    }

    /// Height, width and channels of the images.
    pub fn image(&self) -> [usize; 3] {
        self.image
    }

    /// The latents [N, L], each within half a step of what was quantized; none for indices.
    pub fn codes(&self) -> Option<Vec<f32>> {
        self.quantizer.as_ref().map(|q| q.dequantize(&self.symbols))
    }

    /// The indices [N, columns]; none for latents.
    pub fn indices(&self) -> Option<Vec<u32>> {
        // None is negative: they were u32, or the file would have been refused.
        self.quantizer.is_none().then(|| self.symbols.iter().map(|&s| s as u32).collect())
    }

    /// The bits that `bytes` bytes come to for each pixel (of all channels together) of all N images.
    pub fn bits_per_pixel(&self, bytes: usize) -> f64 {
        8.0 * bytes as f64 / (self.examples() * self.image[0] * self.image[1]) as f64
    }

    /// The file: header, tables, payload, checksum. One table for all columns or one for each, whichever is shorter.
    ///
    /// # Errors
    /// [`Error::Config`] where a column has more than 65,536 different numbers: the step is too fine.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        file::write(self)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::Config`] for anything else: another format, another version, a file damaged or cut short.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        file::read(bytes).map_err(|message| Error::Config(format!("compressed latents: {message}")))
    }

    /// Writes the file and returns its bytes.
    ///
    /// # Errors
    /// Those of [`Self::to_bytes`]; [`Error::File`] where it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<usize> {
        let bytes = self.to_bytes()?;
        std::fs::write(&path, &bytes).map_err(|e| Error::file(path.as_ref(), e))?;
        Ok(bytes.len())
    }

    /// Reads a file that [`Self::save`] wrote.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read or is not such a file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let bytes = std::fs::read(&path).map_err(|e| Error::file(path.as_ref(), e))?;
        file::read(&bytes).map_err(|message| Error::file(path.as_ref(), message))
    }
}
