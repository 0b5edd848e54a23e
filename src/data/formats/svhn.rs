//! Street View House Numbers (Netzer, Wang, Coates, Bissacco, Wu and Ng, 2011), cropped digits: `train_32x32.mat` and
//! `test_32x32.mat`.

use super::hold_out;
use super::mat::{MatArray, read_mat};
use crate::data::dataset::Dataset;
use crate::data::images::Split;
use crate::error::{Error, Result};
use crate::tensor::Array;
use std::path::Path;

/// Loads the folder with `train_32x32.mat` and `test_32x32.mat` (may be missing): `x` `U8` [N, 32, 32, 3], `label` 0 to 9. The
/// last `valid` training images are in [`Split::Valid`]; without a number a tenth, or 10,000 of 50,000 or more.
///
/// # Errors
/// [`Error::File`] when the training file is missing, or a file is damaged, holds no `X` (bytes, 32×32×3×N) and `y` (N numbers
/// from 1 to 10), or they differ in N; [`Error::Config`] when `valid` leaves nothing to train on.
pub fn load_svhn(dir: impl AsRef<Path>, valid: Option<usize>) -> Result<Dataset> {
    let dir = dir.as_ref();
    let train = dir.join("train_32x32.mat");
    if !train.is_file() {
        return Err(Error::file(train, "no such file; give the folder that holds train_32x32.mat"));
    }
    let (mut pixels, mut labels) = part(&train)?;
    let mut split = vec![Split::Train; labels.len()];
    let test = dir.join("test_32x32.mat");
    if test.is_file() {
        let (more, classes) = part(&test)?;
        pixels.extend(more);
        labels.extend(classes);
        split.resize(labels.len(), Split::Test);
    }
    let mut set = Dataset::new("x", Array::u8([labels.len(), 32, 32, 3], pixels)?)?.with_labels(labels, 10)?;
    set.split = split;
    hold_out(&mut set, valid)?;
    Ok(set)
}

/// Images [N, 32, 32, 3] and labels of one file.
fn part(path: &Path) -> Result<(Vec<u8>, Vec<u32>)> {
    let fail = |message: String| Error::file(path, message);
    let mut arrays = read_mat(path)?;
    let mut take = |name: &str| -> Result<MatArray> {
        let found = arrays.iter().position(|array| array.name == name);
        Ok(arrays.swap_remove(found.ok_or_else(|| fail(format!("holds no array {name}; is this SVHN?")))?))
    };
    let (x, y) = (take("X")?, take("y")?);
    let dims = x.dims.clone();
    let wrong = || fail(format!("X is {dims:?} and should be bytes of [32, 32, 3, N]"));
    // A single image has lost its last axis.
    let n = match dims[..] {
        [32, 32, 3, n] if n > 0 => n,
        [32, 32, 3] => 1,
        _ => return Err(wrong()),
    };
    let planes = x.bytes().ok_or_else(wrong)?;
    let labels = y.floats().filter(|labels| labels.len() == n);
    let labels = labels.ok_or_else(|| fail(format!("y is {:?} for {n} images", y.dims)))?;
    let class = |(k, &label): (usize, &f64)| match label {
        l if l.fract() == 0.0 && (1.0..=10.0).contains(&l) => Ok(l as u32 % 10), // 10 stands for the digit 0
        _ => Err(fail(format!("image {k} has the label {label}, which is not 1 to 10"))),
    };
    let labels = labels.iter().enumerate().map(class).collect::<Result<Vec<u32>>>()?;
    let mut pixels = vec![0; planes.len()];
    for (image, planes) in pixels.chunks_exact_mut(3072).zip(planes.chunks_exact(3072)) {
        for (k, byte) in image.iter_mut().enumerate() {
            let (row, column, channel) = (k / 96, k / 3 % 32, k % 3);
            *byte = planes[row + 32 * (column + 32 * channel)]; // the first axis, rows, changes fastest
        }
    }
    Ok((pixels, labels))
}
