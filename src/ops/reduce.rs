//! Sum, mean and maximum over axes; logsumexp is composed of them.
//!
//! An output element o and a reduced position r name the input element base(o) + offset(r), both sums of
//! (index / div % modulo) · stride over runs of adjacent axes. Reductions are fixed trees: one workgroup takes all of r, or
//! several take a block of r each and a second pass joins their results.

use super::pointwise::{Term, no_second_derivative};
use super::{Bind, ChainSlot, Launch, Lowering, Op, Vjp, pointwise::function, traffic, view};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::{DType, Shape, TensorType};
use crate::testing::{ErrorCase, Gen, OpCase, Tol};
use rayon::prelude::*;

/// How elements are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The largest.
    Max,
}

/// Reduces `axes`, which stay as extents of 1 where `keep` is set.
#[derive(Clone, Debug)]
pub struct Reduce {
    /// How.
    pub kind: Kind,
    /// Which axes, ascending.
    pub axes: Vec<usize>,
    /// Whether reduced axes stay as 1.
    pub keep: bool,
}

/// The parameters of `shaders/reduce.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct ReduceParams {
    /// (extent, stride, 0, 0) of the kept runs, innermost first.
    pub keep: [[u32; 4]; 4],
    /// The same of the reduced runs.
    pub fold: [[u32; 4]; 4],
    /// Outputs.
    pub outs: u32,
    /// Reduced elements an output.
    pub len: u32,
    /// Blocks they are cut into.
    pub chunks: u32,
    /// Elements a block.
    pub block: u32,
    /// What the result is multiplied by.
    pub scale: f32,
    /// Unused.
    pub pad: [u32; 3],
}

/// Runs of adjacent axes of `shape` that are (or are not) reduced, innermost first.
fn runs(shape: &Shape, axes: &[usize], reduced: bool) -> Vec<Term> {
    let mut terms: Vec<Term> = vec![];
    let (mut div, mut stride, mut open) = (1, 1, false);
    for axis in (0..shape.rank()).rev().filter(|&axis| shape.dims()[axis] != 1) {
        let extent = shape.dims()[axis];
        let mine = axes.contains(&axis) == reduced;
        if mine {
            match terms.last_mut().filter(|_| open) {
                Some(term) => term.modulo *= extent,
                None => terms.push(Term { div, modulo: extent, stride }),
            }
            div *= extent;
        }
        open = mine;
        stride *= extent;
    }
    terms
}

fn offset(terms: &[Term], i: usize) -> usize {
    terms.iter().map(|t| i / t.div % t.modulo * t.stride).sum()
}

impl Op for Reduce {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sum => "sum",
            Kind::Mean => "mean",
            Kind::Max => "max",
        }
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let [x] = inputs else { return Err(Error::shape(self.name(), "takes one tensor")) };
        let rank = x.shape.rank();
        if self.axes.iter().any(|&a| a >= rank) || !self.axes.is_sorted_by(|a, b| a < b) {
            let message = format!("axes {:?} of {x}: they must be ascending and below {rank}", self.axes);
            return Err(Error::shape(self.name(), message));
        }
        if x.dtype != DType::F32 || x.is_empty() {
            return Err(Error::shape(self.name(), format!("takes an F32 tensor with elements, not {x}")));
        }
        let dim = |(axis, &extent): (usize, &usize)| match self.axes.contains(&axis) {
            true => self.keep.then_some(1),
            false => Some(extent),
        };
        Ok(TensorType::f32(x.dims().iter().enumerate().filter_map(dim).collect::<Vec<_>>()))
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let x = at.inputs[0];
        let shape = g.shape(x).clone();
        let count: usize = self.axes.iter().map(|&a| shape.dims()[a]).product();
        let kept: Vec<usize> =
            shape.dims().iter().enumerate().map(|(a, &d)| if self.axes.contains(&a) { 1 } else { d }).collect();
        let dout = g.reshape(at.dout, kept.clone())?;
        let dx = match self.kind {
            Kind::Sum => g.expand(dout, shape)?,
            Kind::Mean => {
                let scaled = g.scale(dout, 1.0 / count as f32)?;
                g.expand(scaled, shape)?
            }
            Kind::Max => {
                // Ties share the gradient equally.
                let out = g.reshape(at.out, kept)?;
                let mask = g.map(&IS_MAX, &[], &[x, out])?;
                let ties = g.reduce(Kind::Sum, mask, &self.axes, true)?;
                let share = g.div(dout, ties)?;
                g.mul(mask, share)?
            }
        };
        Ok(vec![Some(dx)])
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let (outs, len) = (out.len(), inputs[0].len() / out.len());
        let keep = runs(&inputs[0].shape, &self.axes, false);
        let fold = runs(&inputs[0].shape, &self.axes, true);
        if keep.len() > 4 || fold.len() > 4 {
            return vec![]; // rank 9 and more, alternating
        }
        let tree = Tree::of(outs, len, fold.first().is_none_or(|t| t.stride == 1), caps);
        let scale = if self.kind == Kind::Mean { 1.0 / len as f32 } else { 1.0 };
        let launch = |block: usize, to: Bind| {
            let chunks = len.div_ceil(block);
            let params = ReduceParams {
                keep: pack(&keep),
                fold: pack(&fold),
                outs: outs as u32,
                len: len as u32,
                chunks: chunks as u32,
                block: block as u32,
                scale: if chunks == 1 { scale } else { 1.0 },
                pad: [0; 3],
            };
            let inner = |terms: &[Term]| terms.iter().rev().skip(1).map(|t| t.modulo).collect::<Vec<_>>();
            let launch = Launch::new("reduce", &params, &[to], tree.groups(outs) * chunks as u64);
            (tree.spec(launch).spec("MAX", self.kind == Kind::Max))
                .spec("KEEP", keep.len().max(1) as u32)
                .spec("FOLD", fold.len().max(1) as u32)
                .spec("DIVIDE", view::divide(&[inner(&keep), inner(&fold)].concat(), inputs[0].len()))
                .chain(if chunks == 1 { ChainSlot::Both } else { ChainSlot::Prologue })
        };
        let mut variants = vec![Lowering::single("whole", launch(len, Bind::Out))];
        let block = tree.block(outs, len, caps);
        let chunks = len.div_ceil(block);
        if chunks > 1 {
            let (second, lanes) = second(outs, chunks, scale, self.kind == Kind::Max, caps);
            let invocations = tree.groups(outs) as usize * tree.wg;
            let one = traffic::pass(caps, inputs[0].len(), invocations);
            let two =
                traffic::pass(caps, inputs[0].len(), chunks * invocations) + traffic::pass(caps, chunks * outs, lanes);
            let passes = vec![launch(block, Bind::Scratch(0)), second];
            let split = Lowering { name: "split", passes, scratch: vec![TensorType::f32([outs * chunks])] };
            variants.insert(usize::from(one <= two), split);
        }
        variants
    }
    fn takes_prologue(&self) -> bool {
        true
    }
    fn picks(&self) -> bool {
        self.kind == Kind::Max
    }
    fn sums_columns(&self) -> bool {
        self.kind == Kind::Sum && self.axes.iter().enumerate().all(|(i, &axis)| i == axis)
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
    fn sums_products(&self) -> bool {
        self.kind != Kind::Max
    }
}

/// The parameters of `shaders/reduce_second.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct SecondParams {
    /// Outputs.
    pub outs: u32,
    /// Partial results an output.
    pub chunks: u32,
    /// What the result is multiplied by.
    pub scale: f32,
    /// Nothing.
    pub pad: u32,
}

fn pack(terms: &[Term]) -> [[u32; 4]; 4] {
    let mut packed = [[1, 0, 0, 0]; 4]; // an absent run adds nothing
    for (p, t) in packed.iter_mut().zip(terms) {
        *p = [t.modulo as u32, t.stride as u32, 0, 0];
    }
    packed
}

/// The second pass over scratch 0, (chunks, outs), and its invocations.
pub(super) fn second(outs: usize, chunks: usize, scale: f32, max: bool, caps: &Caps) -> (Launch, usize) {
    let tree = Tree::of(outs, chunks, false, caps);
    let params = SecondParams { outs: outs as u32, chunks: chunks as u32, scale, pad: 0 };
    let launch = Launch::new("reduce_second", &params, &[Bind::Scratch(0), Bind::Out], tree.groups(outs));
    (tree.spec(launch).spec("MAX", max).chain(ChainSlot::Epilogue), tree.groups(outs) as usize * tree.wg)
}

/// A workgroup of `wg` invocations, `lanes` of them along outputs and the others along what is reduced.
#[derive(Clone, Copy, Debug)]
struct Tree {
    wg: usize,
    lanes: usize,
}

impl Tree {
    /// Lanes run along whichever index is innermost in memory, as far as it goes.
    fn of(outs: usize, len: usize, folds_inner: bool, caps: &Caps) -> Self {
        let (wg, most) = if caps.software { (8, 8) } else { (256, 32) };
        let lanes = match folds_inner {
            true => wg / len.next_power_of_two().min(wg),
            false => outs.next_power_of_two().min(most),
        };
        Self { wg, lanes }
    }
    fn groups(self, outs: usize) -> u64 {
        outs.div_ceil(self.lanes) as u64
    }
    /// Reduced elements a block: as many blocks as fill the device, of eight elements an invocation at least.
    fn block(self, outs: usize, len: usize, caps: &Caps) -> usize {
        let wanted = if caps.software { 32 } else { 1024 };
        let chunks = (wanted / outs.div_ceil(self.lanes)).max(1);
        len.div_ceil(chunks).max(8 * self.wg / self.lanes).min(len)
    }
    fn spec(self, launch: Launch) -> Launch {
        launch.spec("WG", self.wg as u32).spec("LANES", self.lanes as u32)
    }
}

function!(/// 1 where x ≥ y, else 0.
    IS_MAX = "is_max"(x, y), 1, if x >= y { T::ONE } else { T::ZERO }, no_second_derivative, compares);
function!(/// x, through which no gradient flows.
    DETACH = "detach"(x), 0, x, |_, _, _, _| Ok(None));

impl Reference for Reduce {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (x, shape) = (inputs[0].real(), &inputs[0].ty.shape);
        let len = x.len() / out.len();
        let keep = runs(shape, &self.axes, false);
        let fold = runs(shape, &self.axes, true);
        let contiguous = fold.len() == 1 && fold[0].stride > 1 && keep.first().is_some_and(|t| t.stride == 1);
        let mut acc = vec![if self.kind == Kind::Max { f64::NEG_INFINITY } else { 0.0 }; out.len()];
        let join = |a: &mut f64, x: T| match self.kind {
            Kind::Max => *a = a.max(x.f64()),
            _ => *a += x.f64(),
        };
        if contiguous && keep.len() <= 2 {
            // [outer, len, inner]: walk rows of the inner axes, which are contiguous.
            let inner = fold[0].stride;
            acc.par_chunks_mut(inner.min(64)).enumerate().for_each(|(block, acc)| {
                let from = offset(&keep, block * inner.min(64));
                if inner.is_multiple_of(64) || inner < 64 {
                    for r in 0..len {
                        let row = &x[from + r * inner..][..acc.len()];
                        acc.iter_mut().zip(row).for_each(|(a, &x)| join(a, x));
                    }
                } else {
                    for (o, a) in acc.iter_mut().enumerate() {
                        let from = offset(&keep, block * 64 + o);
                        (0..len).for_each(|r| join(a, x[from + r * inner]));
                    }
                }
            });
        } else if out.len() == 1 && fold.len() == 1 {
            let parts: Vec<f64> = x
                .par_chunks(1 << 14)
                .map(|part| {
                    let mut a = acc[0];
                    part.iter().for_each(|&x| join(&mut a, x));
                    a
                })
                .collect();
            parts.into_iter().for_each(|part| join(&mut acc[0], T::of(part)));
        } else {
            acc.par_iter_mut().enumerate().for_each(|(o, a)| {
                let from = offset(&keep, o);
                (0..len).for_each(|r| join(a, x[from + offset(&fold, r)]));
            });
        }
        let scale = if self.kind == Kind::Mean { 1.0 / len as f64 } else { 1.0 };
        out.iter_mut().zip(acc).for_each(|(o, a)| *o = T::of(a * scale));
    }
}

impl Graph {
    /// Reduces `axes` of `x`.
    pub fn reduce(&mut self, kind: Kind, x: Value, axes: &[usize], keep: bool) -> Result<Value> {
        self.apply(Reduce { kind, axes: axes.to_vec(), keep }, &[x])
    }
    /// The sum over `axes`, which are dropped.
    pub fn sum(&mut self, x: Value, axes: &[usize]) -> Result<Value> {
        self.reduce(Kind::Sum, x, axes, false)
    }
    /// The mean over `axes`, which are dropped.
    pub fn mean(&mut self, x: Value, axes: &[usize]) -> Result<Value> {
        self.reduce(Kind::Mean, x, axes, false)
    }
    /// The maximum over `axes`, which are dropped.
    pub fn max(&mut self, x: Value, axes: &[usize]) -> Result<Value> {
        self.reduce(Kind::Max, x, axes, false)
    }
    /// The sum of everything: a scalar.
    pub fn sum_all(&mut self, x: Value) -> Result<Value> {
        let axes: Vec<usize> = (0..self.shape(x).rank()).collect();
        self.sum(x, &axes)
    }
    /// The mean of everything: a scalar.
    pub fn mean_all(&mut self, x: Value) -> Result<Value> {
        let axes: Vec<usize> = (0..self.shape(x).rank()).collect();
        self.mean(x, &axes)
    }
    /// ln Σ e^x over `axes`, which are dropped: the maximum is taken out first, so nothing overflows.
    pub fn logsumexp(&mut self, x: Value, axes: &[usize]) -> Result<Value> {
        let top = self.reduce(Kind::Max, x, axes, true)?;
        let top = self.detach(top)?;
        let shifted = self.sub(x, top)?;
        let exp = self.exp(shifted)?;
        let sum = self.sum(exp, axes)?;
        let log = self.log(sum)?;
        let top = self.reshape(top, self.shape(log).clone())?;
        self.add(log, top)
    }
    /// `x`, through which no gradient flows.
    pub fn detach(&mut self, x: Value) -> Result<Value> {
        self.map(&DETACH, &[], &[x])
    }
    /// `x` [B, …] `times` times, one after another: [times · B, …].
    pub fn tile(&mut self, x: Value, times: usize) -> Result<Value> {
        if times == 1 {
            return Ok(x);
        }
        let (len, mut dims) = (self.shape(x).len(), self.shape(x).dims().to_vec());
        let flat = self.reshape(x, [1, len])?;
        let tiled = self.expand(flat, Shape::from([times, len]))?;
        if let Some(first) = dims.first_mut() {
            *first *= times;
        }
        self.reshape(tiled, dims)
    }
    /// `x` summed over the axes along which a tensor of `shape` would be stretched to it: the gradient of broadcasting.
    pub fn sum_to(&mut self, x: Value, shape: &Shape) -> Result<Value> {
        let from = self.shape(x).clone();
        if from == *shape {
            return Ok(x);
        }
        let lead = from.rank() - shape.rank();
        let stretched = |&a: &usize| a < lead || (shape.dims()[a - lead] == 1 && from.dims()[a] != 1);
        let axes: Vec<usize> = (0..from.rank()).filter(stretched).collect();
        let sum = if axes.is_empty() { x } else { self.sum(x, &axes)? };
        self.reshape(sum, shape.clone())
    }
}

pub(super) fn cases() -> Vec<OpCase> {
    let shapes: [(&[usize], &[usize]); 15] = [
        (&[1], &[0]),
        (&[257], &[0]),
        (&[5003], &[0]),
        (&[7, 65], &[1]),
        (&[7, 65], &[0]),
        (&[7, 1000], &[1]),
        (&[1000, 7], &[0]),
        (&[3, 5, 7, 11], &[0, 1, 2]),
        (&[3, 5, 7, 11], &[0, 2]),
        (&[3, 5, 7, 11], &[1, 3]),
        (&[2, 3, 1, 63], &[0, 1, 2, 3]),
        (&[4097, 33], &[0]),
        (&[8193, 1], &[0]),
        (&[257, 3], &[1]),
        (&[5, 2049, 3], &[1, 2]),
    ];
    let mut cases = vec![];
    for (shape, axes) in shapes {
        let depth = axes.iter().map(|&a| shape[a]).product();
        for (kind, keep) in [(Kind::Sum, false), (Kind::Mean, true), (Kind::Max, false)] {
            let op = Reduce { kind, axes: axes.to_vec(), keep };
            let tol = if kind == Kind::Max { Tol::EXACT } else { Tol::products(depth) };
            cases.push(
                OpCase::new(format!("{kind:?} {shape:?} over {axes:?}"), op, [Gen::Normal(shape.into(), 1.0)]).tol(tol),
            );
        }
    }
    let map = |f| super::pointwise::Map::new(f, &[]);
    let two = || [Gen::normal([7, 65]), Gen::normal([7, 65])];
    cases.push(OpCase::new("is_max", map(&IS_MAX), two()).no_grad("it is a step"));
    cases
        .push(OpCase::new("detach", map(&DETACH), [Gen::normal([7, 65])]).tol(Tol::EXACT).no_grad("no gradient flows"));
    cases
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let op = |axes: &[usize]| Reduce { kind: Kind::Sum, axes: axes.to_vec(), keep: false };
    vec![
        ErrorCase::new(op(&[2]), [TensorType::f32([3, 4])], "ascending and below 2"),
        ErrorCase::new(op(&[1, 0]), [TensorType::f32([3, 4])], "ascending and below 2"),
        ErrorCase::new(op(&[0]), [TensorType::u32([3])], "takes an F32 tensor"),
    ]
}

pub(super) fn bench() -> Vec<OpCase> {
    let op = |axes: &[usize]| Reduce { kind: Kind::Sum, axes: axes.to_vec(), keep: false };
    vec![
        OpCase::new("64x32x32x32 to channels", op(&[0, 1, 2]), [Gen::normal([64, 32, 32, 32])]),
        OpCase::new("64x12288 to rows", op(&[1]), [Gen::normal([64, 12288])]),
    ]
}
