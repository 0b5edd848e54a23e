//! Sets that are drawn, not downloaded, with the true factors of every example. Example `i` of a seed depends on these
//! two numbers alone: not on the size of the set, nor on threads.

pub mod digits;
pub mod faces;
pub mod house_numbers;
pub mod prices;
pub mod sentences;
pub mod sketches;
pub mod sprites;
pub mod tone_events;

use super::dataset::Dataset;
use super::images::Split;
use crate::error::{Error, Result};
use crate::rng::Philox;
use crate::tensor::{Array, Shape};
use rayon::prelude::*;

/// The most bytes a set may take: more is a slip, not a wish.
const MOST: usize = 1 << 36;

/// Eight tenths to train on, one to validate, one to test: by the last digit of the index, so that an example keeps its
/// split whatever the size of the set.
pub(super) fn splits(n: usize) -> Vec<Split> {
    let of = |i| match i % 10 {
        8 => Split::Valid,
        9 => Split::Test,
        _ => Split::Train,
    };
    (0..n).map(of).collect()
}

/// Calls `make` for the examples `0..n` in parallel, each with the generator of its own; `bytes` is what one takes.
pub(super) fn examples<E: Send>(
    n: usize,
    seed: u64,
    bytes: usize,
    make: impl Fn(usize, &mut Philox) -> E + Sync,
) -> Result<Vec<E>> {
    if n == 0 || n.checked_mul(bytes.max(1)).is_none_or(|total| total > MOST) {
        let message = format!("{n} examples of {bytes} bytes: ask for at least 1 and for at most {} GiB", MOST >> 30);
        return Err(Error::Config(message));
    }
    Ok((0..n).into_par_iter().map(|i| make(i, &mut Philox::new(seed, i as u64))).collect())
}

/// The rows of all examples, one after the other, as `F32` [N, `each`…].
pub(super) fn floats<'a, E: 'a>(
    all: &'a [E],
    each: impl Into<Shape>,
    of: impl Fn(&'a E) -> &'a [f32],
) -> Result<Array> {
    let shape = [&[all.len()], each.into().dims()].concat();
    Array::f32(shape, all.iter().flat_map(of).copied().collect())
}

/// As [`floats`], for bytes.
pub(super) fn bytes<'a, E: 'a>(all: &'a [E], each: impl Into<Shape>, of: impl Fn(&'a E) -> &'a [u8]) -> Result<Array> {
    let shape = [&[all.len()], each.into().dims()].concat();
    Array::u8(shape, all.iter().flat_map(of).copied().collect())
}

/// The set with the usual splits.
pub(super) fn split(mut set: Dataset) -> Dataset {
    set.split = splits(set.len());
    set
}
