//! The matrix product, batched and with either operand transposed.
//!
//! y = op(a)·op(b), op being the identity or the transposition of the last two axes. The gradients are products of the
//! same kind: da = dy·op(b)ᵀ and db = op(a)ᵀ·dy, transposed where a and b are.

use super::gemm::{self, Left, Products, Right, Tile};
use super::{Bind, ChainSlot, Cost, Launch, Lowering, Op, Vjp, permute};
use crate::cpu::{Real, Reference, Strided, Threads, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::{DType, TensorType};
use crate::testing::{ErrorCase, Gen, OpCase, Tol};
use rayon::prelude::*;

/// a [M, K] × b [K, N] → [M, N], or the same for each of a batch: [B, M, K] × [B, K, N] → [B, M, N].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Matmul {
    /// Whether a is stored as [.., K, M].
    pub ta: bool,
    /// Whether b is stored as [.., N, K].
    pub tb: bool,
}

/// The parameters of `shaders/matmul.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct MatmulParams {
    /// Rows of the product.
    pub m: u32,
    /// Columns of the product.
    pub n: u32,
    /// Products an element.
    pub k: u32,
    /// Distance between the matrices of a.
    pub a_batch: u32,
    /// Distance between its rows.
    pub a_row: u32,
    /// Distance between its columns.
    pub a_col: u32,
    /// Distance between the matrices of b.
    pub b_batch: u32,
    /// Distance between its rows.
    pub b_row: u32,
    /// Distance between its columns.
    pub b_col: u32,
}

/// The parameters of `shaders/split_sum.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct SplitSumParams {
    /// Elements of the result.
    pub len: u32,
    /// Partial results.
    pub splits: u32,
}

/// The second pass of a split product: the sum of `splits` partial results in scratch 0 becomes the output.
pub(super) fn split_sum(len: usize, splits: usize) -> Launch {
    let params = SplitSumParams { len: len as u32, splits: splits as u32 };
    let groups = (len as u64).div_ceil(64);
    Launch::new("split_sum", &params, &[Bind::Scratch(0), Bind::Out], groups).chain(ChainSlot::Epilogue)
}

/// The pass of a product a [m, k] · b [k, n] of which the rows of a lie `apart`, from and to the bindings a, b, y.
pub(super) fn product([m, k, n]: [usize; 3], apart: usize, [a, b, y]: [Bind; 3], caps: &Caps) -> Launch {
    let s = Sizes { batch: 1, m, k, n, a: [apart, 1], b: [n, 1], sums: false };
    let [a_row, b_row] = [apart, n].map(|row| row as u32);
    let (a_batch, b_batch, a_col, b_col) = (0, 0, 1, 1);
    let [m, n, k] = [m, n, k].map(|extent| extent as u32);
    let params = MatmulParams { m, n, k, a_batch, a_row, a_col, b_batch, b_row, b_col };
    let products = Matmul::default().products(&s, s.k);
    let left = if apart.is_multiple_of(4) { products.left } else { Left::Ones };
    let tile = gemm::tiles(&Products { left, ..products }, caps)[0];
    Launch { binds: vec![a, b, y], ..Matmul::launch(&s, &params, &tile, [b, y], 1) }
}

/// Extents of a product, and the distances between rows and columns of op(a) and op(b).
struct Sizes {
    batch: usize,
    m: usize,
    k: usize,
    n: usize,
    a: [usize; 2],
    b: [usize; 2],
    /// Whether column sums of b may go along: where it is a short matrix as it lies, for each sum is one invocation's.
    sums: bool,
}

impl Matmul {
    /// The last two extents, as op sees them.
    fn matrix(ty: &TensorType, transposed: bool) -> [usize; 2] {
        let dims = ty.dims();
        let [rows, cols] = [dims[dims.len() - 2], dims[dims.len() - 1]];
        if transposed { [cols, rows] } else { [rows, cols] }
    }

    /// Sizes of inputs that `infer` has accepted.
    fn sizes(&self, a: &TensorType, b: &TensorType) -> Sizes {
        let ([m, k], [_, n]) = (Self::matrix(a, self.ta), Self::matrix(b, self.tb));
        Sizes {
            batch: if a.dims().len() == 3 { a.dims()[0] } else { 1 },
            m,
            k,
            n,
            a: if self.ta { [1, m] } else { [k, 1] },
            b: if self.tb { [1, k] } else { [n, 1] },
            sums: b.shape.rank() == 2 && !self.tb && k <= 1024,
        }
    }

    /// The products by parts of `k`.
    fn products(&self, s: &Sizes, k: usize) -> Products {
        let fours = s.k.is_multiple_of(4) && k.is_multiple_of(4);
        let left = match self.ta {
            true if s.m.is_multiple_of(4) => Left::Rows,
            false if fours => Left::Depth,
            _ => Left::Ones,
        };
        let right = match self.tb {
            true if fours => Right::Depth,
            true => Right::Columns,
            false => Right::rows(s.n),
        };
        Products { size: [s.m, s.n], depth: s.batch as u64, left, right, deep: [!self.ta, self.tb] }
    }

    fn launch(s: &Sizes, params: &MatmulParams, tile: &Tile, [b, out]: [Bind; 2], depth: usize) -> Launch {
        let launch = Launch::new("matmul", params, &[Bind::In(0), b, out], tile.groups([s.m, s.n]));
        tile.schedule(launch.depth(depth as u32).spare(s.sums.then(|| tile.spare(s.k, s.n))))
    }

    /// The parts of k as a batch of products whose sum is the result.
    fn split(&self, s: &Sizes, params: &MatmulParams, splits: usize, caps: &Caps) -> Lowering {
        let k = params.k / splits as u32;
        let products = Products { depth: splits as u64, ..self.products(s, k as usize) };
        let tile = gemm::tiles(&products, caps)[0];
        let part = MatmulParams { k, a_batch: k * params.a_col, b_batch: k * params.b_row, ..*params };
        let product = Self::launch(s, &part, &tile, [Bind::In(1), Bind::Scratch(0)], splits);
        let passes = vec![product, split_sum(s.m * s.n, splits)];
        Lowering { name: "split", passes, scratch: vec![TensorType::f32([splits * s.m * s.n])] }
    }

    /// A transposed b turned first, so that its columns are side by side: pays where fetches are dear.
    fn turned(&self, s: &Sizes, params: &MatmulParams, caps: &Caps) -> Vec<Lowering> {
        let turn = if self.tb && caps.software && s.batch == 1 { permute::turn(1, [1, s.n, s.k], caps) } else { None };
        let Some(turn) = turn else { return vec![] };
        let params = MatmulParams { b_row: params.n, b_col: 1, ..*params };
        let lowering = |tile: &Tile| {
            let product = Self::launch(s, &params, tile, [Bind::Scratch(0), Bind::Out], 1);
            Lowering {
                name: tile.name,
                passes: vec![turn.clone(), product.chain(ChainSlot::Epilogue)],
                scratch: vec![TensorType::f32([s.k * s.n])],
            }
        };
        let products = Products { right: Right::rows(s.n), deep: [!self.ta, false], ..self.products(s, s.k) };
        gemm::tiles(&products, caps).iter().filter(|tile| tile.vector()).map(lowering).collect()
    }
}

impl Op for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let [a, b] = inputs else { return Err(Error::shape("matmul", "takes two tensors")) };
        let rank = a.shape.rank();
        let refuse = |what: &str| {
            let written = |transposed| if transposed { " transposed" } else { "" };
            let message = format!("{a}{} × {b}{}: {what}", written(self.ta), written(self.tb));
            Err(Error::shape("matmul", message))
        };
        if a.dtype != DType::F32 || b.dtype != DType::F32 || a.is_empty() || b.is_empty() {
            return refuse("both must be F32 tensors with elements");
        }
        if !(2..=3).contains(&rank) || b.shape.rank() != rank {
            return refuse("both must be matrices, or both batches of matrices; reshape one of them");
        }
        if rank == 3 && a.dims()[0] != b.dims()[0] {
            return refuse("the batches differ");
        }
        let ([m, k], [inner, n]) = (Self::matrix(a, self.ta), Self::matrix(b, self.tb));
        if k != inner {
            return refuse(&format!("{k} columns do not meet {inner} rows"));
        }
        let mut dims = a.dims().to_vec();
        dims[rank - 2..].copy_from_slice(&[m, n]);
        Ok(TensorType::f32(dims))
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let &[a, b] = at.inputs else { return Ok(vec![None; at.inputs.len()]) };
        let (Self { ta, tb }, dy) = (*self, at.dout);
        let da = at.need[0].then(|| match ta {
            false => g.matmul_t(dy, b, false, !tb),
            true => g.matmul_t(b, dy, tb, true),
        });
        let da = da.transpose()?;
        let db = at.need[1].then(|| match tb {
            false => g.matmul_t(a, dy, !ta, false),
            true => g.matmul_t(dy, a, true, ta),
        });
        Ok(vec![da, db.transpose()?])
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let s = self.sizes(&inputs[0], &inputs[1]);
        if s.batch as u64 > u64::from(caps.max_groups) {
            return vec![];
        }
        let params = MatmulParams {
            m: s.m as u32,
            n: s.n as u32,
            k: s.k as u32,
            a_batch: (s.m * s.k) as u32,
            a_row: s.a[0] as u32,
            a_col: s.a[1] as u32,
            b_batch: (s.k * s.n) as u32,
            b_row: s.b[0] as u32,
            b_col: s.b[1] as u32,
        };
        let products = self.products(&s, s.k);
        let tiles = gemm::tiles(&products, caps);
        let whole = |tile: &Tile| {
            let launch = Self::launch(&s, &params, tile, [Bind::In(1), Bind::Out], s.batch);
            Lowering::single(tile.name, launch.chain(ChainSlot::Epilogue))
        };
        let mut variants: Vec<Lowering> = tiles.iter().map(whole).collect();
        let splits = splits(&s, &tiles[0], caps);
        if splits > 1 {
            variants.insert(0, self.split(&s, &params, splits, caps));
        } else {
            // For few rows turning is not worth a pass.
            let at = if s.m >= 256 { 0 } else { variants.len() };
            variants.splice(at..at, self.turned(&s, &params, caps));
        }
        variants
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        let s = self.sizes(&inputs[0], &inputs[1]);
        let bytes = inputs.iter().map(TensorType::bytes).sum::<usize>() + out.bytes();
        Cost { flops: 2 * (out.len() * s.k) as u64, bytes: bytes as u64 }
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
    fn takes_column_sums(&self, inputs: &[TensorType]) -> bool {
        self.sizes(&inputs[0], &inputs[1]).sums
    }
    fn sums_products(&self) -> bool {
        true
    }
}

/// Equal parts to split k into, so that a small product with a long k fills the device: a power of two, at most 64.
fn splits(s: &Sizes, tile: &Tile, caps: &Caps) -> usize {
    let (groups, mut splits) = (tile.groups([s.m, s.n]), 1);
    while s.batch == 1
        && splits < 64
        && groups * splits as u64 * 2 <= tile.enough(caps)
        && s.k.is_multiple_of(2 * splits)
        && s.k / (2 * splits) >= 128
    {
        splits *= 2;
    }
    splits
}

impl Reference for Matmul {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let s = self.sizes(inputs[0].ty, inputs[1].ty);
        let (a, b) = (inputs[0].real(), inputs[1].real());
        let product = |(z, y): (usize, &mut [T]), threads: Threads| {
            let a = Strided { data: &a[z * s.m * s.k..][..s.m * s.k], row: s.a[0], col: s.a[1] };
            let b = Strided { data: &b[z * s.k * s.n..][..s.k * s.n], row: s.b[0], col: s.b[1] };
            T::matmul([s.m, s.k, s.n], a, b, y, s.n, false, threads);
        };
        match s.batch {
            1 => product((0, out), Threads::All),
            _ => out.par_chunks_mut(s.m * s.n).enumerate().for_each(|part| product(part, Threads::One)),
        }
    }
}

impl Graph {
    /// The matrix product a [M, K] · b [K, N], or of each of a batch: [B, M, K] · [B, K, N].
    ///
    /// # Errors
    /// [`Error::Shape`] where the extents do not fit.
    pub fn matmul(&mut self, a: Value, b: Value) -> Result<Value> {
        self.matmul_t(a, b, false, false)
    }
    /// [`Graph::matmul`] of operands that are stored transposed: a as [.., K, M] where `ta`, b as [.., N, K] where `tb`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the extents do not fit.
    pub fn matmul_t(&mut self, a: Value, b: Value, ta: bool, tb: bool) -> Result<Value> {
        self.apply(Matmul { ta, tb }, &[a, b])
    }
    /// x [.., in] · w [in, out] + bias \[out\] → [.., out].
    ///
    /// # Errors
    /// [`Error::Shape`] where the extents do not fit.
    pub fn linear(&mut self, x: Value, w: Value, bias: Option<Value>) -> Result<Value> {
        let mut dims = self.shape(x).dims().to_vec();
        let rows = match dims.len() {
            2 => x,
            _ => {
                let last = self.shape(x).last();
                self.reshape(x, [self.shape(x).len() / last.max(1), last])?
            }
        };
        let mut y = self.matmul(rows, w)?;
        if let Some(bias) = bias {
            y = self.add(y, bias)?;
        }
        match dims.len() {
            2 => Ok(y),
            _ => {
                dims.pop();
                dims.push(self.shape(y).last());
                self.reshape(y, dims)
            }
        }
    }
}

pub(super) fn cases() -> Vec<OpCase> {
    // (batch, 0 for plain matrices; m; k; n; transpositions as NN, NT, TN, TT)
    let list: [(usize, usize, usize, usize, &str); 34] = [
        (0, 1, 1, 1, "NN"),
        (0, 5, 7, 3, "NN"),
        (0, 63, 65, 7, "NN"),
        (0, 65, 63, 257, "NN"),
        (0, 1, 257, 65, "NN"),
        (0, 257, 1, 5, "NN"),
        (0, 33, 9, 1, "NN"),
        (0, 1, 1, 4, "NN"),
        (0, 17, 31, 64, "NN"),
        (0, 15, 9, 68, "TN"),
        (0, 65, 24, 132, "NN"),
        (0, 33, 20, 72, "NN"),
        (0, 36, 9, 72, "TN"),
        (0, 33, 9, 128, "NN"),
        (0, 5, 1024, 12, "NN"),
        (3, 7, 5, 36, "NN"),
        (0, 17, 31, 64, "NT"),
        (0, 65, 7, 63, "NT"),
        (0, 63, 65, 5, "TN"),
        (0, 7, 129, 33, "TN"),
        (0, 5, 17, 31, "TT"),
        (0, 5, 1024, 7, "NN"),
        (3, 7, 5, 33, "NN"),
        (2, 17, 9, 4, "NT"),
        (5, 3, 13, 1, "TN"),
        // Several of the large tiles, fetched in every way.
        (2, 250, 20, 252, "NN"),
        (2, 252, 9, 252, "TN"),
        (2, 250, 12, 251, "NT"),
        (2, 249, 11, 253, "TT"),
        (0, 126, 20, 124, "NN"),
        (0, 124, 33, 124, "TN"),
        (0, 126, 36, 125, "NT"),
        (0, 125, 7, 126, "TT"),
        (0, 259, 12, 31, "NT"),
    ];
    list.iter().map(|&(batch, m, k, n, layout)| case(batch, [m, k, n], layout)).collect()
}

fn case(batch: usize, [m, k, n]: [usize; 3], layout: &str) -> OpCase {
    let op = Matmul { ta: layout.starts_with('T'), tb: layout.ends_with('T') };
    let shape = |rows, cols, transposed| {
        let matrix = if transposed { vec![cols, rows] } else { vec![rows, cols] };
        Gen::normal(if batch > 0 { [vec![batch], matrix].concat() } else { matrix })
    };
    let name = format!("{}{m}x{k}x{n} {layout}", if batch > 0 { format!("{batch}x") } else { String::new() });
    OpCase::new(name, op, [shape(m, k, op.ta), shape(k, n, op.tb)]).tol(Tol::products(k))
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let plain = Matmul::default();
    let f32s = |a: &[usize], b: &[usize]| [TensorType::f32(a), TensorType::f32(b)];
    vec![
        ErrorCase::new(plain, f32s(&[3, 4], &[5, 6]), "F32[3, 4] × F32[5, 6]: 4 columns do not meet 5 rows"),
        ErrorCase::new(Matmul { ta: true, tb: false }, f32s(&[3, 4], &[4, 6]), "F32[3, 4] transposed × F32[4, 6]"),
        ErrorCase::new(plain, f32s(&[2, 3, 4], &[4, 6]), "reshape one of them"),
        ErrorCase::new(plain, f32s(&[4], &[4]), "both must be matrices"),
        ErrorCase::new(plain, f32s(&[2, 3, 4], &[3, 4, 6]), "the batches differ"),
        ErrorCase::new(plain, [TensorType::u32([3, 4]), TensorType::f32([4, 5])], "must be F32"),
        ErrorCase::new(plain, f32s(&[3, 0], &[0, 5]), "with elements"),
    ]
}

pub(super) fn bench() -> Vec<OpCase> {
    vec![
        case(0, [1024, 1024, 1024], "NN"),
        case(0, [1024, 1024, 1024], "NT"),
        case(0, [1024, 1024, 1024], "TN"),
        case(0, [128, 784, 512], "NN"),
        case(0, [128, 512, 784], "NT"),
        case(0, [784, 128, 512], "TN"),
        case(0, [128, 512, 20], "NN"),
        case(0, [128, 20, 512], "NT"),
        case(0, [512, 128, 20], "TN"),
        case(0, [128, 20, 512], "NN"),
        case(0, [512, 128, 784], "TN"),
        case(0, [64, 4096, 128], "NN"),
        case(0, [64, 128, 4096], "NT"),
        case(0, [4096, 64, 128], "TN"),
        case(0, [8, 512, 512], "NN"),
    ]
}
