//! [`ImageSet`]: images in memory, with their attributes, split and labels.

use crate::error::{Error, Result};

/// Which part of a data set an image belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Split {
    /// To fit on.
    Train,
    /// To choose settings by.
    Valid,
    /// To report on, once.
    Test,
}

/// `N` images of one size as bytes, with what is known of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSet {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 (gray) or 3 (RGB).
    pub channels: usize,
    /// `(N, height, width, channels)`, row-major.
    pub pixels: Vec<u8>,
    /// Names of the `A` attributes; may be empty.
    pub attribute_names: Vec<String>,
    /// `(N, A)`, row-major: 1 (has it) or −1.
    pub attributes: Vec<i8>,
    /// The split of each image, length `N`.
    pub split: Vec<Split>,
    /// The class of each image, where there are classes.
    pub labels: Option<Vec<u8>>,
}

impl ImageSet {
    /// A set of `pixels` `(N, height, width, channels)`: no attributes, no labels, every image in [`Split::Train`].
    ///
    /// # Errors
    /// When an extent is 0 or the pixels are not a whole number of images.
    pub fn new(height: usize, width: usize, channels: usize, pixels: Vec<u8>) -> Result<Self> {
        let each = height * width * channels;
        if each == 0 || !pixels.len().is_multiple_of(each) {
            let n = pixels.len();
            return Err(Error::shape(
                "image set",
                format!("{n} bytes are no whole {height}×{width}×{channels} images"),
            ));
        }
        let split = vec![Split::Train; pixels.len() / each];
        Ok(Self { height, width, channels, pixels, attribute_names: vec![], attributes: vec![], split, labels: None })
    }

    /// The number of images, `N`.
    pub fn len(&self) -> usize {
        self.split.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.split.is_empty()
    }

    /// Bytes of one image: height × width × channels.
    pub fn image_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The pixels of image `i`, `(height, width, channels)`.
    ///
    /// # Panics
    /// When `i` is not below [`len`](Self::len), as indexing a slice does.
    pub fn image(&self, i: usize) -> &[u8] {
        &self.pixels[i * self.image_len()..(i + 1) * self.image_len()]
    }

    /// The attributes of image `i`, in the order of [`attribute_names`](Self::attribute_names).
    ///
    /// # Panics
    /// When `i` is not below [`len`](Self::len), as indexing a slice does.
    pub fn attribute_row(&self, i: usize) -> &[i8] {
        let a = self.attribute_names.len();
        &self.attributes[i * a..(i + 1) * a]
    }

    /// The column of attribute `name` (1 or −1 for each image).
    ///
    /// # Errors
    /// When there is no attribute of that name; the message lists those there are.
    pub fn attribute(&self, name: &str) -> Result<Vec<i8>> {
        let a = self.attribute_names.len();
        match self.attribute_names.iter().position(|n| n == name) {
            Some(k) => Ok(self.attributes.iter().skip(k).step_by(a).copied().collect()),
            None if a == 0 => Err(Error::Name(format!("no attribute {name}: this data set has no attributes"))),
            None => Err(Error::Name(format!("no attribute {name}; there are {}", self.attribute_names.join(", ")))),
        }
    }

    /// The images of one split, in order.
    pub fn indices(&self, split: Split) -> Vec<usize> {
        (0..self.len()).filter(|&i| self.split[i] == split).collect()
    }

    /// The pixels of the images `indices`, one after the other.
    ///
    /// # Panics
    /// When an index is not below [`len`](Self::len), as indexing a slice does.
    pub fn gather(&self, indices: &[usize]) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(indices.len() * self.image_len());
        for &i in indices {
            pixels.extend_from_slice(self.image(i));
        }
        pixels
    }

    /// The images `indices` with all that is known of them, as a set of its own.
    ///
    /// # Panics
    /// When an index is not below [`len`](Self::len), as indexing a slice does.
    pub fn subset(&self, indices: &[usize]) -> Self {
        Self {
            height: self.height,
            width: self.width,
            channels: self.channels,
            pixels: self.gather(indices),
            attribute_names: self.attribute_names.clone(),
            attributes: indices.iter().flat_map(|&i| self.attribute_row(i)).copied().collect(),
            split: indices.iter().map(|&i| self.split[i]).collect(),
            labels: self.labels.as_ref().map(|l| indices.iter().map(|&i| l[i]).collect()),
        }
    }

    /// The mean over the images `indices` of each byte, `(height, width, channels)`, in `0..=255`; zeros for none.
    ///
    /// # Panics
    /// When an index is not below [`len`](Self::len), as indexing a slice does.
    pub fn mean_image(&self, indices: &[usize]) -> Vec<f32> {
        let mut sums = vec![0u64; self.image_len()];
        for &i in indices {
            for (sum, &byte) in sums.iter_mut().zip(self.image(i)) {
                *sum += u64::from(byte);
            }
        }
        let n = indices.len().max(1) as f64;
        sums.into_iter().map(|s| (s as f64 / n) as f32).collect()
    }
}
