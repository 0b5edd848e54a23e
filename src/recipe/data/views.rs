//! What a recipe can make of a set: halves of images, bits, bags of words.

use crate::data::{Dataset, PAD, binarize};
use crate::error::{Error, Result};
use crate::tensor::{Array, ArrayData, DType};

/// Images in bytes cut through the middle of their height, which is even.
pub(super) fn halves(set: Dataset) -> Result<Dataset> {
    let (&[height, width, channels], ArrayData::U8(pixels)) = (set.example("x")?.dims(), &set.column("x")?.data) else {
        return Err(Error::Config(format!("halves are of images in bytes, not of {}", set.column("x")?.ty())));
    };
    let half = height / 2 * width * channels;
    if height % 2 == 1 || half == 0 {
        return Err(Error::Config(format!("images of a height of {height} have no equal halves")));
    }
    let shape = [set.len(), height / 2, width, channels];
    let [upper, lower] = [0, 1].map(|k| {
        let rows = pixels.chunks_exact(half).skip(k).step_by(2).flatten().copied();
        Array::u8(shape, rows.collect())
    });
    set.without("x").with("upper", upper?)?.with("lower", lower?)
}

/// The set with `x` as bits, drawn once.
pub(super) fn bits(set: Dataset, seed: u64) -> Result<Dataset> {
    match set.column("x")?.ty() {
        ty if ty.dtype == DType::U8 => Ok(binarize(&set, seed)),
        ty => Err(Error::Config(format!("bits are drawn for images in bytes, not for {ty}"))),
    }
}

/// The set with sentences of tokens as counts, `F32` [N, V] of a vocabulary of V: how often each is in them, without the marks
/// of beginning, end and padding.
pub(super) fn bags(mut set: Dataset) -> Result<Dataset> {
    let words = set.vocabulary.len();
    let (&[steps], ArrayData::U32(tokens)) = (set.example("x")?.dims(), &set.column("x")?.data) else {
        return Err(Error::Config(format!("bags of words are of sentences, not of {}", set.column("x")?.ty())));
    };
    let mut counts = vec![0.0f32; set.len() * words];
    for (row, tokens) in counts.chunks_exact_mut(words.max(1)).zip(tokens.chunks_exact(steps.max(1))) {
        for &token in tokens.iter().filter(|token| !(PAD..3).contains(*token)) {
            if let Some(count) = row.get_mut(token as usize) {
                *count += 1.0;
            }
        }
    }
    set.vocabulary.clear(); // x is no longer tokens of it
    let shape = [set.len(), words];
    set.without("length").with("x", Array::f32(shape, counts)?)
}
