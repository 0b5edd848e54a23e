//! Scatter-add: the adjoint of gather. y\[v\] = Σ over b with index v of x\[b\]: the gradient of an embedding's table.
//!
//! Without float atomics: either every element of y looks at all indices, or positions of one row are linked to a list first
//! (each word has one writer) and every element of y walks its row's. Both add in ascending order, with the same bits.

use super::view::{divide, elementwise};
use super::{Bind, Cost, Launch, Lowering, Op, Vjp, traffic};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::{DType, TensorType};
use crate::testing::{ErrorCase, Gen, OpCase, Tol};

/// Adds rows [count, …] to `rows` rows of zeros, by U32 indices \[count\]: [rows, …]. An index past the last row means it.
#[derive(Clone, Debug)]
pub struct ScatterAdd {
    /// Rows of the output.
    pub rows: usize,
}

/// The parameters of `shaders/scatter_add.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct ScatterParams {
    /// Elements of the output.
    pub len: u32,
    /// Elements of a row.
    pub row: u32,
    /// The output's last row.
    pub last: u32,
    /// Rows of the input.
    pub count: u32,
}

/// The parameters of `shaders/scatter_clear.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct ClearParams {
    /// Rows of the output.
    pub len: u32,
    /// Nothing.
    pub pad: [u32; 3],
}

/// The parameters of `shaders/scatter_links.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct LinksParams {
    /// Rows of the input.
    pub len: u32,
    /// The output's last row.
    pub last: u32,
    /// Nothing.
    pub pad: [u32; 2],
}

/// Looking at all indices is listed up to this many looks; beyond it takes seconds.
const MOST_LOOKS: usize = 1 << 28;

impl Op for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let [x, index] = inputs else { return Err(Error::shape(self.name(), "takes rows and indices")) };
        if x.dtype != DType::F32 || x.shape.rank() == 0 || x.is_empty() || self.rows == 0 {
            let message = format!("takes an F32 tensor of rows for 1 row or more, not {x} for {}", self.rows);
            return Err(Error::shape(self.name(), message));
        }
        if *index != TensorType::u32([x.dims()[0]]) {
            return Err(Error::shape(self.name(), format!("indices must be U32[{}], not {index}", x.dims()[0])));
        }
        let mut dims = x.dims().to_vec();
        dims[0] = self.rows;
        let out = TensorType::f32(dims);
        match u32::try_from(out.len()) {
            Ok(_) => Ok(out),
            Err(_) => Err(Error::shape(self.name(), format!("{out} has 2³² elements or more; split it"))),
        }
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![Some(g.gather(at.dout, at.inputs[1])?), None])
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let count = inputs[1].len();
        let row = out.len() / self.rows;
        let (len, last) = (out.len() as u32, self.rows as u32 - 1);
        let params = ScatterParams { len, row: row as u32, last, count: count as u32 };
        let add = |next: Bind, head: Bind, scan: bool| {
            let launch = elementwise("scatter_add", &params, &[Bind::In(0), next, head, Bind::Out], out.len());
            launch.spec("SCAN", scan).spec("DIVIDE", divide(&[row], out.len()))
        };
        let scan = Lowering::single("scan", add(Bind::In(1), Bind::In(1), true));
        let clear = ClearParams { len: self.rows as u32, pad: [0; 3] };
        let links = LinksParams { len: count as u32, last, pad: [0; 2] };
        let (next, head) = (Bind::Scratch(0), Bind::Scratch(1));
        let passes = vec![
            Launch::elements("scatter_clear", &clear, &[head], self.rows),
            Launch::elements("scatter_links", &links, &[Bind::In(1), next, head], count),
            add(next, head, false),
        ];
        let lists =
            Lowering { name: "lists", passes, scratch: vec![TensorType::u32([count]), TensorType::u32([self.rows])] };
        // A search ends at the first of its kind, after as many looks as there are rows, on average.
        let looks = count * count.min(2 * self.rows);
        let one = traffic::pass(caps, out.len() * (count + 1), out.len());
        let three = traffic::pass(caps, self.rows, self.rows)
            + traffic::pass(caps, looks, count)
            + traffic::pass(caps, out.len() + 2 * inputs[0].len(), out.len());
        match (out.len().saturating_mul(count) > MOST_LOOKS, one <= three) {
            (true, _) => vec![lists],
            (false, true) => vec![scan, lists],
            (false, false) => vec![lists, scan],
        }
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        let bytes = inputs.iter().map(TensorType::bytes).sum::<usize>() + out.bytes();
        Cost { flops: inputs[0].len() as u64, bytes: bytes as u64 }
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
    fn sums_products(&self) -> bool {
        true
    }
}

impl Reference for ScatterAdd {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (x, index) = (inputs[0].real(), inputs[1].u32());
        let row = out.len() / self.rows;
        out.fill(T::ZERO);
        for (x, &v) in x.chunks(row).zip(index) {
            let out = &mut out[(v as usize).min(self.rows - 1) * row..][..row];
            out.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
        }
    }
}

impl Graph {
    /// Adds the rows of `x` [count, …] to `rows` rows of zeros by U32 `index` \[count\]: [rows, …]. The adjoint of
    /// [`Graph::gather`]; repeats bit by bit.
    ///
    /// # Errors
    /// [`Error::Shape`] where the shapes do not fit.
    pub fn scatter_add(&mut self, x: Value, index: Value, rows: usize) -> Result<Value> {
        self.apply(ScatterAdd { rows }, &[x, index])
    }
    /// Rows of `table` [V, …] by U32 `tokens` of any shape [..]: [.., …]. A token from V on reads the last row. Gradients to the
    /// table are added up row by row in a fixed order.
    ///
    /// # Errors
    /// [`Error::Shape`] where the types do not fit.
    pub fn embedding(&mut self, table: Value, tokens: Value) -> Result<Value> {
        let row = self.shape(table).dims().get(1..).unwrap_or_default().to_vec();
        let dims = [self.shape(tokens).dims(), &row].concat();
        let flat = self.reshape(tokens, [self.shape(tokens).len()])?;
        let rows = self.gather(table, flat)?;
        self.reshape(rows, dims)
    }
}

fn case(shape: &[usize], rows: usize, index: Vec<u32>) -> OpCase {
    let tol = Tol::products(shape[0]);
    let inputs = [Gen::Normal(shape.into(), 1.0), Gen::Words([shape[0]].into(), index)];
    OpCase::new(format!("{shape:?} to {rows}"), ScatterAdd { rows }, inputs).tol(tol)
}

pub(super) fn cases() -> Vec<OpCase> {
    let mixed = |n: u32, rows: u32| (0..n).map(|i| i * i * 7 % rows).collect::<Vec<_>>();
    vec![
        case(&[1, 1], 1, vec![0]),
        case(&[1], 5, vec![3]),
        case(&[5, 3], 2, vec![1, 0, 1, 1, u32::MAX]),
        case(&[131, 7], 64, mixed(131, 64)),
        case(&[65, 2, 3], 5, vec![4; 65]),
        case(&[33, 65], 257, mixed(33, 257)),
        case(&[300, 5], 3, mixed(300, 3)),
        case(&[257, 1], 1031, mixed(257, 1031)),
    ]
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let (f, u) = (TensorType::f32([3, 4]), TensorType::u32([3]));
    vec![
        ErrorCase::new(ScatterAdd { rows: 0 }, [f.clone(), u.clone()], "for 1 row or more"),
        ErrorCase::new(ScatterAdd { rows: 2 }, [u.clone(), u.clone()], "takes an F32 tensor of rows"),
        ErrorCase::new(ScatterAdd { rows: 2 }, [f.clone(), TensorType::u32([4])], "indices must be U32[3]"),
        ErrorCase::new(ScatterAdd { rows: 1 << 31 }, [f.clone(), u], "split it"),
        ErrorCase::new(ScatterAdd { rows: 2 }, [f], "takes rows and indices"),
    ]
}

pub(super) fn bench() -> Vec<OpCase> {
    let tokens = |v: u32| (0..2048_u32).map(|i| i.wrapping_mul(2_654_435_761) >> 7).map(|h| h % v).collect();
    vec![case(&[2048, 128], 10_000, tokens(10_000)), case(&[2048, 128], 100, tokens(100))]
}
