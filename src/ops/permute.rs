//! Permute: the same elements with the axes in another order. y[i_{o(0)}, i_{o(1)}, …] = x[i₀, i₁, …].
//!
//! Adjacent axes that stay adjacent are one run of the kernel, and axes of extent 1 none at all.

use super::view::{self, MAX_TERMS, Run};
use super::{Bind, ChainSlot, Launch, Lowering, Op, Vjp};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::TensorType;
use crate::testing::{ErrorCase, Gen, OpCase, Tol};
use rayon::prelude::*;

/// Axis k of the output is axis `order[k]` of the input. Up to 6 axes.
#[derive(Clone, Debug)]
pub struct Permute {
    /// Every axis of the input once.
    pub order: Vec<usize>,
}

/// The parameters of `shaders/transpose.wgsl` and `shaders/transpose_walk.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct TransposeParams {
    /// Matrices.
    pub batch: u32,
    /// Rows of each before it is turned.
    pub rows: u32,
    /// Columns of each before it is turned.
    pub columns: u32,
    /// Nothing.
    pub pad: u32,
}

impl Permute {
    /// Axes of the output that lie side by side in `x` too, innermost first.
    fn runs(&self, x: &TensorType) -> Vec<Run> {
        let strides = x.shape.strides();
        let mut runs: Vec<Run> = vec![];
        for &axis in self.order.iter().rev() {
            let (extent, stride) = (x.dims()[axis], strides[axis]);
            match runs.last_mut() {
                _ if extent == 1 => {}
                Some(run) if run.stride * run.extent == stride => run.extent *= extent,
                _ => runs.push(Run { extent, stride }),
            }
        }
        runs
    }
}

/// The [batch, rows, columns] of matrices that `runs` transpose, if that is all they do.
fn transposition(runs: &[Run]) -> Option<[usize; 3]> {
    let (rows, columns, batch) = match runs {
        [rows, columns] => (rows, columns, 1),
        [rows, columns, batch] if batch.stride == rows.extent * columns.extent => (rows, columns, batch.extent),
        _ => return None,
    };
    let turned = columns.stride == 1 && rows.stride == columns.extent;
    turned.then_some([batch, rows.extent, columns.extent])
}

/// The pass that transposes input `k`, matrices [batch, rows, columns], to scratch 0, so that a product may read it in order.
pub(super) fn turn(k: usize, dims: [usize; 3], caps: &Caps) -> Option<Launch> {
    let [batch, rows, columns] = dims;
    let [from, to] = [dims, [batch, columns, rows]].map(TensorType::f32);
    let best = Permute { order: vec![0, 2, 1] }.variants(&[from], &to, caps).into_iter().next()?;
    let launch = best.passes.into_iter().next()?;
    Some(Launch { binds: vec![Bind::In(k), Bind::Scratch(0)], chain: ChainSlot::None, ..launch })
}

/// How `shaders/transpose_walk.wgsl` goes over a matrix.
struct Walk {
    lanes: usize,
    /// Whether lanes lie along the rows' index.
    along_rows: bool,
    /// Of a tile: across the lanes, and along the walk.
    sides: [usize; 2],
}

impl Walk {
    fn of(rows: usize, columns: usize, caps: &Caps) -> Self {
        let lanes = if caps.software { 8 } else { 64 };
        let along_rows = rows >= lanes || rows >= columns;
        // Powers of two, so that few pipelines serve all shapes: 2,048 elements, at most 32 of them in a walk.
        let deep = if along_rows { columns } else { rows }.next_power_of_two().min(32);
        let wide = 2048 / deep;
        Self { lanes, along_rows, sides: [wide, deep] }
    }
    /// A tile's rows and columns.
    fn tile(&self) -> [usize; 2] {
        let [wide, deep] = self.sides;
        if self.along_rows { [wide, deep] } else { [deep, wide] }
    }
    fn specialise(&self, launch: Launch) -> Launch {
        let [wide, deep] = self.sides.map(|n| n as u32);
        launch.spec("WG", self.lanes as u32).spec("ALONG_R", self.along_rows).spec("WIDE", wide).spec("DEEP", deep)
    }
}

impl Op for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let x = view::one_f32("permute", inputs)?;
        let rank = x.shape.rank();
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if rank > MAX_TERMS || !sorted.iter().copied().eq(0..rank) {
            let message = format!("order {:?} of {x}: it must name each axis once, of {MAX_TERMS} at most", self.order);
            return Err(Error::shape("permute", message));
        }
        Ok(TensorType::f32(self.order.iter().map(|&axis| x.dims()[axis]).collect::<Vec<_>>()))
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let mut back = vec![0; self.order.len()];
        self.order.iter().enumerate().for_each(|(k, &axis)| back[axis] = k);
        Ok(vec![Some(g.permute(at.dout, &back)?)])
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let runs = self.runs(&inputs[0]);
        let mut variants = vec![view::lowering("strided", &runs, 0, out.len())];
        if let Some([batch, rows, columns]) = transposition(&runs) {
            let params = TransposeParams { batch: batch as u32, rows: rows as u32, columns: columns as u32, pad: 0 };
            let launch = |kernel, [down, across]: [usize; 2]| {
                let tiles = batch * rows.div_ceil(down) * columns.div_ceil(across);
                let launch = Launch::new(kernel, &params, &[Bind::In(0), Bind::Out], tiles as u64);
                launch.chain(ChainSlot::Epilogue)
            };
            let walk = Walk::of(rows, columns, caps);
            let walk = walk.specialise(launch("transpose_walk", walk.tile()));
            variants.insert(usize::from(!caps.software), Lowering::single("walk", walk));
            // A thin matrix leaves most of a tile empty.
            let first = !caps.software && rows.min(columns) >= 8;
            let last = variants.len();
            variants.insert(if first { 0 } else { last }, Lowering::single("tile", launch("transpose", [32, 32])));
        }
        variants
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
    fn picks(&self) -> bool {
        true
    }
}

impl Reference for Permute {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (x, dims, strides) = (inputs[0].real(), inputs[0].dims(), inputs[0].ty.shape.strides());
        let Some((&inner, outer)) = self.order.split_last() else { return out.copy_from_slice(x) };
        // Rows of the output's innermost axis: each starts where its outer indices say.
        out.par_chunks_mut(dims[inner]).with_min_len(64).enumerate().for_each(|(mut row, out)| {
            let mut from = 0;
            for &axis in outer.iter().rev() {
                from += row % dims[axis] * strides[axis];
                row /= dims[axis];
            }
            out.iter_mut().enumerate().for_each(|(k, y)| *y = x[from + k * strides[inner]]);
        });
    }
}

impl Graph {
    /// `x` with its axes in another order: axis k of the result is axis `order[k]` of `x`. Up to 6 axes. NHWC to NCHW is
    /// `[0, 3, 1, 2]`. Where no two elements change places nothing is computed.
    pub fn permute(&mut self, x: Value, order: &[usize]) -> Result<Value> {
        let ty = self.ty(x).clone();
        let op = Permute { order: order.to_vec() };
        let shape = op.infer(std::slice::from_ref(&ty)).map(|ty| ty.shape);
        let moved = order.iter().filter(|&&axis| ty.dims().get(axis) != Some(&1));
        match shape {
            Ok(shape) if moved.is_sorted() => self.reshape(x, shape),
            _ => self.apply(op, &[x]), // an error, too, comes from there, with its scope
        }
    }
    /// `x` with its last two axes exchanged: the transpose of a matrix, or of each matrix of a batch.
    pub fn transpose2(&mut self, x: Value) -> Result<Value> {
        let rank = self.shape(x).rank();
        let mut order: Vec<usize> = (0..rank).collect();
        match rank {
            0 | 1 => Err(Error::shape("permute", format!("{} is no matrix to transpose", self.ty(x)))),
            _ => {
                order.swap(rank - 2, rank - 1);
                self.permute(x, &order)
            }
        }
    }
}

fn case(dims: &[usize], order: &[usize]) -> OpCase {
    let op = Permute { order: order.to_vec() };
    OpCase::new(format!("{dims:?} by {order:?}"), op, [Gen::Normal(dims.into(), 1.0)]).tol(Tol::EXACT)
}

pub(super) fn cases() -> Vec<OpCase> {
    vec![
        case(&[1], &[0]),
        case(&[257], &[0]),
        case(&[7, 65], &[1, 0]),
        case(&[63, 1], &[1, 0]),
        case(&[31, 33], &[1, 0]),
        case(&[32, 64], &[1, 0]),
        case(&[131, 97], &[1, 0]),
        case(&[3, 32, 31], &[0, 2, 1]),
        case(&[2, 3, 1031], &[0, 2, 1]),
        case(&[2, 1031, 3], &[0, 2, 1]),
        case(&[2, 8, 9, 33], &[0, 3, 1, 2]),
        case(&[3, 5, 7], &[2, 0, 1]),
        case(&[3, 5, 7], &[0, 2, 1]),
        case(&[1, 5, 7, 3], &[0, 3, 1, 2]),
        case(&[2, 3, 5, 7], &[0, 2, 3, 1]),
        case(&[2, 3, 4, 5], &[2, 3, 0, 1]),
        case(&[2, 3, 1, 5, 4], &[4, 1, 3, 2, 0]),
        case(&[2, 3, 2, 5, 3, 2], &[5, 3, 1, 4, 2, 0]),
        case(&[2, 3, 2, 5, 3, 2], &[0, 1, 2, 3, 4, 5]),
    ]
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let op = |order: &[usize]| Permute { order: order.to_vec() };
    vec![
        ErrorCase::new(op(&[0, 0]), [TensorType::f32([3, 4])], "must name each axis once"),
        ErrorCase::new(op(&[0]), [TensorType::f32([3, 4])], "must name each axis once"),
        ErrorCase::new(op(&[6, 5, 4, 3, 2, 1, 0]), [TensorType::f32([2; 7])], "of 6 at most"),
        ErrorCase::new(op(&[0]), [TensorType::u32([3])], "takes an F32 tensor"),
        ErrorCase::new(op(&[0]), [TensorType::f32([0])], "with elements"),
    ]
}

pub(super) fn bench() -> Vec<OpCase> {
    vec![case(&[64, 64, 64, 3], &[0, 3, 1, 2]), case(&[64, 3, 64, 64], &[0, 2, 3, 1]), case(&[1024, 1024], &[1, 0])]
}
