//! A batch of examples as graph: named columns, each appended when it is first asked for.

use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use crate::tensor::{DType, Shape, TensorType};

/// What a column is before it is a value.
#[derive(Clone, Debug)]
enum Column {
    /// A value that was made already.
    Given(Value, Shape),
    /// The whole column as a state of the store, `data.NAME`; a batch is the rows `indices` of it.
    Resident(TensorType),
    /// The batch's rows as an input, `data.NAME`.
    Uploaded(TensorType),
}

/// The columns of a batch by name ([`crate::data::Dataset`] lists the usual names). What nobody asks for costs nothing.
#[derive(Clone, Debug)]
pub struct Batch {
    size: usize,
    columns: Vec<(String, Column)>,
}

impl Batch {
    /// A batch of `size` examples without columns.
    pub fn empty(size: usize) -> Self {
        Self { size, columns: vec![] }
    }
    /// The batch of one column `x` [B, …].
    pub fn of(g: &Graph, x: Value) -> Self {
        Self::empty(g.shape(x).dims().first().copied().unwrap_or(1)).with(g, "x", x)
    }
    /// A batch of rows of `tables`, which the store holds; which rows is the input `indices`.
    pub(crate) fn resident(size: usize, tables: Vec<(String, TensorType)>) -> Self {
        let columns = tables.into_iter().map(|(name, ty)| (name, Column::Resident(ty)));
        Self { size, columns: columns.collect() }
    }
    /// A batch whose columns the host writes before each run, of these types, as the inputs `data.NAME`. Where there are bytes
    /// the input `indices` says which of the rows are the batch.
    pub fn uploaded(size: usize, columns: Vec<(String, TensorType)>) -> Self {
        let columns = columns.into_iter().map(|(name, ty)| (name, Column::Uploaded(ty)));
        Self { size, columns: columns.collect() }
    }
    /// The batch with a column added, or replaced.
    pub fn with(&self, g: &Graph, name: &str, value: Value) -> Self {
        let mut columns = self.columns.clone();
        columns.retain(|(known, _)| known != name);
        columns.push((name.into(), Column::Given(value, g.shape(value).dims()[1..].into())));
        Self { size: self.size, columns }
    }

    /// Examples, B.
    pub fn size(&self) -> usize {
        self.size
    }
    /// Whether there is a column `name`.
    pub fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|(known, _)| known == name)
    }
    fn column(&self, name: &str) -> Result<&Column> {
        let found = self.columns.iter().find(|(known, _)| known == name);
        let names = || self.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let missing = || Error::Name(format!("the model reads a column {name}; the data have {}", names()));
        found.map(|(_, column)| column).ok_or_else(missing)
    }
    /// The shape of one example's part in the column `name`.
    ///
    /// # Errors
    /// [`Error::Name`] where there is no such column.
    pub fn example(&self, name: &str) -> Result<Shape> {
        Ok(match self.column(name)? {
            Column::Given(_, shape) => shape.clone(),
            Column::Resident(ty) | Column::Uploaded(ty) => ty.dims()[1..].into(),
        })
    }

    /// The column `name` [B, …]: bytes as floats in [0, 1], other numbers as they are.
    ///
    /// # Errors
    /// [`Error::Name`] where there is no such column; the message lists those there are.
    pub fn get(&self, g: &mut Graph, name: &str) -> Result<Value> {
        let (table, resident) = match self.column(name)? {
            Column::Given(value, _) => return Ok(*value),
            Column::Resident(ty) => (g.unscoped(|g| g.state(&leaf(name), ty.clone(), Init::Constant(0.0)))?, true),
            Column::Uploaded(ty) => (g.input(&leaf(name), ty.clone())?, false),
        };
        let bytes = g.ty(table).dtype == DType::U8;
        if !bytes && !resident {
            return Ok(table);
        }
        let indices = g.input("indices", TensorType::u32([self.size]))?;
        if bytes { g.gather_u8(table, indices, 1.0 / 255.0, 0.0) } else { g.gather(table, indices) }
    }
}

/// What the column `name` is called among the store's states and the inputs.
pub(crate) fn leaf(name: &str) -> String {
    format!("data.{name}")
}
