//! Folders of pictures: any tree of PNG and JPEG files.

use super::jpeg::{check_jpeg, crop_and_resize};
use super::{classes, files, read, spread};
use crate::data::dataset::Dataset;
use crate::data::synthetic::split;
use crate::error::{Error, Result};
use crate::tensor::Array;
use rayon::prelude::*;
use std::path::Path;

/// Loads all `.png`, `.jpg` and `.jpeg` files below a folder, in the order of their paths: `x` `U8` [N, side, side, 3], the central
/// square of each, resized; `label`, the first folder on the way, where every file is in one. Every tenth file but one is in
/// [`Split::Valid`](crate::data::Split::Valid), every tenth in [`Split::Test`](crate::data::Split::Test); `count` keeps so many
/// files, evenly spread.
///
/// # Errors
/// [`Error::File`] when there is no picture, or one is damaged; [`Error::Config`] for a side that is not in 1..=4096.
pub fn load_folder(dir: impl AsRef<Path>, side: usize, count: Option<usize>) -> Result<Dataset> {
    let dir = dir.as_ref();
    if !(1..=4096).contains(&side) {
        return Err(Error::Config(format!("pictures of {side} pixels: choose a side from 1 to 4096")));
    }
    let all = files(dir, &["png", "jpg", "jpeg"])?;
    let files: Vec<_> = spread(all.len(), count).into_iter().map(|k| all[k].clone()).collect();
    let pictures = files.par_iter().map(|file| picture(file, side)).collect::<Result<Vec<_>>>()?;
    let n = files.len();
    let mut set = Dataset::new("x", Array::u8([n, side, side, 3], pictures.concat())?)?;
    let (names, labels) = classes(dir, &files);
    if !names.is_empty() {
        set = set.with_labels(labels, names.len())?;
        set.class_names = names;
    }
    Ok(split(set))
}

/// The central square of a picture at `side`² RGB bytes.
fn picture(path: &Path, side: usize) -> Result<Vec<u8>> {
    let bad = |message: String| Error::file(path, message);
    let bytes = read(path)?;
    if bytes.starts_with(&[0xff, 0xd8]) {
        check_jpeg(&bytes).map_err(bad)?;
    }
    // A decoder should not panic on any file; if it does, that is a bad file and not the end of the program.
    let decoded = std::panic::catch_unwind(|| image::load_from_memory(&bytes));
    let picture = match decoded {
        Ok(Ok(picture)) => picture.into_rgb8(),
        Ok(Err(e)) => return Err(bad(format!("damaged picture: {e}"))),
        Err(_) => return Err(bad("damaged picture: the decoder gave up".into())),
    };
    let crop = picture.width().min(picture.height()) as usize;
    if crop == 0 {
        return Err(bad("a picture without pixels".into()));
    }
    Ok(crop_and_resize(&picture, crop, side).into_raw())
}
