//! Numeric series in text files, one column a channel, cut into windows.

use super::{files, normalize, read_text, spread};
use crate::data::dataset::Dataset;
use crate::data::images::Split;
use crate::error::{Error, Result};
use crate::tensor::Array;
use std::path::Path;

/// Headers of columns that tell when, not what; they are left out.
const TIMES: [&str; 5] = ["date", "time", "datetime", "timestamp", "index"];

/// What a missing number is written as.
const MISSING: [&str; 7] = ["", "na", "n/a", "null", "none", "-", "?"];

/// Loads a file of comma-, semicolon-, tab- or space-separated numbers, or all `.csv` files of a folder as series of their
/// own with the same channels: `x` `F32` [N, `steps`, channels], windows that start every `stride` rows. A header (a first row
/// with a word) is optional; columns called date, time, datetime, timestamp or index are left out, and one called
/// anomaly says which rows are strange: it becomes `anomaly`, 1 for a window with such a row (a number other than 0). The first
/// eight tenths of each series' rows are [`Split::Train`], then one tenth each [`Split::Valid`] and [`Split::Test`]; a window
/// that would lie in two is left out. Channels are shifted and scaled to mean 0 and variance 1 over the training windows;
/// `count` keeps so many windows, evenly spread.
///
/// # Errors
/// [`Error::File`], with the line, for what is no finite number or a row of another length; for a file too short for a training
/// window; for files with different channels. [`Error::Config`] for 0 steps or stride.
pub fn load_csv(path: impl AsRef<Path>, steps: usize, stride: usize, count: Option<usize>) -> Result<Dataset> {
    load(path.as_ref(), steps, stride, count, false)
}

/// [`load_csv`]; with `whole` all windows of a series are to report on, and channels are scaled over all of them.
pub(in crate::data) fn load(
    path: &Path,
    steps: usize,
    stride: usize,
    count: Option<usize>,
    whole: bool,
) -> Result<Dataset> {
    if steps == 0 || stride == 0 {
        return Err(Error::Config(format!("windows of {steps} steps every {stride} rows: both are at least 1")));
    }
    let (mut x, mut split, mut channels, mut strange) = (vec![], vec![], None, vec![]);
    for file in files(path, &["csv"])? {
        let Table { values, width, flags } = table(&file)?;
        if *channels.get_or_insert(width) != width {
            let message = format!("has {width} channels, the files before it {}", channels.unwrap_or(0));
            return Err(Error::file(file, message));
        }
        let rows = values.len() / width;
        let ends = if whole { [0, 0, rows] } else { [rows * 8 / 10, rows * 9 / 10, rows] };
        if ends[0] < steps && !whole {
            let message =
                format!("{rows} rows hold no training window of {steps} (the first eight tenths are to train on)");
            return Err(Error::file(file, message));
        }
        if rows < steps {
            return Err(Error::file(file, format!("{rows} rows hold no window of {steps}")));
        }
        for (part, (start, end)) in
            [Split::Train, Split::Valid, Split::Test].into_iter().zip([0, ends[0], ends[1]].into_iter().zip(ends))
        {
            for from in (start..(end + 1).saturating_sub(steps)).step_by(stride) {
                x.extend_from_slice(&values[from * width..(from + steps) * width]);
                strange.extend(flags.as_ref().map(|flags| u32::from(flags[from..from + steps].contains(&true))));
                split.push(part);
            }
        }
    }
    let channels = channels.unwrap_or(1);
    let each = steps * channels;
    let scale = normalize(&mut x, channels, |k| whole || split[k / each] == Split::Train);
    let mut set = Dataset::new("x", Array::f32([split.len(), steps, channels], x)?)?;
    if strange.len() == split.len() {
        set = set.with("anomaly", Array::u32([split.len()], strange)?)?;
    } else if !strange.is_empty() {
        return Err(Error::file(path, "some files have a column called anomaly and others have none"));
    }
    set.scale = scale;
    set.split = split;
    let kept = spread(set.len(), count);
    Ok(if kept.len() < set.len() { set.subset(&kept) } else { set })
}

/// A file's numbers.
struct Table {
    /// Row by row.
    values: Vec<f32>,
    /// How many a row has.
    width: usize,
    /// Which rows are strange, where a column says so.
    flags: Option<Vec<bool>>,
}

fn table(path: &Path) -> Result<Table> {
    let text = read_text(path)?;
    let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()).peekable();
    let fail = |message: String| Error::file(path, message);
    let first = lines.peek().ok_or_else(|| fail("the file is empty".into()))?.0;
    let mark = [',', ';', '\t'].into_iter().find(|mark| first.contains(*mark));
    let fields = |line: &str| -> Vec<String> {
        let clean = |field: &str| field.trim().trim_matches('"').to_string();
        match mark {
            Some(mark) => line.split(mark).map(clean).collect(),
            None => line.split_whitespace().map(clean).collect(),
        }
    };
    let head = fields(first);
    let mut kept: Vec<usize> = (0..head.len()).collect();
    let mut flag = None;
    // A missing number makes no header of a row.
    let word = |field: &String| field.parse::<f64>().is_err() && !MISSING.contains(&field.to_lowercase().as_str());
    if head.iter().any(word) {
        let name = |k: usize| head[k].to_lowercase();
        kept.retain(|&k| !TIMES.contains(&name(k).as_str()));
        flag = kept.iter().position(|&k| name(k) == "anomaly").map(|at| kept.remove(at));
        lines.next();
    }
    if kept.is_empty() {
        return Err(fail("has no column of numbers".into()));
    }
    let (mut values, mut flags) = (vec![], flag.map(|_| vec![]));
    for (line, number) in lines {
        let row = fields(line);
        if row.len() != head.len() {
            return Err(fail(format!("line {number} has {} fields, the first {}", row.len(), head.len())));
        }
        let value = |k: usize| match row[k].parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(fail(format!("line {number}, field {}: “{}” is no finite number", k + 1, row[k]))),
        };
        for &k in &kept {
            values.push(value(k)?);
        }
        if let (Some(flags), Some(k)) = (&mut flags, flag) {
            flags.push(value(k)? != 0.0);
        }
    }
    Ok(Table { values, width: kept.len(), flags })
}
