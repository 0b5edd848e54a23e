//! What every figure asks of its input, said in one way.

use crate::error::{Error, Result};

/// The number of rows of `values` [N, `columns`], of which there is at least one and all are finite.
pub(super) fn rows(what: &str, values: &[f32], columns: usize) -> Result<usize> {
    if columns == 0 || values.is_empty() || !values.len().is_multiple_of(columns) {
        let len = values.len();
        return Err(Error::Config(format!("{what}: {len} values are no rows of {columns}; at least one is needed")));
    }
    if let Some(at) = values.iter().position(|v| !v.is_finite()) {
        let (row, column, value) = (at / columns, at % columns, values[at]);
        let message = format!("{what}: value {column} of row {row} is {value}; the model that wrote it diverged");
        return Err(Error::NonFinite(message));
    }
    Ok(values.len() / columns)
}

/// Two lists of one length that are not empty.
pub(super) fn same(what: &str, a: usize, b: usize) -> Result<()> {
    if a == b && a > 0 {
        return Ok(());
    }
    Err(Error::Config(format!("{what}: {a} of one and {b} of the other; they go together one by one, at least one")))
}
