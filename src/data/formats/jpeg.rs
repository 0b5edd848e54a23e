//! Reading JPEG pictures without being fooled by broken ones. The decoder underneath fills what a truncated file lacks
//! with gray and calls it a success, so the file's structure is walked first.

use crate::error::{Error, Result};
use image::imageops::{self, FilterType};
use image::{ImageFormat, RgbImage};
use std::path::Path;

/// Whether `bytes` are a whole JPEG file as far as its markers tell (ITU-T T.81, annex B): every segment lies inside
/// the file, there is a frame, every scan's entropy-coded data ends at a marker, and the last one at the end of the
/// image. Progressive files (several scans), restart markers, stuffed and fill bytes are fine, and so is whatever
/// follows the end of the image.
///
/// # Errors
/// What is wrong, in words, for [`Error::File`].
pub fn check_jpeg(bytes: &[u8]) -> Result<(), String> {
    const CUT: &str = "truncated JPEG: the file ends";
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return Err(if bytes.is_empty() { "the file is empty" } else { "not a JPEG file" }.into());
    }
    let (mut at, mut frame, mut scan) = (2, false, false);
    loop {
        let start = at;
        while bytes.get(at) == Some(&0xff) {
            at += 1;
        }
        let Some(&marker) = bytes.get(at) else { return Err(format!("{CUT} where a marker should follow")) };
        if at == start || marker == 0 {
            return Err(format!("damaged JPEG: no marker at byte {start}"));
        }
        at += 1;
        match marker {
            0xd9 if frame && scan => return Ok(()),
            0xd9 => return Err("damaged JPEG: it ends before any picture".into()),
            0x01 | 0xd0..=0xd8 => continue, // stand alone
            _ => {}
        }
        let Some(&[high, low]) = bytes.get(at..at + 2) else { return Err(format!("{CUT} inside a segment's length")) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < 2 {
            return Err(format!("damaged JPEG: a segment of length {length} at byte {at}"));
        }
        at += length;
        if at > bytes.len() {
            return Err(format!("{CUT} {} bytes before a segment does", at - bytes.len()));
        }
        frame |= matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
        if marker == 0xda {
            scan = true;
            at = end_of_scan(bytes, at).ok_or_else(|| format!("{CUT} inside the picture"))?;
        }
    }
}

/// The first marker from `at` on that is neither a stuffed byte nor a restart.
fn end_of_scan(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += bytes.get(at..)?.iter().position(|&b| b == 0xff)?;
        match bytes.get(at + 1)? {
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Some(at),
        }
    }
}

/// The central `crop` × `crop` square of the JPEG file `path`, resized to `size` × `size` RGB bytes by a triangle
/// filter as wide as the reduction asks for (so that nothing aliases).
///
/// # Errors
/// An [`Error::File`] that names the file when it cannot be read, is no whole JPEG, or is smaller than the crop.
pub fn read_jpeg(path: &Path, crop: usize, size: usize) -> Result<Vec<u8>> {
    let bad = |message: String| Error::file(path, message + "; replace the file, or pass --skip-bad to leave it out");
    let bytes = std::fs::read(path).map_err(|e| bad(format!("cannot be read: {e}")))?;
    check_jpeg(&bytes).map_err(bad)?;
    // A decoder should not panic on any file; if it does, that is a bad file and not the end of the program.
    let decoded = std::panic::catch_unwind(|| image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg));
    let picture = match decoded {
        Ok(Ok(picture)) => picture.into_rgb8(),
        Ok(Err(e)) => return Err(bad(format!("damaged JPEG: {e}"))),
        Err(_) => return Err(bad("damaged JPEG: the decoder gave up".into())),
    };
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if width < crop || height < crop {
        return Err(bad(format!("{width}×{height} pixels are less than the crop of {crop}×{crop}")));
    }
    Ok(crop_and_resize(&picture, crop, size).into_raw())
}

/// The central `crop` × `crop` square at `size` × `size`. The picture must not be smaller than the crop.
pub(super) fn crop_and_resize(picture: &RgbImage, crop: usize, size: usize) -> RgbImage {
    let (left, top) = ((picture.width() - crop as u32) / 2, (picture.height() - crop as u32) / 2);
    let square = imageops::crop_imm(picture, left, top, crop as u32, crop as u32).to_image();
    if crop == size { square } else { imageops::resize(&square, size as u32, size as u32, FilterType::Triangle) }
}
