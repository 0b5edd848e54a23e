//! Text, one sentence a line, as tokens.

use super::{files, read_text, spread};
use crate::data::dataset::Dataset;
use crate::data::images::Split;
use crate::data::synthetic::sentences::{PAD, SPECIAL};
use crate::data::synthetic::split;
use crate::error::{Error, Result};
use crate::tensor::Array;
use std::collections::HashMap;
use std::path::Path;

/// The longest row unless told, in tokens.
const LONGEST: usize = 64;
const BOS: u32 = 1;
const EOS: u32 = 2;
const UNK: u32 = 3;

/// Loads the lines of a file, or of all `.txt` files of a folder: `x` `U32` [N, T] as of
/// [`grammar_sentences`](crate::data::grammar_sentences), `length`, and the vocabulary: `<pad>`, `<bos>`, `<eos>`, `<unk>`, then
/// the most frequent tokens of the training lines (equally frequent ones by the alphabet), `vocabulary` in all; others are
/// `<unk>`. A token is a run of letters, digits and apostrophes in lower case, or any other character but white space. T is
/// `steps`, or enough for the longest line but at most 64; longer lines are cut. Every tenth line but one is in
/// [`Split::Valid`], every tenth in [`Split::Test`]; `count` keeps so many lines, evenly spread.
///
/// # Errors
/// [`Error::File`] when there is no file, one is not UTF-8 (with the line), or there are no words; [`Error::Config`] for `steps`
/// below 3 or a vocabulary below 5.
pub fn load_text(
    path: impl AsRef<Path>,
    steps: Option<usize>,
    vocabulary: usize,
    count: Option<usize>,
) -> Result<Dataset> {
    load(path.as_ref(), steps, count, Words::Most(vocabulary))
}

/// Which tokens are known.
pub(in crate::data) enum Words<'a> {
    /// The most frequent of the training lines, with the marks so many.
    Most(usize),
    /// Those of a vocabulary.
    These(&'a [String]),
}

/// [`load_text`] by the vocabulary that `words` says.
pub(in crate::data) fn load(path: &Path, steps: Option<usize>, count: Option<usize>, words: Words) -> Result<Dataset> {
    let most = if let Words::Most(most) = words { most } else { usize::MAX };
    if steps.is_some_and(|steps| steps < 3) || most < 5 {
        let message = format!("a vocabulary of {most} and {steps:?} steps: at least 5 and 3, for the marks and a word");
        return Err(Error::Config(message));
    }
    let mut lines = vec![];
    for file in files(path, &["txt"])? {
        lines.extend(read_text(&file)?.lines().map(tokens).filter(|line| !line.is_empty()));
    }
    if lines.is_empty() {
        return Err(Error::file(path, "holds no words"));
    }
    let lines: Vec<Vec<String>> =
        spread(lines.len(), count).into_iter().map(|k| std::mem::take(&mut lines[k])).collect();
    let n = lines.len();
    let longest = lines.iter().map(|line| line.len() + 2).max().unwrap_or(0);
    let steps = steps.unwrap_or(longest.min(LONGEST));
    let mut set = split(Dataset::new("x", Array::u32([n, steps], vec![PAD; n * steps])?)?);
    set.vocabulary = match words {
        Words::These(words) => words.to_vec(),
        Words::Most(most) => {
            let train = lines.iter().zip(&set.split).filter(|(_, split)| **split == Split::Train);
            most_frequent(train.flat_map(|(line, _)| line), most)
        }
    };
    let known: HashMap<&str, u32> = set.vocabulary.iter().map(String::as_str).zip(0..).collect();
    let (mut x, mut lengths) = (vec![PAD; n * steps], vec![]);
    for (row, line) in x.chunks_exact_mut(steps).zip(&lines) {
        let kept = line.len().min(steps - 2);
        row[0] = BOS;
        let words = line[..kept].iter().map(|word| known.get(word.as_str()).copied().unwrap_or(UNK));
        row.iter_mut().skip(1).zip(words).for_each(|(to, word)| *to = word);
        row[kept + 1] = EOS;
        lengths.push(kept as u32 + 2);
    }
    set.with("x", Array::u32([n, steps], x)?)?.with("length", Array::u32([n], lengths)?)
}

/// The marks and the most frequent of `words`, `most` in all; equally frequent ones by the alphabet.
fn most_frequent<'a>(words: impl Iterator<Item = &'a String>, most: usize) -> Vec<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    words.for_each(|word| *counts.entry(word).or_default() += 1);
    let mut words: Vec<(&str, usize)> = counts.into_iter().collect();
    words.sort_by_key(|&(word, count)| (std::cmp::Reverse(count), word));
    words.truncate(most - SPECIAL.len());
    SPECIAL.iter().copied().chain(words.into_iter().map(|(word, _)| word)).map(str::to_string).collect()
}

fn tokens(line: &str) -> Vec<String> {
    let (mut all, mut word) = (vec![], String::new());
    for c in line.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() || c == '\'' || c == '’' {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            all.push(std::mem::take(&mut word));
        }
        if !c.is_whitespace() {
            all.push(c.into());
        }
    }
    if !word.is_empty() {
        all.push(word);
    }
    all
}
