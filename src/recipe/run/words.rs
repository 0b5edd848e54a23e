//! What can be said of sentences.

use crate::data::{Dataset, PAD};
use crate::error::{Error, Result};
use crate::recipe::data::Splits;
use crate::tensor::ArrayData;
use crate::train::Evaluator;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Sentences of a kind that are written down.
const SHOWN: usize = 16;

/// The tokens that a model of `set` writes, sentence by sentence: those after the first, padding left out.
fn written(tokens: &[u32], steps: usize) -> impl Iterator<Item = impl Iterator<Item = u32>> {
    tokens.chunks_exact(steps.max(1)).map(|row| row.iter().copied().skip(1).filter(|&token| token != PAD))
}

/// Mean ln p of the test sentences when each token is drawn by itself, as often as in the training set; `None` where
/// the examples are no sentences.
pub(super) fn unigrams(parts: &Splits) -> Result<Option<f64>> {
    let (ArrayData::U32(train), false) = (&parts.train.column("x")?.data, parts.train.vocabulary.is_empty()) else {
        return Ok(None);
    };
    let steps = parts.train.example("x")?.len();
    let mut counts = vec![1.0f64; parts.train.vocabulary.len()];
    for token in written(train, steps).flatten() {
        if let Some(count) = counts.get_mut(token as usize) {
            *count += 1.0;
        }
    }
    let total: f64 = counts.iter().sum();
    let log_p = |token: u32| counts.get(token as usize).map_or(0.0, |count| (count / total).ln());
    let test = written(parts.test.integers("x")?, steps).flatten().map(log_p).sum::<f64>();
    Ok(Some(test / parts.test.len().max(1) as f64))
}

/// A sentence from its tokens, marks left out.
fn text(tokens: impl Iterator<Item = u32>, vocabulary: &[String]) -> String {
    let words = tokens.filter(|token| !(PAD..3).contains(token));
    let words = words.map(|token| vocabulary.get(token as usize).map_or("?", String::as_str));
    words.collect::<Vec<_>>().join(" ")
}

/// Writes the sentences of `tokens` [N, T], a line each, in the words of `set`.
pub(super) fn write(tokens: &[f32], set: &Dataset, file: &Path) -> Result<()> {
    let steps = set.example("x")?.len().max(1);
    let line = |row: &[f32]| text(row.iter().map(|&token| token.round() as u32), &set.vocabulary) + "\n";
    fs::write(file, tokens.chunks_exact(steps).map(line).collect::<String>()).map_err(|e| Error::file(file, e))
}

/// Writes sentences of `test`, what the model makes of them by way of μ, and sentences from the prior, each word the
/// most likely.
pub(super) fn sentences(evaluator: &mut Evaluator, test: &Dataset, seed: u64, file: &Path) -> Result<()> {
    let shown = test.subset(&(0..SHOWN.min(test.len())).collect::<Vec<_>>());
    let steps = shown.example("x")?.len();
    let codes = evaluator.encode(&shown)?;
    let numbers = |row: &[f32]| text(row.iter().map(|&token| token.round() as u32), &test.vocabulary);
    let rebuilt = evaluator.decode_with(&codes, &shown)?;
    let mut page = String::from("sentences, and what comes of them by way of the code\n\n");
    for (row, rebuilt) in shown.integers("x")?.chunks_exact(steps).zip(rebuilt.chunks_exact(steps)) {
        let original = text(row.iter().copied(), &test.vocabulary);
        let _ = writeln!(page, "{original}\n    {}", numbers(rebuilt));
    }
    page.push_str("\nsentences of codes from the prior\n\n");
    let codes = evaluator.sample(SHOWN, seed)?;
    for row in evaluator.decode(&codes)?.chunks_exact(steps) {
        let _ = writeln!(page, "{}", numbers(row));
    }
    fs::write(file, page).map_err(|e| Error::file(file, e))
}
