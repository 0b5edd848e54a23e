//! The examples of a recipe.

pub(super) mod labels;
mod views;

use crate::data::{Dataset, Options, Split, open};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use views::{bags, bits, halves};

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
        let all = self.all(folder)?;
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
        let parts = Splits { train: part(&train)?, valid: part(&valid)?, test: part(&test)? };
        if self.labels == 0 {
            return Ok(parts);
        }
        let train = labels::some(parts.train, self.labels, self.labelled_share, self.seed)?;
        Ok(Splits { train, valid: labels::none(parts.valid)?, test: labels::none(parts.test)? })
    }

    fn all(&self, folder: Option<&Path>) -> Result<Dataset> {
        let known = |number: usize| Some(number).filter(|n| *n > 0);
        // Sets that are drawn have eight tenths to train on, or more.
        let count = (self.train * 5 / 4 + 10).max(10 * self.valid).max(10 * self.test);
        let options = Options {
            // Of files only those sets are cut short before they are read that take long to read.
            count: Some(count)
                .filter(|_| folder.is_none() || ["faces", "celeba", "folder"].contains(&self.set.as_str())),
            seed: self.seed,
            side: known(self.side),
            steps: known(self.steps),
            valid: folder.map(|_| self.valid),
            ..Options::default()
        };
        let set = open(&self.set, folder, &options)?;
        let set = if self.halves { halves(set)? } else { set };
        if self.bags { bags(set) } else { Ok(set) }
    }
}
