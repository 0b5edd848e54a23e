//! The examples of a recipe.

pub(super) mod labels;
mod record;
mod views;

use crate::data::{Dataset, Options, Reading, Split, open};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use views::{bags, bits, halves};

pub use record::DataRecord;

/// What becomes of the numbers of `x`, as probabilities of a 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binarize {
    /// They stay.
    #[default]
    None,
    /// Bits are drawn once.
    Fixed,
    /// Bits are drawn anew each time they are read.
    Dynamic,
}

/// Which examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// A set's name. Without a folder it is the embedded one, which is drawn; with one, the real one.
    pub set: String,
    /// The most examples to train on.
    pub train: usize,
    /// The most examples to validate on; of files that set none apart they are taken from those to train on.
    #[serde(default = "held_out")]
    pub valid: usize,
    /// The most examples for the figure.
    #[serde(default = "held_out")]
    pub test: usize,
    /// Fixes the embedded set and fixed bits.
    #[serde(default)]
    pub seed: u64,
    /// Pixels as bits.
    #[serde(default)]
    pub binarize: Binarize,
    /// Labels that training may look at, as many of each class; 0 for all.
    #[serde(default)]
    pub labels: usize,
    /// Where only some examples have a label, these are repeated until they are this share of a pass.
    #[serde(default = "labelled_share")]
    pub labelled_share: f64,
    /// Whether images are two modalities: the columns `upper` and `lower`, a half each, in place of `x`.
    #[serde(default)]
    pub halves: bool,
    /// Whether sentences are bags of words: `x` counts how often each word of the vocabulary is in them.
    #[serde(default)]
    pub bags: bool,
    /// Pixels of a side, where the set can be had in several sizes; 0 for its usual one.
    #[serde(default)]
    pub side: usize,
    /// Steps of a window or a sentence, where the set can be had in several lengths; 0 for its usual one.
    #[serde(default)]
    pub steps: usize,
}

fn held_out() -> usize {
    1000
}

fn labelled_share() -> f64 {
    0.25
}

/// A data set in its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Splits {
    /// To fit on.
    pub train: Dataset,
    /// To watch.
    pub valid: Dataset,
    /// To report on.
    pub test: Dataset,
    /// How their files became numbers.
    pub reading: Reading,
    /// A checksum of all examples, by which the same files are known at another place.
    pub digest: u32,
}

/// The first `count` examples, or as many as there are.
pub(super) fn first(set: &Dataset, count: usize) -> Dataset {
    set.subset(&(0..count.min(set.len())).collect::<Vec<_>>())
}

/// `count` examples from all over the set, or as many as there are: files are often sorted by class.
pub(super) fn from_all_over(set: &Dataset, count: usize) -> Dataset {
    set.subset(&evenly(&(0..set.len()).collect::<Vec<_>>(), count))
}

fn evenly(indices: &[usize], most: usize) -> Vec<usize> {
    let count = most.min(indices.len());
    (0..count).map(|k| indices[k * indices.len() / count]).collect()
}

/// `count` examples, from the first on, over and over.
pub(super) fn repeated(set: &Dataset, count: usize) -> Dataset {
    set.subset(&(0..count).map(|i| i % set.len()).collect::<Vec<_>>())
}

impl DataSpec {
    /// The examples: of the folder `folder` or drawn.
    ///
    /// # Errors
    /// An unknown set, files that are missing or broken, too few examples.
    pub fn open(&self, folder: Option<&Path>) -> Result<Splits> {
        self.parts(folder, How::First)
    }

    /// The same examples again, by the numbers that `record` says they had.
    ///
    /// # Errors
    /// As [`DataSpec::open`]; files that are no longer there.
    pub fn open_again(&self, record: &DataRecord) -> Result<Splits> {
        match &record.folder {
            Some(folder) if !folder.exists() => {
                Err(Error::file(folder, "the run's data are no longer there; say where they are now by --data"))
            }
            folder => self.parts(folder.as_deref(), How::Again(record)),
        }
    }

    /// The examples of `folder` by the numbers and in the shapes of `record`: those of the run where they are the same, at another
    /// place, else all of them to report on, or those that the set itself has for that. Beside these the run's own to train on,
    /// where they are still there; and whether they are others.
    ///
    /// # Errors
    /// As [`DataSpec::open`]; classes, channels or shapes that the record lacks.
    pub fn open_other(&self, folder: &Path, record: &DataRecord) -> Result<(Splits, bool)> {
        if let Ok(again) = self.parts(Some(folder), How::Again(record))
            && again.digest == record.digest
        {
            return Ok((again, false));
        }
        let (all, reading, digest) = self.all(Some(folder), How::Other(record))?;
        record.fits(&all).map_err(|e| Error::file(folder, e))?;
        let own = if OWN_TEST.contains(&self.set.as_str()) { all.indices(Split::Test) } else { vec![] };
        let test = if own.is_empty() { all } else { all.subset(&own) };
        let test = if self.binarize == Binarize::Fixed { bits(test, self.seed)? } else { test };
        let test = if self.labels > 0 { labels::none(test)? } else { test };
        let train = self.open_again(record).map_or_else(|_| test.clone(), |own| own.train);
        Ok((Splits { train, valid: first(&test, self.valid), test, reading, digest }, true))
    }

    fn parts(&self, folder: Option<&Path>, how: How) -> Result<Splits> {
        let (all, reading, digest) = self.all(folder, how)?;
        let mut train = all.indices(Split::Train);
        // What is drawn is in no order; files may be sorted by class.
        let some = |own: Vec<usize>, most: usize| match folder {
            Some(_) => evenly(&own, most),
            None => own.into_iter().take(most).collect(),
        };
        let mut held_out = |split, most: usize| {
            let own = all.indices(split);
            let own = if own.is_empty() { train.split_off(train.len() - train.len() / 10) } else { own };
            some(own, most)
        };
        let (valid, test) = (held_out(Split::Valid, self.valid), held_out(Split::Test, self.test));
        let train = some(train, self.train);
        if train.is_empty() || valid.is_empty() || test.is_empty() {
            let message = format!("{} examples of {} are too few to hold some out", all.len(), self.set);
            return Err(Error::Config(message));
        }
        let part = |indices: &[usize]| {
            let part = all.subset(indices);
            if self.binarize == Binarize::Fixed { bits(part, self.seed) } else { Ok(part) }
        };
        let parts = Splits { train: part(&train)?, valid: part(&valid)?, test: part(&test)?, reading, digest };
        if self.labels == 0 {
            return Ok(parts);
        }
        let train = labels::some(parts.train, self.labels, self.labelled_share, self.seed)?;
        Ok(Splits { train, valid: labels::none(parts.valid)?, test: labels::none(parts.test)?, ..parts })
    }

    /// All examples, how their files became numbers, and their checksum.
    fn all(&self, folder: Option<&Path>, how: How) -> Result<(Dataset, Reading, u32)> {
        let known = |number: usize| Some(number).filter(|n| *n > 0);
        // Sets that are drawn have eight tenths to train on, or more.
        let count = (self.train * 5 / 4 + 10).max(10 * self.valid).max(10 * self.test);
        let (record, other) = match how {
            How::First => (None, false),
            How::Again(record) => (folder.map(|_| record), false),
            How::Other(record) => (Some(record), true),
        };
        let options = Options {
            // Of files only those sets are cut short before they are read that take long to read; of others as many are
            // reported on as are left.
            count: Some(count).filter(|_| folder.is_none() || SLOW.contains(&self.set.as_str())),
            seed: self.seed,
            side: known(self.side).or_else(|| record?.side().filter(|_| self.set != "sketches")),
            steps: known(self.steps).or_else(|| record?.steps().filter(|_| !self.bags)),
            valid: folder.map(|_| if other { 0 } else { self.valid }),
            like: record.filter(|_| other).map(|record| record.reading.clone()),
            ..Options::default()
        };
        let set = open(&self.set, folder, &options)?;
        let set = match (record, folder) {
            (Some(record), Some(folder)) => set.read_as(&record.reading).map_err(|e| Error::file(folder, e))?,
            _ => set,
        };
        let (reading, digest) = (set.reading(), digest(&set));
        let set = if self.halves { halves(set)? } else { set };
        Ok((if self.bags { bags(set)? } else { set }, reading, digest))
    }
}

/// Whose examples are read.
#[derive(Clone, Copy)]
enum How<'a> {
    /// Those of a new run.
    First,
    /// Those of a run, again.
    Again(&'a DataRecord),
    /// Others than a run's.
    Other(&'a DataRecord),
}

/// A checksum of the first column.
fn digest(set: &Dataset) -> u32 {
    set.columns().first().map_or(0, |(_, array)| crc32fast::hash(array.bytes()))
}

/// Sets of files that take long to read.
const SLOW: [&str; 3] = ["faces", "celeba", "folder"];
/// Sets whose files say which examples are to report on.
const OWN_TEST: [&str; 7] = ["digits", "idx", "faces", "celeba", "cifar10", "house-numbers", "svhn"];
