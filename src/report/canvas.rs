//! A small raster: anti-aliased lines, discs and text on an RGB image.

use crate::error::{Error, Result};
use font8x8::UnicodeFonts;
use image::{ImageFormat, Rgb, RgbImage};
use std::path::Path;

/// An sRGB colour.
pub type Color = [u8; 3];

/// Ten colours that stay apart under the common colour-vision deficiencies and in print.
///
/// From Petroff, "Accessible Color Sequences for Data Visualization", 2021 (arXiv:2107.02270), the
/// purple moved forward.
pub const PALETTE: [Color; 10] = [
    [63, 144, 218],
    [255, 169, 14],
    [189, 31, 1],
    [131, 45, 182],
    [148, 164, 162],
    [169, 107, 89],
    [231, 99, 0],
    [185, 172, 112],
    [113, 117, 129],
    [146, 218, 221],
];

pub(super) const WHITE: Color = [255, 255, 255];
pub(super) const INK: Color = [40, 44, 52];
pub(super) const MUTED: Color = [96, 102, 112];
pub(super) const GRID: Color = [226, 229, 234];

/// Text sizes in pixels: the font is 8×8, so these are ×1, ×1.5 and ×2.
pub(super) const SMALL: u32 = 12;
pub(super) const LARGE: u32 = 16;

/// The widest or highest picture that is drawn, in pixels.
pub(super) const MAX_SIDE: usize = 32_768;
const MAX_PIXELS: usize = 1 << 28;

/// An RGB image to draw on. Coordinates are pixels from the top left corner, pixel centres lie at `.5`, and what falls
/// outside is clipped.
#[derive(Clone, Debug)]
pub struct Canvas {
    image: RgbImage,
    clip: [i64; 4],
}

impl Canvas {
    /// A canvas filled with `background`. [`Error::Config`] where a side is 0 or the picture is absurdly large.
    pub fn new(width: usize, height: usize, background: Color) -> Result<Self> {
        let fits = (1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height) && width * height <= MAX_PIXELS;
        if !fits {
            return Err(Error::Config(format!(
                "a picture of {width}×{height} pixels cannot be drawn (sides from 1 to {MAX_SIDE}, at most {MAX_PIXELS} pixels); \
                 draw fewer tiles or a smaller scale"
            )));
        }
        let image = RgbImage::from_pixel(width as u32, height as u32, Rgb(background));
        Ok(Self { image, clip: [0, 0, width as i64, height as i64] })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.image.width() as usize
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.image.height() as usize
    }

    /// The picture.
    pub fn into_image(self) -> RgbImage {
        self.image
    }

    /// Limits drawing to the rectangle from (`x0`, `y0`) up to, not including, (`x1`, `y1`).
    pub(super) fn set_clip(&mut self, x0: i64, y0: i64, x1: i64, y1: i64) {
        self.clip = [x0.max(0), y0.max(0), x1.min(self.width() as i64), y1.min(self.height() as i64)];
    }

    /// Lifts the limit of [`Canvas::set_clip`].
    pub(super) fn clear_clip(&mut self) {
        self.clip = [0, 0, self.width() as i64, self.height() as i64];
    }

    /// Mixes `color` into one pixel with weight `alpha` in [0, 1].
    pub fn blend(&mut self, x: i64, y: i64, color: Color, alpha: f64) {
        let [x0, y0, x1, y1] = self.clip;
        if x < x0 || y < y0 || x >= x1 || y >= y1 || alpha.is_nan() {
            return;
        }
        let alpha = alpha.clamp(0.0, 1.0);
        let pixel = self.image.get_pixel_mut(x as u32, y as u32);
        for (old, new) in pixel.0.iter_mut().zip(color) {
            *old = (f64::from(*old) * (1.0 - alpha) + f64::from(new) * alpha).round() as u8;
        }
    }

    /// Fills the rectangle between two corners; fractional edges are anti-aliased.
    pub fn rect(&mut self, from: [f64; 2], to: [f64; 2], color: Color, alpha: f64) {
        let [x0, x1] = [from[0].min(to[0]), from[0].max(to[0])];
        let [y0, y1] = [from[1].min(to[1]), from[1].max(to[1])];
        let overlap = |k: i64, lo: f64, hi: f64| ((k + 1) as f64).min(hi) - (k as f64).max(lo);
        self.each(x0, y0, x1, y1, |x, y| alpha * overlap(x, x0, x1).max(0.0) * overlap(y, y0, y1).max(0.0), color);
    }

    /// Draws a line with round ends.
    pub fn segment(&mut self, a: [f64; 2], b: [f64; 2], width: f64, color: Color, alpha: f64) {
        let bound = |v: f64| v.clamp(-1e6, 1e6); // keeps the arithmetic below exact enough for far outliers
        let (a, b) = (a.map(bound), b.map(bound));
        let half = width / 2.0;
        let d = [b[0] - a[0], b[1] - a[1]];
        let len2 = d[0] * d[0] + d[1] * d[1];
        let pad = half + 1.0;
        let coverage = |x: i64, y: i64| {
            let p = [x as f64 + 0.5 - a[0], y as f64 + 0.5 - a[1]];
            let t = if len2 > 0.0 { ((p[0] * d[0] + p[1] * d[1]) / len2).clamp(0.0, 1.0) } else { 0.0 };
            let dist = (p[0] - t * d[0]).hypot(p[1] - t * d[1]);
            alpha * (half + 0.5 - dist).clamp(0.0, 1.0)
        };
        let [x0, x1] = [a[0].min(b[0]) - pad, a[0].max(b[0]) + pad];
        let [y0, y1] = [a[1].min(b[1]) - pad, a[1].max(b[1]) + pad];
        self.each(x0, y0, x1, y1, coverage, color);
    }

    /// Fills a disc.
    pub fn disc(&mut self, centre: [f64; 2], radius: f64, color: Color, alpha: f64) {
        self.segment(centre, centre, 2.0 * radius, color, alpha);
    }

    /// Blends every pixel that meets the rectangle with the weight that `alpha` gives it.
    fn each(&mut self, x0: f64, y0: f64, x1: f64, y1: f64, alpha: impl Fn(i64, i64) -> f64, color: Color) {
        let clip = self.clip.map(|v| v as f64);
        let columns = x0.floor().max(clip[0]) as i64..x1.ceil().min(clip[2]) as i64;
        for y in y0.floor().max(clip[1]) as i64..y1.ceil().min(clip[3]) as i64 {
            for x in columns.clone() {
                let a = alpha(x, y);
                if a > 0.0 {
                    self.blend(x, y, color, a);
                }
            }
        }
    }

    /// Writes one line of text whose top left corner is (`x`, `y`), `size` pixels high.
    pub fn text(&mut self, x: i64, y: i64, text: &str, size: u32, color: Color) {
        self.glyphs(text, size, |canvas, u, v, alpha| canvas.blend(x + u, y + v, color, alpha));
    }

    /// Writes one line of text that reads upwards; its first letter's top left corner is (`x`, `y`), the bottom left
    /// corner of the turned line.
    pub fn text_up(&mut self, x: i64, y: i64, text: &str, size: u32, color: Color) {
        self.glyphs(text, size, |canvas, u, v, alpha| canvas.blend(x + v, y - 1 - u, color, alpha));
    }

    fn glyphs(&mut self, text: &str, size: u32, mut put: impl FnMut(&mut Self, i64, i64, f64)) {
        for (k, c) in text.chars().enumerate() {
            let origin = k as i64 * i64::from(advance(size));
            if origin > MAX_SIDE as i64 {
                break;
            }
            let mask = glyph(c, size);
            for (i, &alpha) in mask.iter().enumerate().filter(|(_, a)| **a > 0.0) {
                put(self, origin + (i % size as usize) as i64, (i / size as usize) as i64, alpha);
            }
        }
    }

    /// Writes the picture as PNG and creates the parent folders. [`Error::File`] where that fails.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent)
                .map_err(|e| Error::file(parent, format!("cannot create the folder for a picture: {e}")))?;
        }
        self.image
            .save_with_format(path, ImageFormat::Png)
            .map_err(|e| Error::file(path, format!("cannot write the picture: {e}")))
    }
}

/// Pixels from one letter to the next. The font leaves the last of its eight columns empty, so letters may close up.
fn advance(size: u32) -> u32 {
    size - size / 8
}

/// Width in pixels of a line of text.
pub(super) fn text_width(text: &str, size: u32) -> i64 {
    text.chars().count() as i64 * i64::from(advance(size))
}

/// Coverage of the letter's `size`×`size` pixels: the 8×8 bitmap, its diagonals smoothed by three rounds of Scale2x
/// (Mazzoleni, 2001), averaged down to the size asked for.
fn glyph(c: char, size: u32) -> Vec<f64> {
    let rows = bitmap(c);
    let mut bits: Vec<bool> = (0..64).map(|i| rows[i / 8] >> (i % 8) & 1 == 1).collect();
    let mut side = 8;
    if size > 8 {
        for _ in 0..3 {
            bits = scale2x(&bits, side);
            side *= 2;
        }
    }
    let (n, scale) = (size as usize, side as f64 / f64::from(size));
    // Weight of source cell k under target cell i, along one axis.
    let weight = |i: usize, k: usize| {
        let (lo, hi) = (i as f64 * scale, (i + 1) as f64 * scale);
        (hi.min((k + 1) as f64) - lo.max(k as f64)).max(0.0) / scale
    };
    let mut rows = vec![0.0; side * n];
    for (k, _) in bits.iter().enumerate().filter(|(_, on)| **on) {
        for i in 0..n {
            rows[k / side * n + i] += weight(i, k % side);
        }
    }
    let mut out = vec![0.0; n * n];
    for k in 0..side {
        for j in 0..n {
            let w = weight(j, k);
            if w > 0.0 {
                for i in 0..n {
                    out[j * n + i] += w * rows[k * n + i];
                }
            }
        }
    }
    out
}

fn bitmap(c: char) -> [u8; 8] {
    let c = match c {
        // Serifs make the font's K an X once it is smoothed, and its slashed zero is heavy in tick labels.
        'K' => return [0x63, 0x33, 0x1b, 0x0f, 0x1b, 0x33, 0x63, 0],
        '0' => return [0x1c, 0x36, 0x63, 0x63, 0x63, 0x36, 0x1c, 0],
        '−' | '–' | '—' | '‐' => '-',
        '’' | '‘' => '\'',
        '“' | '”' => '"',
        '→' => '>',
        _ => c,
    };
    let found =
        font8x8::BASIC_FONTS.get(c).or_else(|| font8x8::LATIN_FONTS.get(c)).or_else(|| font8x8::GREEK_FONTS.get(c));
    found.or_else(|| font8x8::BASIC_FONTS.get('?')).unwrap_or_default()
}

fn scale2x(bits: &[bool], side: usize) -> Vec<bool> {
    let at = |x: isize, y: isize| {
        (0..side as isize).contains(&x) && (0..side as isize).contains(&y) && bits[y as usize * side + x as usize]
    };
    let mut out = vec![false; 4 * side * side];
    for y in 0..side as isize {
        for x in 0..side as isize {
            let (up, left, right, down) = (at(x, y - 1), at(x - 1, y), at(x + 1, y), at(x, y + 1));
            let corner = |a: bool, b: bool| if a == b && up != down && left != right { a } else { at(x, y) };
            let o = 2 * y as usize * 2 * side + 2 * x as usize;
            out[o] = corner(left, up);
            out[o + 1] = corner(up, right);
            out[o + 2 * side] = corner(left, down);
            out[o + 2 * side + 1] = corner(down, right);
        }
    }
    out
}
