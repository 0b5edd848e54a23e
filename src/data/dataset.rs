//! [`Dataset`]: examples as named columns, whatever they are: images, series, tokens, labels, several modalities.

use super::images::{ImageSet, Split};
use crate::error::{Error, Result};
use crate::rng::Philox;
use crate::tensor::{Array, ArrayData, Shape, TensorType};
use rand::RngExt;
use rayon::prelude::*;

/// `N` examples as columns: arrays whose first axis is the example. Names that models know:
///
/// | column | holds |
/// |---|---|
/// | `x` | the example: `U8` images [N, H, W, C]; `F32` features [N, F], series [N, T, C] or images [N, H, W, C]; `U32` tokens [N, T] |
/// | `label` | `U32` \[N\], the class, below [`classes`](Self::classes) |
/// | `labelled` | `U32` \[N\], 1 where training may look at `label`; without it, everywhere |
/// | `length` | `U32` \[N\], how many of the T steps count, where examples are of different length |
/// | `factors` | `F32` [N, K], the true factors of variation, whose names are [`factors`](Self::factors) |
/// | `anomaly` | `U32` \[N\], 1 for an example that the model should find strange |
/// | a modality's own name | its part of the example, where there are several (`audio`, `frames`) |
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    columns: Vec<(String, Array)>,
    /// The split of each example, length `N`.
    pub split: Vec<Split>,
    /// How many classes `label` counts; 0 without labels.
    pub classes: usize,
    /// Names of the classes, where they have any.
    pub class_names: Vec<String>,
    /// Names of the columns of `factors`.
    pub factors: Vec<String>,
    /// How many values each factor can take, counted from 0; 0 for a continuous one. Empty where nothing is known.
    pub factor_sizes: Vec<usize>,
    /// What token `i` of a text stands for; empty for other data.
    pub vocabulary: Vec<String>,
    /// Mean and standard deviation of each channel (the last axis) of `x` as the files have it, where it was normalised; else
    /// empty.
    pub scale: Vec<[f64; 2]>,
    /// Samples a second of the sounds that `x` was made of; 0 for other data.
    pub rate: u32,
    /// How often a pass of training visits each example, length `N`; empty for once.
    pub visits: Vec<u32>,
}

impl Dataset {
    /// A set of one column `name`, every example in [`Split::Train`].
    ///
    /// # Errors
    /// When the array has no axis or no example.
    pub fn new(name: &str, array: Array) -> Result<Self> {
        let n = array.shape.dims().first().copied().unwrap_or(0);
        if array.shape.is_empty() || n == 0 {
            return Err(Error::Config(format!("the column {name} {} holds no examples", array.ty())));
        }
        let (columns, split) = (vec![(name.to_string(), array)], vec![Split::Train; n]);
        Ok(Self { columns, split, ..Self::default() })
    }

    /// The set with another column, or with that column replaced.
    ///
    /// # Errors
    /// When it is not as long as the others.
    pub fn with(mut self, name: &str, array: Array) -> Result<Self> {
        if array.shape.dims().first() != Some(&self.len()) {
            let message = format!("the column {name} {} is for other than {} examples", array.ty(), self.len());
            return Err(Error::Config(message));
        }
        self.columns.retain(|(known, _)| known != name);
        self.columns.push((name.to_string(), array));
        Ok(self)
    }

    /// The set without the column `name`, if it has it.
    pub fn without(mut self, name: &str) -> Self {
        self.columns.retain(|(known, _)| known != name);
        self
    }

    /// The set with the classes `labels`, each below `classes`, as `label`.
    ///
    /// # Errors
    /// When there are more or fewer labels than examples, or one is not below `classes`.
    pub fn with_labels(mut self, labels: Vec<u32>, classes: usize) -> Result<Self> {
        if let Some(label) = labels.iter().find(|&&label| label as usize >= classes) {
            return Err(Error::Config(format!("the label {label} is not below the {classes} classes")));
        }
        self.classes = classes;
        let shape = [labels.len()];
        self.with("label", Array::u32(shape, labels)?)
    }

    /// The set with the true factors of each example, [N, K], and for each of the K its name and how many values it can
    /// take (0: it is continuous), as `factors`.
    ///
    /// # Errors
    /// When `values` are not K for each example.
    pub fn with_factors(mut self, factors: &[(&str, usize)], values: Vec<f32>) -> Result<Self> {
        self.factors = factors.iter().map(|(name, _)| name.to_string()).collect();
        self.factor_sizes = factors.iter().map(|&(_, size)| size).collect();
        let shape = [self.len(), factors.len()];
        self.with("factors", Array::f32(shape, values)?)
    }

    /// Factor `name` of each example.
    ///
    /// # Errors
    /// When there is none of that name; the message lists those there are.
    pub fn factor(&self, name: &str) -> Result<Vec<f32>> {
        let missing = || Error::Name(format!("no factor {name}; there are {}", self.factors.join(", ")));
        let k = self.factors.iter().position(|known| known == name).ok_or_else(missing)?;
        Ok(self.floats("factors")?.iter().skip(k).step_by(self.factors.len()).copied().collect())
    }

    /// The number of examples, `N`.
    pub fn len(&self) -> usize {
        self.split.len()
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.split.is_empty()
    }

    /// Names and arrays, in the order in which they were added.
    pub fn columns(&self) -> &[(String, Array)] {
        &self.columns
    }

    /// Whether there is a column `name`.
    pub fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|(known, _)| known == name)
    }

    /// The column `name`.
    ///
    /// # Errors
    /// When there is none; the message lists those there are.
    pub fn column(&self, name: &str) -> Result<&Array> {
        let found = self.columns.iter().find(|(known, _)| known == name);
        let names = || self.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        found.map(|(_, array)| array).ok_or_else(|| Error::Name(format!("no column {name}; there are {}", names())))
    }

    /// The shape of one example's part in the column `name`.
    ///
    /// # Errors
    /// As [`column`](Self::column).
    pub fn example(&self, name: &str) -> Result<Shape> {
        Ok(self.column(name)?.shape.dims()[1..].into())
    }

    /// The numbers of the `U32` column `name`.
    ///
    /// # Errors
    /// As [`column`](Self::column), and when its numbers are others.
    pub fn integers(&self, name: &str) -> Result<&[u32]> {
        match &self.column(name)?.data {
            ArrayData::U32(numbers) => Ok(numbers),
            _ => Err(Error::Name(format!("the column {name} holds no integers"))),
        }
    }

    /// The numbers of the `F32` column `name`.
    ///
    /// # Errors
    /// As [`column`](Self::column), and when its numbers are others.
    pub fn floats(&self, name: &str) -> Result<&[f32]> {
        match &self.column(name)?.data {
            ArrayData::F32(numbers) => Ok(numbers),
            _ => Err(Error::Name(format!("the column {name} holds no floats"))),
        }
    }

    /// The examples of one split, in order.
    pub fn indices(&self, split: Split) -> Vec<usize> {
        (0..self.len()).filter(|&i| self.split[i] == split).collect()
    }

    /// Every example as often as a pass of training visits it, in order.
    pub fn visited(&self) -> Vec<u32> {
        let times = |i: usize| self.visits.get(i).copied().unwrap_or(1) as usize;
        (0..self.len()).flat_map(|i| std::iter::repeat_n(i as u32, times(i))).collect()
    }

    /// The examples of one split, as a set of its own.
    pub fn part(&self, split: Split) -> Self {
        self.subset(&self.indices(split))
    }

    /// The examples `indices`, as a set of its own.
    ///
    /// # Panics
    /// When an index is not below [`len`](Self::len), as indexing a slice does.
    pub fn subset(&self, indices: &[usize]) -> Self {
        let columns = self.columns.iter().map(|(name, array)| (name.clone(), rows(array, indices)));
        Self {
            columns: columns.collect(),
            split: indices.iter().map(|&i| self.split[i]).collect(),
            classes: self.classes,
            class_names: self.class_names.clone(),
            factors: self.factors.clone(),
            factor_sizes: self.factor_sizes.clone(),
            vocabulary: self.vocabulary.clone(),
            scale: self.scale.clone(),
            rate: self.rate,
            visits: indices.iter().filter_map(|&i| self.visits.get(i).copied()).collect(),
        }
    }

    /// The images of the column `x`, with labels where there are some.
    ///
    /// # Errors
    /// When `x` holds no `U8` images [N, H, W, C].
    pub fn images(&self) -> Result<ImageSet> {
        let x = self.column("x")?;
        let (&[_, height, width, channels], ArrayData::U8(pixels)) = (x.shape.dims(), &x.data) else {
            return Err(Error::Config(format!("the column x {} holds no images in bytes", x.ty())));
        };
        let mut set = ImageSet::new(height, width, channels, pixels.clone())?;
        set.split = self.split.clone();
        set.labels = self.integers("label").ok().map(|labels| labels.iter().map(|&label| label as u8).collect());
        Ok(set)
    }

    /// The types of the columns for batches of `batch` examples.
    pub fn types(&self, batch: usize) -> Vec<(String, TensorType)> {
        let of = |array: &Array| {
            let mut ty = array.ty();
            let dims = [&[batch], &ty.dims()[1..]].concat();
            ty.shape = dims.into();
            ty
        };
        self.columns.iter().map(|(name, array)| (name.clone(), of(array))).collect()
    }
}

/// The set with every byte of its `U8` columns replaced by 255 with a probability of byte/255, else by 0: once and for all, as
/// the usual binary MNIST was made (Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks", ICML
/// 2008). What becomes of example `i` depends on the seed, `i` and its bytes alone.
///
/// ```
/// use wavae::data::{Dataset, binarize, synthetic_digits};
/// let digits = binarize(&Dataset::from(synthetic_digits(4, 0)?), 0);
/// assert!(digits.column("x")?.bytes().iter().all(|byte| matches!(byte, 0 | 255)));
/// # Ok::<(), wavae::Error>(())
/// ```
pub fn binarize(set: &Dataset, seed: u64) -> Dataset {
    let mut set = set.clone();
    for (k, (_, array)) in set.columns.iter_mut().enumerate() {
        let each = array.shape.dims()[1..].iter().product::<usize>().max(1);
        let ArrayData::U8(bytes) = &mut array.data else { continue };
        bytes.par_chunks_mut(each).enumerate().for_each(|(i, example)| {
            let mut rng = Philox::new(seed.wrapping_add(k as u64), i as u64);
            // 0 is never below, 255 always.
            example.iter_mut().for_each(|byte| *byte = if rng.random_range(0..255u8) < *byte { 255 } else { 0 });
        });
    }
    set
}

/// The rows `indices` of `array`.
fn rows(array: &Array, indices: &[usize]) -> Array {
    let each = array.shape.dims()[1..].iter().product::<usize>();
    fn pick<T: Copy>(from: &[T], each: usize, indices: &[usize]) -> Vec<T> {
        indices.iter().flat_map(|&i| &from[i * each..][..each]).copied().collect()
    }
    let data = match &array.data {
        ArrayData::F32(v) => ArrayData::F32(pick(v, each, indices)),
        ArrayData::U32(v) => ArrayData::U32(pick(v, each, indices)),
        ArrayData::U8(v) => ArrayData::U8(pick(v, each, indices)),
    };
    let shape = [&[indices.len()], &array.shape.dims()[1..]].concat();
    Array { shape: shape.into(), data }
}

/// Pixels as `x`; labels as `label`; attributes, −1 or 1, as `factors`.
impl From<ImageSet> for Dataset {
    fn from(set: ImageSet) -> Self {
        let n = set.split.len();
        let x = Array { shape: [n, set.height, set.width, set.channels].into(), data: ArrayData::U8(set.pixels) };
        let mut columns = vec![("x".to_string(), x)];
        let mut classes = 0;
        if let Some(labels) = set.labels {
            classes = labels.iter().map(|&label| usize::from(label) + 1).max().unwrap_or(0);
            let labels = labels.into_iter().map(u32::from).collect();
            columns.push(("label".into(), Array { shape: [n].into(), data: ArrayData::U32(labels) }));
        }
        if !set.attribute_names.is_empty() {
            let factors = set.attributes.into_iter().map(f32::from).collect();
            let shape = [n, set.attribute_names.len()].into();
            columns.push(("factors".into(), Array { shape, data: ArrayData::F32(factors) }));
        }
        let (split, factors) = (set.split, set.attribute_names);
        Self { columns, split, classes, factors, ..Self::default() }
    }
}
