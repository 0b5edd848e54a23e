//! Sketches of Quick, Draw! (Google, 2017) as the simplified `.ndjson` files have them: one drawing a line, with its word and
//! its strokes in a square of 0 to 255.

use super::{files, read_text, spread};
use crate::data::dataset::Dataset;
use crate::data::synthetic::sketches::{Point, steps};
use crate::data::synthetic::split;
use crate::error::{Error, Result};
use crate::tensor::Array;
use rayon::prelude::*;
use serde::Deserialize;
use std::path::Path;

/// The longest row unless told, in steps.
const LONGEST: usize = 256;

#[derive(Deserialize)]
struct Line {
    word: String,
    /// For each stroke the x and the y of its points; raw files also have times.
    drawing: Vec<Vec<Vec<f32>>>,
}

/// Loads a file, or all `.ndjson` files of a folder: `x` `F32` [N, T, 5] and `length` as of
/// [`sketches`](crate::data::sketches), `label` the word, in the order of the alphabet. T is `row`, or enough for the longest
/// drawing but at most 256; longer ones are cut. Every tenth drawing but one is in [`Split::Valid`](crate::data::Split::Valid),
/// every tenth in [`Split::Test`](crate::data::Split::Test); `count` keeps so many drawings, evenly spread.
///
/// # Errors
/// [`Error::File`], with the line, for what is no drawing; [`Error::Config`] for a row of less than 2 steps.
pub fn load_quickdraw(path: impl AsRef<Path>, row: Option<usize>, count: Option<usize>) -> Result<Dataset> {
    let path = path.as_ref();
    if row.is_some_and(|row| row < 2) {
        return Err(Error::Config("sketches of less than 2 steps: one is the end".into()));
    }
    let texts = files(path, &["ndjson"])?.into_iter().map(|file| Ok((read_text(&file)?, file)));
    let texts = texts.collect::<Result<Vec<_>>>()?;
    let lines =
        texts.iter().flat_map(|(text, file)| text.lines().zip(1..).map(move |(line, number)| (file, number, line)));
    let lines: Vec<_> = lines.filter(|(_, _, line)| !line.trim().is_empty()).collect();
    let chosen = spread(lines.len(), count).into_par_iter().map(|k| {
        let (file, number, line) = lines[k];
        drawing(line).map_err(|what| Error::file(file, format!("line {number}: {what}")))
    });
    let all = chosen.collect::<Result<Vec<(String, Vec<Vec<Point>>)>>>()?;
    if all.is_empty() {
        return Err(Error::file(path, "holds no drawings"));
    }
    let longest = all.iter().map(|(_, strokes)| strokes.iter().map(Vec::len).sum::<usize>() + 1).max().unwrap_or(2);
    let row = row.unwrap_or(longest.min(LONGEST));
    let (x, lengths): (Vec<Vec<f32>>, Vec<usize>) = all.iter().map(|(_, strokes)| steps(strokes, row)).unzip();
    let mut words: Vec<String> = all.iter().map(|(word, _)| word.clone()).collect();
    words.sort();
    words.dedup();
    let labels = all.iter().map(|(word, _)| words.partition_point(|known| known < word) as u32).collect();
    let n = all.len();
    let mut set = Dataset::new("x", Array::f32([n, row, 5], x.concat())?)?
        .with("length", Array::u32([n], lengths.into_iter().map(|l| l as u32).collect())?)?
        .with_labels(labels, words.len())?;
    set.class_names = words;
    Ok(split(set))
}

/// Word and strokes of a line, around (0, 0) and at most 2 wide.
fn drawing(line: &str) -> Result<(String, Vec<Vec<Point>>), String> {
    let line: Line = serde_json::from_str(line).map_err(|e| format!("no drawing ({e})"))?;
    let mut strokes = vec![];
    for stroke in &line.drawing {
        let (Some(x), Some(y)) = (stroke.first(), stroke.get(1)) else { return Err("a stroke without x and y".into()) };
        if x.len() != y.len() || x.is_empty() {
            return Err(format!("a stroke of {} x and {} y", x.len(), y.len()));
        }
        strokes.push(x.iter().zip(y).map(|(x, y)| [x / 127.5 - 1.0, y / 127.5 - 1.0]).collect());
    }
    if strokes.is_empty() {
        return Err("a drawing without strokes".into());
    }
    Ok((line.word, strokes))
}
