//! Sets of which training sees some labels only.

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::rng::Philox;
use crate::tensor::Array;
use rand::seq::SliceRandom;

/// `set` with the column `labelled`: 1 for `count` examples, as many of each class as of the others or one more, drawn by
/// `seed`. They are visited so often that they are about the share `share` of a pass.
pub(super) fn some(set: Dataset, count: usize, share: f64, seed: u64) -> Result<Dataset> {
    let classes = set.classes;
    if classes == 0 || !(0.0..1.0).contains(&share) {
        let message =
            format!("{count} labels at a share of {share}: the data need classes, the share is 0 or more, below 1");
        return Err(Error::Config(message));
    }
    let mut order: Vec<usize> = (0..set.len()).collect();
    order.shuffle(&mut Philox::new(seed, 0x1abe1));
    let mut wanted: Vec<usize> =
        (0..classes).map(|class| count / classes + usize::from(class < count % classes)).collect();
    let label = set.integers("label")?;
    let mut labelled = vec![0u32; set.len()];
    for i in order {
        let left = &mut wanted[label[i] as usize];
        labelled[i] = u32::from(*left > 0);
        *left -= labelled[i] as usize;
    }
    if let Some(class) = wanted.iter().position(|&left| left > 0) {
        let message = format!("{} examples hold too few of class {class} for {count} labels in all", set.len());
        return Err(Error::Config(message));
    }
    let often = (share / (1.0 - share) * (set.len() - count) as f64 / count as f64).round().max(1.0) as u32;
    let visits = labelled.iter().map(|&flag| if flag == 1 { often } else { 1 }).collect();
    let shape = [set.len()];
    let mut set = set.with("labelled", Array::u32(shape, labelled)?)?;
    set.visits = visits;
    Ok(set)
}

/// `set` with the column `labelled`: 0, so that bounds are those of x alone.
pub(super) fn none(set: Dataset) -> Result<Dataset> {
    let count = set.len();
    set.with("labelled", Array::u32([count], vec![0; count])?)
}

/// The examples of `set` whose label training may look at, each once.
pub(in crate::recipe) fn labelled(set: &Dataset) -> Result<Dataset> {
    let mut all = set.clone();
    all.visits.clear();
    if !set.has("labelled") {
        return Ok(all);
    }
    let flags = set.integers("labelled")?;
    Ok(all.subset(&(0..set.len()).filter(|&i| flags[i] == 1).collect::<Vec<_>>()))
}
