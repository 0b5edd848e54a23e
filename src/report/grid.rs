//! Grids of images: samples, reconstructions, interpolations, traversals and edits.

use super::canvas::{Canvas, INK, LARGE, MAX_SIDE, MUTED, SMALL, WHITE, text_width};
use crate::error::{Error, Result};
use crate::tensor::{Array, ArrayData};

const MARGIN: usize = 12;
const MAGENTA: [u8; 3] = [255, 0, 255];
const EMPTY: [u8; 3] = [240, 241, 244];

/// Images of one size in rows and columns, filled row by row, with optional captions.
///
/// ```
/// # fn main() -> wavae::Result<()> {
/// let samples = vec![0.5; 6 * 8 * 8]; // six grey 8×8 images, NHWC
/// let picture = wavae::report::ImageGrid::new(3, 8, 8, 1)?.title("samples").images(&samples)?.scale(2).render()?;
/// assert!(picture.width() >= 3 * 16);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ImageGrid {
    columns: usize,
    height: usize,
    width: usize,
    channels: usize,
    /// RGB pixels of each tile; empty for a blank.
    tiles: Vec<Vec<u8>>,
    title: String,
    column_captions: Vec<String>,
    row_captions: Vec<String>,
    padding: usize,
    scale: usize,
}

impl ImageGrid {
    /// An empty grid for images of `height`×`width` pixels with 1 or 3 channels. [`Error::Config`] for no columns, no
    /// pixels, absurdly many of either, or another number of channels.
    pub fn new(columns: usize, height: usize, width: usize, channels: usize) -> Result<Self> {
        let drawable = 1..=MAX_SIDE;
        if [columns, height, width].iter().any(|n| !drawable.contains(n)) || !matches!(channels, 1 | 3) {
            return Err(Error::Config(format!(
                "an image grid has from 1 to {MAX_SIDE} columns of images whose sides are as many pixels, \
                 with 1 or 3 channels, not {columns} columns of {height}×{width}×{channels}"
            )));
        }
        // Small images are enlarged to about 96 pixels.
        let scale = ((96 + height / 2) / height).max(1);
        let (tiles, title) = (Vec::new(), String::new());
        let (column_captions, row_captions) = (Vec::new(), Vec::new());
        Ok(Self { columns, height, width, channels, tiles, title, column_captions, row_captions, padding: 4, scale })
    }

    /// A grid that shows sets of images one below the other, `columns` at a time: a row of each set, then the next rows.
    /// Each set is a caption and NHWC floats in [0, 1]; with originals and reconstructions this puts each
    /// reconstruction under its original.
    pub fn compare(columns: usize, [height, width, channels]: [usize; 3], sets: &[(&str, &[f32])]) -> Result<Self> {
        let mut grid = Self::new(columns, height, width, channels)?;
        let per_row = columns * grid.image_len();
        let rows = sets.iter().map(|s| s.1.len().div_ceil(per_row)).max().unwrap_or(0);
        for (_, pixels) in sets {
            grid.check(pixels.len())?;
        }
        for row in 0..rows {
            for (caption, pixels) in sets {
                let from = (row * per_row).min(pixels.len());
                let to = (from + per_row).min(pixels.len());
                grid = grid.images(&pixels[from..to])?.end_row();
                grid.row_captions.push((*caption).to_string());
            }
        }
        Ok(grid)
    }

    /// Adds images: N·H·W·C floats, channels last, 0 black and 1 white. Values outside are clamped; a pixel with a value
    /// that is not finite is drawn magenta. [`Error::Shape`] where the length is no multiple of H·W·C.
    pub fn images(mut self, pixels: &[f32]) -> Result<Self> {
        self.check(pixels.len())?;
        for image in pixels.chunks_exact(self.image_len()) {
            let tile = image.chunks_exact(self.channels).flat_map(|p| {
                let level = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
                if p.iter().all(|v| v.is_finite()) { rgb(p).map(level) } else { MAGENTA }
            });
            self.tiles.push(tile.collect());
        }
        Ok(self)
    }

    /// Adds images of bytes: N·H·W·C, channels last. [`Error::Shape`] where the length is no multiple of H·W·C.
    pub fn images_u8(mut self, pixels: &[u8]) -> Result<Self> {
        self.check(pixels.len())?;
        for image in pixels.chunks_exact(self.image_len()) {
            self.tiles.push(image.chunks_exact(self.channels).flat_map(rgb).collect());
        }
        Ok(self)
    }

    /// Adds the images of an array [N, H, W, C] of floats in [0, 1] or of bytes. [`Error::Shape`] where it is not of
    /// that shape and type.
    pub fn array(self, images: &Array) -> Result<Self> {
        let dims = images.shape.dims();
        if dims.len() != 4 || dims[1..] != [self.height, self.width, self.channels] {
            let wanted = format!("[N, {}, {}, {}]", self.height, self.width, self.channels);
            return Err(Error::shape("image grid", format!("images are {wanted}, not {}", images.shape)));
        }
        match &images.data {
            ArrayData::F32(pixels) => self.images(pixels),
            ArrayData::U8(pixels) => self.images_u8(pixels),
            ArrayData::U32(_) => Err(Error::shape("image grid", "images are F32 or U8, not U32")),
        }
    }

    /// Leaves the next `count` places empty.
    pub fn blank(mut self, count: usize) -> Self {
        self.tiles.extend(std::iter::repeat_n(Vec::new(), count));
        self
    }

    /// Leaves the rest of the current row empty.
    pub fn end_row(self) -> Self {
        let rest = self.tiles.len().next_multiple_of(self.columns) - self.tiles.len();
        self.blank(rest)
    }

    /// Puts a title above the grid.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Puts captions above the columns, from the first on.
    pub fn column_captions<S: Into<String>>(mut self, captions: impl IntoIterator<Item = S>) -> Self {
        self.column_captions = captions.into_iter().map(Into::into).collect();
        self
    }

    /// Puts captions to the left of the rows, from the first on.
    pub fn row_captions<S: Into<String>>(mut self, captions: impl IntoIterator<Item = S>) -> Self {
        self.row_captions = captions.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the space between images in pixels (4 unless told).
    pub fn padding(mut self, pixels: usize) -> Self {
        self.padding = pixels;
        self
    }

    /// Enlarges each pixel to `factor`×`factor` (at least 1; unless told, images come to about 96 pixels).
    pub fn scale(mut self, factor: usize) -> Self {
        self.scale = factor.max(1);
        self
    }

    /// Draws the grid. [`Error::Config`] where the picture would be absurdly large.
    pub fn render(&self) -> Result<Canvas> {
        let rows = self.tiles.len().div_ceil(self.columns);
        let widest = |captions: &[String]| captions.iter().map(|c| text_width(c, SMALL)).max().unwrap_or(0) as usize;
        let left = MARGIN + if self.row_captions.is_empty() { 0 } else { widest(&self.row_captions) + 10 };
        let title = if self.title.is_empty() { 0 } else { LARGE as usize + 12 };
        let captions = if self.column_captions.is_empty() { 0 } else { SMALL as usize + 6 };
        let top = MARGIN + title + captions;
        // Saturating: the canvas refuses what is too large.
        let pitch = |side: usize| side.saturating_mul(self.scale).saturating_add(self.padding);
        let extent = |count: usize, side: usize| pitch(side).saturating_mul(count).saturating_sub(self.padding);
        let grid_width = extent(self.columns, self.width);
        let title_width = text_width(&self.title, LARGE) as usize + MARGIN;
        let width = grid_width.saturating_add(left).max(title_width.min(left + 2000)).saturating_add(MARGIN);
        let height = extent(rows, self.height).saturating_add(top).saturating_add(MARGIN);
        let mut canvas = Canvas::new(width, height, WHITE)?;
        canvas.text(MARGIN as i64, MARGIN as i64, &self.title, LARGE, INK);
        let origin = |row: usize, column: usize| (left + column * pitch(self.width), top + row * pitch(self.height));
        for (column, caption) in self.column_captions.iter().take(self.columns).enumerate() {
            let (x, y) = origin(0, column);
            let centre = (x + self.width * self.scale / 2) as i64;
            canvas.text(centre - text_width(caption, SMALL) / 2, (y - captions) as i64, caption, SMALL, MUTED);
        }
        for (row, caption) in self.row_captions.iter().take(rows).enumerate() {
            let (x, y) = origin(row, 0);
            let middle = (y + self.height * self.scale / 2) as i64 - i64::from(SMALL) / 2;
            canvas.text(x as i64 - 10 - text_width(caption, SMALL), middle, caption, SMALL, MUTED);
        }
        for (k, tile) in self.tiles.iter().enumerate() {
            let (x, y) = origin(k / self.columns, k % self.columns);
            self.draw_tile(&mut canvas, x, y, tile);
        }
        Ok(canvas)
    }

    /// Writes the grid as PNG and creates the parent folders. [`Error::File`] where that fails.
    pub fn save(&self, path: impl AsRef<std::path::Path>) -> Result<()> {
        self.render()?.save(path)
    }

    fn draw_tile(&self, canvas: &mut Canvas, x0: usize, y0: usize, tile: &[u8]) {
        for y in 0..self.height * self.scale {
            for x in 0..self.width * self.scale {
                let at = (y / self.scale * self.width + x / self.scale) * 3;
                let color = tile.get(at..at + 3).map_or(EMPTY, |p| [p[0], p[1], p[2]]);
                canvas.blend((x0 + x) as i64, (y0 + y) as i64, color, 1.0);
            }
        }
    }

    fn image_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    fn check(&self, len: usize) -> Result<()> {
        if len.is_multiple_of(self.image_len()) {
            return Ok(());
        }
        let (h, w, c) = (self.height, self.width, self.channels);
        let message = format!("{len} values are no whole number of {h}×{w}×{c} images ({} values each)", h * w * c);
        Err(Error::shape("image grid", message))
    }
}

/// The three channels of a pixel; grey is repeated.
fn rgb<T: Copy>(pixel: &[T]) -> [T; 3] {
    if pixel.len() == 3 { [pixel[0], pixel[1], pixel[2]] } else { [pixel[0]; 3] }
}
