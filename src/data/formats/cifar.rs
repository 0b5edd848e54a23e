//! CIFAR-10 (Krizhevsky, 2009), binary version: records of a label and 32×32 planes of red, green, blue.

use super::{hold_out, read};
use crate::data::dataset::Dataset;
use crate::data::images::Split;
use crate::error::{Error, Result};
use crate::tensor::Array;
use std::path::Path;

const PLANE: usize = 32 * 32;
const RECORD: usize = 1 + 3 * PLANE;
const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Loads the folder with `data_batch_1.bin` … `data_batch_5.bin` (those that are there; `cifar-10-batches-bin` inside is
/// found) and `test_batch.bin` (may be missing): `x` `U8` [N, 32, 32, 3] and `label`. The last `valid` training images are
/// in [`Split::Valid`]; without a number a tenth, or 10,000 of 50,000.
///
/// # Errors
/// [`Error::File`] when there is no batch, a file is no whole number of records, or a label is above 9; [`Error::Config`] when
/// `valid` leaves nothing to train on.
pub fn load_cifar10(dir: impl AsRef<Path>, valid: Option<usize>) -> Result<Dataset> {
    let dir = dir.as_ref();
    let inner = dir.join("cifar-10-batches-bin");
    let dir = if inner.is_dir() { &inner } else { dir };
    let (mut pixels, mut labels, mut split) = (vec![], vec![], vec![]);
    for k in 1..=5 {
        let path = dir.join(format!("data_batch_{k}.bin"));
        if path.is_file() {
            batch(&path, &mut pixels, &mut labels)?;
        }
    }
    if labels.is_empty() {
        let message =
            "no such file; give the folder that holds data_batch_1.bin … data_batch_5.bin (the binary version)";
        return Err(Error::file(dir.join("data_batch_1.bin"), message));
    }
    split.resize(labels.len(), Split::Train);
    let test = dir.join("test_batch.bin");
    if test.is_file() {
        batch(&test, &mut pixels, &mut labels)?;
        split.resize(labels.len(), Split::Test);
    }
    let mut set = Dataset::new("x", Array::u8([labels.len(), 32, 32, 3], pixels)?)?.with_labels(labels, 10)?;
    set.class_names = CLASSES.map(String::from).to_vec();
    set.split = split;
    hold_out(&mut set, valid)?;
    Ok(set)
}

fn batch(path: &Path, pixels: &mut Vec<u8>, labels: &mut Vec<u32>) -> Result<()> {
    let bytes = read(path)?;
    if bytes.is_empty() || !bytes.len().is_multiple_of(RECORD) {
        let message = format!("{} bytes are no whole number of records of {RECORD}; fetch the file again", bytes.len());
        return Err(Error::file(path, message));
    }
    for (k, record) in bytes.chunks_exact(RECORD).enumerate() {
        if record[0] > 9 {
            return Err(Error::file(path, format!("record {k} has the label {}, above 9: not CIFAR-10", record[0])));
        }
        labels.push(record[0].into());
        pixels.extend((0..PLANE).flat_map(|p| [0, 1, 2].map(|c| record[1 + c * PLANE + p])));
    }
    Ok(())
}
