//! Gather: rows of a table by index, and dequantization of bytes on the way: a batch from a data set that lives on the device.
//!
//! y[b, …] = x[i_b, …], for a table of bytes scale · x + shift. An index past the table reads its last row, in kernels and
//! reference alike; whoever writes the indices checks them. Rows of indices (labels, tokens) stay indices. The gradient with
//! respect to an F32 table (an embedding) is a scatter-add.

use super::view::{divide, elementwise};
use super::{Bind, Cost, Launch, Lowering, Op, Vjp};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::{DType, TensorType};
use crate::testing::{ErrorCase, Gen, OpCase, Tol};
use rayon::prelude::*;

/// Rows of an F32 or U32 table `[rows, …]` by U32 indices `[batch]`.
#[derive(Clone, Debug)]
pub struct Gather;

/// Rows of a U8 table `[rows, …]` by U32 indices `[batch]`, as floats `scale · x + shift`.
#[derive(Clone, Debug)]
pub struct GatherU8 {
    /// What a byte is multiplied by.
    pub scale: f32,
    /// What is added.
    pub shift: f32,
}

/// The parameters of `shaders/gather.wgsl` and `shaders/gather_u32.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct GatherParams {
    /// Elements of the output.
    pub len: u32,
    /// Elements of a row.
    pub row: u32,
    /// The table's last row.
    pub last: u32,
    /// Unused.
    pub pad: u32,
}

/// The parameters of `shaders/gather_u8.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct GatherU8Params {
    /// Elements of the output.
    pub len: u32,
    /// Elements of a row.
    pub row: u32,
    /// The table's last row.
    pub last: u32,
    /// What a byte is multiplied by.
    pub scale: f32,
    /// What is added.
    pub shift: f32,
    /// Unused.
    pub pad: [u32; 3],
}

const BINDS: [Bind; 3] = [Bind::In(0), Bind::In(1), Bind::Out];

/// The output's type but for its element type.
fn infer(op: &str, dtypes: &[DType], rank: usize, inputs: &[TensorType]) -> Result<TensorType> {
    let [table, indices] = inputs else {
        return Err(Error::shape(op, format!("takes a table and indices, was given {} tensors", inputs.len())));
    };
    if !dtypes.contains(&table.dtype) || table.shape.rank() < rank || table.is_empty() {
        return Err(Error::shape(op, format!("takes a table of rows of {dtypes:?}, not {table}")));
    }
    if u32::try_from(table.len()).is_err() {
        return Err(Error::shape(op, format!("{table} has 2³² elements or more; split it")));
    }
    if indices.dtype != DType::U32 || indices.shape.rank() != 1 || indices.is_empty() {
        return Err(Error::shape(op, format!("takes a list of U32 indices, not {indices}")));
    }
    let mut dims = table.dims().to_vec();
    dims[0] = indices.len();
    Ok(TensorType::f32(dims))
}

/// Calls `each` with every row of `out` and the table's elements for it.
fn rows<T: Send, U: Sync>(table: &[U], indices: &[u32], out: &mut [T], each: impl Fn(&mut [T], &[U]) + Sync) {
    let row = out.len() / indices.len();
    let last = table.len() / row - 1;
    out.par_chunks_mut(row).zip(indices).for_each(|(out, &index)| {
        each(out, &table[(index as usize).min(last) * row..][..row]);
    });
}

/// Rows are read, not the whole table.
fn cost(inputs: &[TensorType], out: &TensorType, element: usize) -> Cost {
    Cost { flops: out.len() as u64, bytes: (out.bytes() + out.len() * element + inputs[1].bytes()) as u64 }
}

/// `launch` by rows and by elements: short rows leave lanes idle, and hardware has as many lanes as elements.
fn by_rows(launch: Launch, row: u32, caps: &Caps) -> Vec<Lowering> {
    let rows = Lowering::single("rows", launch.clone().spec("ROWS", true));
    let elements = Lowering::single("elements", launch);
    if caps.software && row >= 32 { vec![rows, elements] } else { vec![elements, rows] }
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let out = infer("gather", &[DType::F32, DType::U32], 1, inputs)?;
        Ok(TensorType { dtype: inputs[0].dtype, ..out })
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let rows = g.shape(at.inputs[0]).dims()[0];
        let floats = at.need[0] && g.ty(at.inputs[0]).dtype == DType::F32;
        Ok(vec![floats.then(|| g.scatter_add(at.dout, at.inputs[1], rows)).transpose()?, None])
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let params = GatherParams {
            len: out.len() as u32,
            row: (out.len() / inputs[1].len()) as u32,
            last: inputs[0].dims()[0] as u32 - 1,
            pad: 0,
        };
        let launch = match out.dtype {
            DType::U32 => Launch::elements("gather_u32", &params, &BINDS, out.len()),
            _ => elementwise("gather", &params, &BINDS, out.len()),
        };
        let launch = launch.spec("DIVIDE", divide(&[params.row as usize], out.len()));
        match out.dtype {
            DType::U32 => vec![Lowering::single("elements", launch)],
            _ => by_rows(launch, params.row, caps),
        }
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        cost(inputs, out, 4)
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
    fn picks(&self) -> bool {
        true
    }
}

impl Reference for Gather {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (table, indices) = (inputs[0], inputs[1].u32());
        match table.ty.dtype {
            DType::U32 => rows(table.u32(), indices, out, |out, x| {
                out.iter_mut().zip(x).for_each(|(y, &x)| *y = T::of(x.into()));
            }),
            _ => rows(table.real(), indices, out, |out, x| out.copy_from_slice(x)),
        }
    }
    fn words<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [u32]) -> bool {
        rows(inputs[0].u32(), inputs[1].u32(), out, |out, x| out.copy_from_slice(x));
        true
    }
}

impl Op for GatherU8 {
    fn name(&self) -> &'static str {
        "gather_u8"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        if !self.scale.is_finite() || !self.shift.is_finite() {
            let message = format!("scale {} and shift {} must be finite", self.scale, self.shift);
            return Err(Error::shape("gather_u8", message));
        }
        infer("gather_u8", &[DType::U8], 2, inputs)
    }
    fn vjp(&self, _: &mut Graph, _: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None, None])
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let params = GatherU8Params {
            len: out.len() as u32,
            row: (out.len() / inputs[1].len()) as u32,
            last: inputs[0].dims()[0] as u32 - 1,
            scale: self.scale,
            shift: self.shift,
            pad: [0; 3],
        };
        let launch = elementwise("gather_u8", &params, &BINDS, out.len());
        let launch = launch.spec("DIVIDE", divide(&[params.row as usize], out.len()));
        match params.row.is_multiple_of(4) {
            true => by_rows(launch, params.row, caps),
            false => vec![Lowering::single("elements", launch)],
        }
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        cost(inputs, out, 1)
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

impl Reference for GatherU8 {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (scale, shift) = (T::of(self.scale.into()), T::of(self.shift.into()));
        rows(inputs[0].u8(), inputs[1].u32(), out, |out, x| {
            out.iter_mut().zip(x).for_each(|(y, &x)| *y = T::of(x.into()) * scale + shift);
        });
    }
}

impl Graph {
    /// Rows of an F32 or U32 `table [rows, …]` by U32 `indices [batch]`: `[batch, …]` of the table's elements.
    /// Differentiable by an F32 table.
    pub fn gather(&mut self, table: Value, indices: Value) -> Result<Value> {
        self.apply(Gather, &[table, indices])
    }
    /// Rows of a U8 `data [rows, …]` by U32 `indices [batch]` as floats `scale · x + shift`: `[batch, …]`. Pixels in [0, 1]
    /// are `(1.0 / 255.0, 0.0)`, in [−1, 1] `(2.0 / 255.0, -1.0)`.
    pub fn gather_u8(&mut self, data: Value, indices: Value, scale: f32, shift: f32) -> Result<Value> {
        self.apply(GatherU8 { scale, shift }, &[data, indices])
    }
}

fn bytes(table: &[usize], indices: Vec<u32>, scale: f32, shift: f32) -> OpCase {
    let name = format!("u8 {table:?}, {} rows, {scale} x + {shift}", indices.len());
    let inputs = [Gen::Bytes(table.into()), Gen::Words([indices.len()].into(), indices)];
    // Two roundings, of a product up to 255·scale and of the sum.
    let tol = Tol { abs: 2.0 * 5.97e-8 * f64::from(255.0 * scale.abs() + shift.abs()), ..Tol::ROUNDED };
    OpCase::new(name, GatherU8 { scale, shift }, inputs).tol(tol).no_grad("bytes have no gradient")
}

fn floats(table: &[usize], indices: Vec<u32>) -> OpCase {
    let name = format!("f32 {table:?}, {} rows", indices.len());
    let inputs = [Gen::Normal(table.into(), 1.0), Gen::Words([indices.len()].into(), indices)];
    OpCase::new(name, Gather, inputs).tol(Tol::EXACT)
}

fn words(table: &[usize], indices: Vec<u32>) -> OpCase {
    let name = format!("u32 {table:?}, {} rows", indices.len());
    let inputs = [Gen::Index(table.into(), u32::MAX), Gen::Words([indices.len()].into(), indices)];
    // The harness compares words as f32.
    let tol = Tol { rel: 5.97e-8, ..Tol::EXACT };
    OpCase::new(name, Gather, inputs).tol(tol).no_grad("indices have no gradient")
}

pub(super) fn cases() -> Vec<OpCase> {
    const UNIT: f32 = 1.0 / 255.0;
    vec![
        bytes(&[1, 1], vec![0], UNIT, 0.0),
        bytes(&[3, 5], vec![2, 0, 1, 1], UNIT, 0.0),
        bytes(&[7, 3, 3, 3], vec![6, 0, 5, 3, 2], UNIT, 0.0),
        bytes(&[5, 7, 3, 1], vec![4, 1], 2.0 * UNIT, -1.0),
        bytes(&[65, 63], vec![64, 0, 33, 64, 63, 1, 7], UNIT, 0.0),
        bytes(&[4, 8, 8, 3], vec![3, 2, 1], UNIT, 0.0),
        bytes(&[9, 36, 11], vec![8, 0, 3, 3, 7], UNIT, 0.0),
        bytes(&[5, 3], vec![5, u32::MAX, 4, 2], UNIT, 0.0),
        floats(&[257, 1], vec![256, 0, 128]),
        floats(&[7, 65], vec![6, 0, 6, 3, 1]),
        floats(&[5, 2, 3, 7], vec![4, 2]),
        floats(&[9, 701], vec![8, 0, 3, 3, 7]),
        floats(&[5, 3], vec![5, u32::MAX, 4, 2]),
        floats(&[131], vec![130, 0, 77, 131]),
        words(&[1], vec![0]),
        words(&[131], vec![130, 0, 77, 131]),
        words(&[67, 13], vec![66, 0, 13, 66, 1, u32::MAX, 7]),
        words(&[5, 3, 2], vec![4, 2]),
    ]
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let op = || GatherU8 { scale: 1.0, shift: 0.0 };
    let (u8s, f32s, indices) = (TensorType::u8([3, 4]), TensorType::f32([3, 4]), TensorType::u32([2]));
    vec![
        ErrorCase::new(op(), [f32s.clone(), indices.clone()], "table of rows of [U8]"),
        ErrorCase::new(op(), [TensorType::u8([3]), indices.clone()], "table of rows of [U8]"),
        ErrorCase::new(op(), [TensorType::u8([1 << 20, 1 << 12]), indices.clone()], "split it"),
        ErrorCase::new(op(), [u8s.clone(), TensorType::f32([2])], "U32 indices"),
        ErrorCase::new(op(), [u8s.clone(), TensorType::u32([2, 1])], "U32 indices"),
        ErrorCase::new(op(), [u8s.clone()], "was given 1"),
        ErrorCase::new(GatherU8 { scale: f32::NAN, shift: 0.0 }, [u8s.clone(), indices.clone()], "must be finite"),
        ErrorCase::new(Gather, [u8s, indices.clone()], "table of rows of [F32, U32]"),
        ErrorCase::new(Gather, [TensorType::f32([0, 4]), indices], "table of rows of [F32, U32]"),
        ErrorCase::new(Gather, [f32s, TensorType::u32([0])], "U32 indices"),
    ]
}

pub(super) fn bench() -> Vec<OpCase> {
    let indices = |n: u32| (0..n).map(|i| i * 37 % 1024).collect();
    vec![
        bytes(&[1024, 64, 64, 3], indices(64), 1.0 / 255.0, 0.0),
        floats(&[1024, 784], indices(128)),
        floats(&[1024, 784], indices(2048)),
    ]
}
