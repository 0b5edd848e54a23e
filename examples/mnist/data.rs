//! Digits to train and to evaluate on.

use crate::args::Args;
use wavae::data::{ImageSet, Split, load_idx, synthetic_digits};
use wavae::train::Source;
use wavae::{Device, Error, Result};

/// Synthetic digits where --images does not say.
const SYNTHETIC: u32 = 30_000;
/// Most images of each held-out split that figures are computed on.
const HELD_OUT: usize = 5000;
/// Training images whose codes are the neighbours that a class is read from.
const NEIGHBOURS: usize = 5000;

/// Where training batches come from, and three sets in memory.
pub struct Digits {
    /// Training batches.
    pub source: Source,
    /// Part of the training images.
    pub known: ImageSet,
    /// For validation during training.
    pub valid: ImageSet,
    /// For the final figures and pictures.
    pub test: ImageSet,
    /// Where they come from, in words.
    pub origin: String,
}

/// Opens --data, or draws synthetic digits.
pub fn open(args: &Args, device: &Device) -> Result<Digits> {
    let (all, place) = match &args.data {
        Some(folder) => (load_idx(folder, 0)?, format!("images of {}", folder.display())),
        None => {
            let count = args.images.unwrap_or(SYNTHETIC);
            (synthetic_digits(count as usize, args.seed)?, "synthetic digits".to_string())
        }
    };
    let [mut train, valid, test] = split(&all);
    if args.data.is_some() {
        train.truncate(args.images.map_or(usize::MAX, |n| n as usize));
    }
    if valid.is_empty() || test.is_empty() {
        return Err(Error::Config(format!("{} {place} are too few to hold some out; give at least 20", all.len())));
    }
    let origin = format!("{} {place}, {} for training", all.len(), train.len());
    let part = |indices: &[usize], most: usize| all.subset(&indices[..most.min(indices.len())]);
    let (known, valid, test) = (part(&train, NEIGHBOURS), part(&valid, HELD_OUT), part(&test, HELD_OUT));
    let source = Source::of(all.subset(&train), device, 1);
    Ok(Digits { source, known, valid, test, origin })
}

/// Images to train, validate and test on. Where a set has no part of its own for one, it is the last tenth of what is
/// left for training.
fn split(all: &ImageSet) -> [Vec<usize>; 3] {
    let mut train = all.indices(Split::Train);
    let [valid, test] = [Split::Valid, Split::Test].map(|part| {
        let own = all.indices(part);
        if own.is_empty() { train.split_off(train.len() - train.len() / 10) } else { own }
    });
    [train, valid, test]
}
