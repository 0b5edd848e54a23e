//! [`Examples`]: what can be read example by example into the rows of a batch, from memory or from files.

use super::{Dataset, ImageSet};
use crate::error::{Error, Result};
use crate::tensor::{Array, ArrayData, TensorType};

/// Examples that a loader or an evaluator reads batch by batch.
pub trait Examples: Send + Sync {
    /// How many.
    fn count(&self) -> usize;

    /// Names and types of the columns of a batch of `batch` examples.
    fn batch_types(&self, batch: usize) -> Vec<(String, TensorType)>;

    /// Writes example `index` into row `row` of `columns`, some or all of those that [`batch_types`](Self::batch_types) lists;
    /// `false` when the example is bad and to be left out.
    ///
    /// # Errors
    /// When there is no such column, and when the example cannot be read and must not be left out.
    fn read(&self, index: usize, row: usize, columns: &mut [(String, Array)]) -> Result<bool>;
}

/// The examples `indices` of `set` as a batch of the columns `types`.
///
/// # Errors
/// Where a column is missing or of another type, or an example cannot be read.
pub(crate) fn gather(
    set: &dyn Examples,
    types: Vec<(String, TensorType)>,
    indices: &[usize],
) -> Result<Vec<(String, Array)>> {
    let there = set.batch_types(indices.len());
    for (name, ty) in &types {
        let names = || there.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let missing = || Error::Name(format!("no column {name}; there are {}", names()));
        let (_, found) = there.iter().find(|(known, _)| known == name).ok_or_else(missing)?;
        if found != ty {
            return Err(Error::shape("examples", format!("{name} is {found}, the model takes {ty}")));
        }
    }
    let mut columns = zeros(types);
    for (row, &index) in indices.iter().enumerate() {
        if !set.read(index, row, &mut columns)? {
            return Err(Error::Config(format!("example {index} cannot be read; leave it out of the set")));
        }
    }
    Ok(columns)
}

/// Columns of `types` that wait to be written.
pub(super) fn zeros(types: Vec<(String, TensorType)>) -> Vec<(String, Array)> {
    types.into_iter().map(|(name, ty)| (name, Array::zeros(ty))).collect()
}

/// Copies row `from` of one column to row `to` of another of its kind.
fn copy_row(source: &Array, from: usize, target: &mut Array, to: usize) -> Result<()> {
    fn copy<T: Copy>(source: &[T], from: usize, target: &mut [T], to: usize, each: usize) {
        target[to * each..][..each].copy_from_slice(&source[from * each..][..each]);
    }
    let each = source.shape.dims()[1..].iter().product::<usize>();
    match (&source.data, &mut target.data) {
        (ArrayData::F32(source), ArrayData::F32(target)) => copy(source, from, target, to, each),
        (ArrayData::U32(source), ArrayData::U32(target)) => copy(source, from, target, to, each),
        (ArrayData::U8(source), ArrayData::U8(target)) => copy(source, from, target, to, each),
        _ => return Err(Error::shape("examples", format!("{} is no row of {}", source.ty(), target.ty()))),
    }
    Ok(())
}

impl Examples for Dataset {
    fn count(&self) -> usize {
        self.len()
    }
    fn batch_types(&self, batch: usize) -> Vec<(String, TensorType)> {
        self.types(batch)
    }
    fn read(&self, index: usize, row: usize, columns: &mut [(String, Array)]) -> Result<bool> {
        columns.iter_mut().try_for_each(|(name, column)| copy_row(self.column(name)?, index, column, row))?;
        Ok(true)
    }
}

/// Their pixels alone, as `x`.
impl Examples for ImageSet {
    fn count(&self) -> usize {
        self.len()
    }
    fn batch_types(&self, batch: usize) -> Vec<(String, TensorType)> {
        vec![("x".into(), TensorType::u8([batch, self.height, self.width, self.channels]))]
    }
    fn read(&self, index: usize, row: usize, columns: &mut [(String, Array)]) -> Result<bool> {
        columns
            .iter_mut()
            .try_for_each(|column| pixels(column, row).map(|slot| slot.copy_from_slice(self.image(index))))?;
        Ok(true)
    }
}

/// Row `row` of the column `x`, the only one of a source of images in bytes.
pub(super) fn pixels((name, column): &mut (String, Array), row: usize) -> Result<&mut [u8]> {
    let each = column.shape.dims()[1..].iter().product::<usize>();
    match &mut column.data {
        ArrayData::U8(bytes) if name == "x" => Ok(&mut bytes[row * each..][..each]),
        _ => Err(Error::Name(format!("no column {name}; a set of images has x, in bytes"))),
    }
}
