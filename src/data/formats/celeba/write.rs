//! Writing a set as a CelebA folder.

use crate::data::images::{ImageSet, Split};
use crate::error::{Error, Result};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use rayon::prelude::*;
use std::fmt::Write as _;
use std::path::Path;

const WIDTH: u32 = 178;
const HEIGHT: u32 = 218;
/// The usual crop: the images fill it, and their edges go on to the border.
const CROP: u32 = 148;
const QUALITY: u8 = 97;

/// Writes `set` as `dir/img_align_celeba/000001.jpg …` (178×218 JPEG files whose central 148×148 hold the images),
/// `dir/list_attr_celeba.txt` and `dir/list_eval_partition.txt`, laid out as CelebA's own.
///
/// # Errors
/// When the images are not square RGB or have no attributes, when `dir/img_align_celeba` already holds something (so
/// that no data set is ever overwritten or mixed), or when a file cannot be written.
pub fn write_celeba(dir: impl AsRef<Path>, set: &ImageSet) -> Result<()> {
    let dir = dir.as_ref();
    if set.height != set.width || set.channels != 3 || set.attribute_names.is_empty() {
        let message = "only square RGB images with attributes can be written as a CelebA folder";
        return Err(Error::Config(message.into()));
    }
    let images = dir.join("img_align_celeba");
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |e: std::io::Error| Error::file(path, format!("cannot be written: {e}"))
    };
    std::fs::create_dir_all(&images).map_err(failed(&images))?;
    if std::fs::read_dir(&images).map_err(failed(&images))?.next().is_some() {
        return Err(Error::file(&images, "is not empty; choose another folder"));
    }
    (0..set.len()).into_par_iter().try_for_each(|i| {
        let path = images.join(name(i));
        std::fs::write(&path, encode(set, i)?).map_err(failed(&path))
    })?;
    let (mut attributes, mut partition) = (format!("{}\n", set.len()), String::new());
    attributes += &(set.attribute_names.join(" ") + " \n");
    for i in 0..set.len() {
        attributes += &name(i);
        for value in set.attribute_row(i) {
            let _ = write!(attributes, " {value:>2}"); // a String never fails
        }
        attributes.push('\n');
        let split = match set.split[i] {
            Split::Train => 0,
            Split::Valid => 1,
            Split::Test => 2,
        };
        let _ = writeln!(partition, "{} {split}", name(i));
    }
    for (file, text) in [("list_attr_celeba.txt", attributes), ("list_eval_partition.txt", partition)] {
        let path = dir.join(file);
        std::fs::write(&path, text).map_err(failed(&path))?;
    }
    Ok(())
}

/// CelebA counts from 1.
fn name(i: usize) -> String {
    format!("{:06}.jpg", i + 1)
}

fn encode(set: &ImageSet, i: usize) -> Result<Vec<u8>> {
    let (size, pixels) = (set.width as u32, set.image(i).to_vec());
    let Some(image) = RgbImage::from_raw(size, size, pixels) else {
        return Err(Error::shape("write_celeba", format!("image {i} has not {size}×{size}×3 bytes")));
    };
    let image = if size == CROP { image } else { imageops::resize(&image, CROP, CROP, FilterType::CatmullRom) };
    let inside = |v: u32, whole: u32| v.saturating_sub((whole - CROP) / 2).min(CROP - 1);
    let framed: RgbImage =
        RgbImage::from_fn(WIDTH, HEIGHT, |x, y| -> Rgb<u8> { *image.get_pixel(inside(x, WIDTH), inside(y, HEIGHT)) });
    let mut bytes = vec![];
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .encode_image(&framed)
        .map_err(|e| Error::Config(format!("image {i} cannot be written as JPEG: {e}")))?;
    Ok(bytes)
}
