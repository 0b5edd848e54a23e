//! Files that others wrote, read into [`Dataset`] or [`ImageSet`](super::ImageSet). A bad file is one error that names it,
//! and no header is trusted with an allocation.

pub mod celeba;
pub mod cifar;
pub mod csv;
pub mod folder;
pub mod idx;
pub mod jpeg;
mod mat;
pub mod npy;
pub mod quickdraw;
pub mod svhn;
pub mod text;
pub mod wav;

use super::dataset::Dataset;
use super::images::Split;
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// The whole of a file.
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| Error::file(path, format!("cannot be read: {e}")))
}

/// The text of a file, without a byte order mark.
fn read_text(path: &Path) -> Result<String> {
    let text = String::from_utf8(read(path)?).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        Error::file(path, format!("line {line} is not UTF-8; convert the file"))
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))
}

/// `path` itself where it is a file, else the files below it that end in one of `extensions` (in lower case), in the order
/// of their names. Hidden ones are left out.
fn files(path: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.into()]);
    }
    let (mut found, mut folders) = (vec![], vec![path.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let cannot = |e: std::io::Error| Error::file(&folder, format!("cannot be listed: {e}"));
        for entry in std::fs::read_dir(&folder).map_err(cannot)? {
            let entry = entry.map_err(cannot)?.path();
            let ends = entry.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
            if entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            } else if entry.is_dir() {
                folders.push(entry);
            } else if extensions.contains(&ends.as_str()) {
                found.push(entry);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(Error::file(path, format!("holds no file that ends in .{}", extensions.join(", ."))));
    }
    Ok(found)
}

/// The classes of files below `root`: the names of the first folders on the way, sorted, and for each file which one. Empty
/// where a file lies in `root` itself.
fn classes(root: &Path, files: &[PathBuf]) -> (Vec<String>, Vec<u32>) {
    let class = |file: &PathBuf| {
        let mut parts = file.strip_prefix(root).ok()?.components();
        let first = parts.next()?.as_os_str().to_string_lossy().into_owned();
        parts.next().map(|_| first)
    };
    let Some(each) = files.iter().map(class).collect::<Option<Vec<String>>>() else { return (vec![], vec![]) };
    let mut names = each.clone();
    names.sort();
    names.dedup();
    let labels = each.iter().map(|name| names.partition_point(|known| known < name) as u32).collect();
    (names, labels)
}

/// `count` places evenly spread over `0..n`; all of them where there are not more.
pub(super) fn spread(n: usize, count: Option<usize>) -> Vec<usize> {
    let count = count.unwrap_or(n).min(n);
    (0..count).map(|k| k * n / count).collect()
}

/// Moves the last `valid` examples of the training part to the validation part: unless told, 10,000 of 50,000 or more (as
/// is usual for MNIST), else a tenth.
pub(super) fn hold_out(set: &mut Dataset, valid: Option<usize>) -> Result<()> {
    let train = set.indices(Split::Train);
    let valid = valid.unwrap_or(if train.len() >= 50_000 { 10_000 } else { train.len() / 10 });
    if valid >= train.len() {
        let message = format!("{valid} validation examples leave none of {} to train on", train.len());
        return Err(Error::Config(message));
    }
    train[train.len() - valid..].iter().for_each(|&i| set.split[i] = Split::Valid);
    Ok(())
}

/// Shifts and scales each channel (the last axis, `channels` long) of `values` to mean 0 and variance 1 over the elements
/// that `train` says are to be learned from, and yields their means and deviations. A channel that never changes is only
/// shifted: its deviation is 1.
fn normalize(values: &mut [f32], channels: usize, train: impl Fn(usize) -> bool) -> Vec<[f64; 2]> {
    let mut scale = vec![];
    for c in 0..channels {
        let seen = || {
            values.iter().enumerate().skip(c).step_by(channels).filter(|(k, _)| train(*k)).map(|(_, v)| f64::from(*v))
        };
        let n = seen().count().max(1) as f64;
        let mean = seen().sum::<f64>() / n;
        let deviation = (seen().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        let deviation = if deviation > 1e-12 * mean.abs().max(1e-30) { deviation } else { 1.0 };
        values.iter_mut().skip(c).step_by(channels).for_each(|v| *v = ((f64::from(*v) - mean) / deviation) as f32);
        scale.push([mean, deviation]);
    }
    scale
}
