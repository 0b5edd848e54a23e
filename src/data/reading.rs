//! [`Reading`]: how files became numbers, so that others can be read in the same way.

use super::Dataset;
use crate::error::{Error, Result};
use crate::tensor::{Array, ArrayData};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What the first set that was read settled for those read after it: a model knows token 7 or class 2 by number only, and a
/// series by how far it is from the training set's mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// What token `i` of a text stands for.
    #[serde(default)]
    pub vocabulary: Vec<String>,
    /// Names of the classes, where they have any.
    #[serde(default)]
    pub class_names: Vec<String>,
    /// How many classes there are.
    #[serde(default)]
    pub classes: usize,
    /// Mean and standard deviation of each channel of `x` as the files have it, where it was normalised.
    #[serde(default)]
    pub scale: Vec<[f64; 2]>,
    /// Samples a second of sounds; 0 for other data.
    #[serde(default)]
    pub rate: u32,
}

/// What a word that is not in a vocabulary becomes.
const UNKNOWN: &str = "<unk>";

impl Dataset {
    /// How its files became numbers.
    pub fn reading(&self) -> Reading {
        Reading {
            vocabulary: self.vocabulary.clone(),
            class_names: self.class_names.clone(),
            classes: self.classes,
            scale: self.scale.clone(),
            rate: self.rate,
        }
    }

    /// The set as if its files had been read as those of `known` were: its words by that vocabulary, where others are `<unk>`; its
    /// classes by those names, where classes are known; its channels in that scale, where there is one.
    ///
    /// # Errors
    /// A class that is not among those known; other channels; sounds of another rate; tokens where there were none, or none where
    /// there were.
    pub fn read_as(mut self, known: &Reading) -> Result<Self> {
        if self.rate != known.rate && self.rate > 0 && known.rate > 0 {
            let message = format!("{} samples a second, the model was trained on {}", self.rate, known.rate);
            return Err(Error::Config(format!("{message}; resample the files")));
        }
        if self.vocabulary != known.vocabulary {
            let tokens = self.by_words(&known.vocabulary)?;
            self = self.with("x", tokens)?;
            self.vocabulary.clone_from(&known.vocabulary);
        }
        if known.classes > 0 && (self.classes, &self.class_names) != (known.classes, &known.class_names) {
            if self.has("label") {
                let labels = self.by_classes(known)?;
                self = self.with_labels(labels, known.classes)?;
            }
            self.classes = known.classes;
            self.class_names.clone_from(&known.class_names);
        }
        if self.scale != known.scale && !known.scale.is_empty() {
            let numbers = self.in_scale(&known.scale)?;
            self = self.with("x", numbers)?;
            self.scale.clone_from(&known.scale);
        }
        Ok(self)
    }

    fn by_words(&self, vocabulary: &[String]) -> Result<Array> {
        let place: HashMap<&str, u32> = vocabulary.iter().map(String::as_str).zip(0..).collect();
        let (Some(&unknown), ArrayData::U32(tokens)) = (place.get(UNKNOWN), &self.column("x")?.data) else {
            return Err(Error::Config(
                "the model reads text by a vocabulary, and these are no sentences, or the other way round".into(),
            ));
        };
        let word = |token: u32| self.vocabulary.get(token as usize).and_then(|word| place.get(word.as_str()));
        let tokens = tokens.iter().map(|&token| word(token).copied().unwrap_or(unknown)).collect();
        Array::u32(self.column("x")?.shape.clone(), tokens)
    }

    fn by_classes(&self, known: &Reading) -> Result<Vec<u32>> {
        let number = |label: u32| {
            let name = self.class_names.get(label as usize);
            let place = name.map_or(Some(label as usize), |name| known.class_names.iter().position(|k| k == name));
            let named = || name.cloned().unwrap_or_else(|| label.to_string());
            let missing = || Error::Name(format!("the class {} is none that the model was trained on", named()));
            place.filter(|&place| place < known.classes).map(|place| place as u32).ok_or_else(missing)
        };
        self.integers("label")?.iter().map(|&label| number(label)).collect()
    }

    fn in_scale(&self, known: &[[f64; 2]]) -> Result<Array> {
        if self.scale.len() != known.len() {
            let (here, there) = (self.scale.len(), known.len());
            return Err(Error::Config(format!(
                "{here} channels were normalised, {there} of what the model was trained on"
            )));
        }
        let numbers = self
            .floats("x")?
            .iter()
            .zip(self.scale.iter().zip(known).cycle())
            .map(|(&x, (own, known))| ((f64::from(x) * own[1] + own[0] - known[0]) / known[1]) as f32);
        Array::f32(self.column("x")?.shape.clone(), numbers.collect())
    }

    /// `x` [N, …, C], made by a model of this set, in the numbers that the files have.
    pub fn in_units(&self, x: &mut [f32]) {
        let scale = self.scale.iter().cycle();
        x.iter_mut().zip(scale).for_each(|(x, [mean, sigma])| *x = (f64::from(*x) * sigma + mean) as f32);
    }
}
