//! CelebA's two text lists, and their `.csv` copies with a header row.

use crate::data::images::Split;
use crate::error::{Error, Result};
use std::path::Path;

/// `list_attr_celeba`: the names, then a file and its values in each row.
pub(super) struct AttributeList {
    pub names: Vec<String>,
    pub files: Vec<String>,
    /// `(N, A)`, 1 or −1.
    pub values: Vec<i8>,
}

/// The rows of a list with their line numbers (from 1), blank lines left out.
fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().enumerate().map(|(k, line)| (k + 1, line.trim())).filter(|(_, line)| !line.is_empty())
}

fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"))
}

/// The fields of a row: between commas in a `.csv`, else between runs of white space.
fn fields(line: &str, csv: bool) -> Vec<&str> {
    if csv { line.split(',').map(str::trim).collect() } else { line.split_whitespace().collect() }
}

fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|e| Error::file(path, format!("cannot be read: {e}")))?;
    String::from_utf8(bytes).map_err(|_| Error::file(path, "not a text file; fetch it again"))
}

pub(super) fn attributes(path: &Path) -> Result<AttributeList> {
    let (text, csv) = (read(path)?, is_csv(path));
    let mut rows = rows(&text);
    let mut head = |what: &str| rows.next().ok_or_else(|| Error::file(path, format!("ends before {what}")));
    let count: Option<usize> = if csv {
        None
    } else {
        let line = head("the number of images")?.1;
        let count = line.parse();
        Some(count.map_err(|_| Error::file(path, format!("line 1 should be the number of images, not “{line}”")))?)
    };
    let header = head("the names of the attributes")?.1;
    let names: Vec<String> = fields(header, csv).into_iter().skip(usize::from(csv)).map(String::from).collect();
    if names.is_empty() {
        return Err(Error::file(path, "names no attributes; fetch the list again"));
    }
    let mut list = AttributeList { names, files: vec![], values: vec![] };
    for (number, line) in rows {
        let row = fields(line, csv);
        let expected = list.names.len();
        if row.len() != expected + 1 {
            let found = row.len() - 1;
            return Err(Error::file(path, format!("line {number} has {found} values for {expected} attributes")));
        }
        list.files.push(row[0].into());
        for value in &row[1..] {
            list.values.push(match *value {
                "1" => 1,
                "-1" => -1,
                other => return Err(Error::file(path, format!("line {number}: “{other}” should be 1 or -1"))),
            });
        }
    }
    match count {
        Some(count) if count != list.files.len() => {
            let n = list.files.len();
            Err(Error::file(path, format!("line 1 promises {count} images, {n} rows follow; fetch the list again")))
        }
        _ => Ok(list),
    }
}

/// `list_eval_partition`: a file and its split in each row.
pub(super) fn partition(path: &Path) -> Result<Vec<(String, Split)>> {
    let (text, csv) = (read(path)?, is_csv(path));
    let mut list = vec![];
    for (number, line) in rows(&text).skip(usize::from(csv)) {
        let split = match fields(line, csv)[..] {
            [file, "0"] => (file.into(), Split::Train),
            [file, "1"] => (file.into(), Split::Valid),
            [file, "2"] => (file.into(), Split::Test),
            _ => {
                let message = format!("line {number} should be a file and 0, 1 or 2, not “{line}”");
                return Err(Error::file(path, message));
            }
        };
        list.push(split);
    }
    Ok(list)
}
