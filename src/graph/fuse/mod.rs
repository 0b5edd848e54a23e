//! Fusion: which nodes become one dispatch. Pure; the result is a list of [`Step`]s in execution order.
//!
//! Every node starts as a unit of its own (`units.rs`), and units merge where that saves a dispatch or a pass over memory:
//! pointwise nodes with their consumers, chains with the op whose output they read (its *epilogue*) or whose input 0 they
//! compute (its *prologue*), chains with their siblings that read the same tensors, and sums of columns (the gradients of
//! biases) with the matrix product that reads the same columns. A value that is needed elsewhere too is stored on the way.
//! `emit.rs` writes the units out as steps.

mod emit;
mod merge;
mod units;

use super::{Graph, Value};
use crate::ops::Op;
use crate::ops::pointwise::{Access, Pointwise};
use crate::tensor::Shape;
use std::sync::Arc;

/// Storage bindings a kernel may have, own and fused together (Metal spends one more on buffer sizes).
pub const MAX_STORAGE: usize = 7;

/// An argument of a [`Link`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// The heavy kernel's own result at this element.
    Acc,
    /// Read k of the chain.
    Read(usize),
    /// The result of link k.
    Link(usize),
}

/// One pointwise function of a chain.
#[derive(Clone, Debug)]
pub struct Link {
    /// The function.
    pub f: Pointwise,
    /// Where its arguments come from.
    pub args: Vec<Arg>,
}

/// Pointwise functions evaluated together, element by element of `shape`.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The shape that is walked.
    pub shape: Shape,
    /// Tensors it reads from memory.
    pub inputs: Vec<Value>,
    /// Which of them is read, and how.
    pub reads: Vec<(usize, Access)>,
    /// The functions, in order.
    pub links: Vec<Link>,
    /// What it yields to the kernel.
    pub result: Arg,
    /// Values that it also writes to memory, each element once.
    pub stores: Vec<(Value, Arg)>,
}

impl Chain {
    /// The chain that only reads `value`.
    pub fn read(g: &Graph, value: Value) -> Self {
        let shape = g.shape(value).clone();
        let (inputs, reads) = (vec![value], vec![(0, Access::Full)]);
        Self { shape, inputs, reads, links: vec![], result: Arg::Read(0), stores: vec![] }
    }
}

/// One dispatch (or the few passes of one op): what it computes, reads and yields.
#[derive(Clone, Debug)]
pub struct Step {
    /// The op with a kernel of its own; `None` for a pure chain.
    pub op: Option<Arc<dyn Op>>,
    /// The node the op or chain is named after.
    pub node: Value,
    /// The op's inputs; a prologue replaces input 0.
    pub inputs: Vec<Value>,
    /// What computes input 0, in an op that takes a prologue.
    pub prologue: Option<Chain>,
    /// What follows the op, in one that takes an epilogue; the whole kernel where there is no op.
    pub epilogue: Option<Chain>,
    /// The column sums of the op's input 1 that its kernel computes along.
    pub beside: Option<Value>,
    /// The value it yields; the chains may store others.
    pub out: Value,
}

impl Step {
    /// Every value the step reads from memory.
    pub fn reads(&self) -> Vec<Value> {
        let mut reads: Vec<Value> = self.inputs.iter().skip(usize::from(self.prologue.is_some())).copied().collect();
        reads.extend(self.chains().flat_map(|c| c.inputs.iter().copied()));
        reads
    }
    /// Every value the step writes.
    pub fn writes(&self) -> Vec<Value> {
        let stores = self.chains().flat_map(|c| c.stores.iter().map(|(v, _)| *v));
        std::iter::once(self.out).chain(stores).chain(self.beside).collect()
    }
    fn chains(&self) -> impl Iterator<Item = &Chain> {
        self.prologue.iter().chain(&self.epilogue)
    }
}

/// Groups the live nodes into steps. With `enabled` false every node is its own step.
pub fn fuse(g: &Graph, roots: &[Value], enabled: bool) -> Vec<Step> {
    let mut units = units::Units::new(g, roots, enabled);
    if enabled {
        merge::merge(&mut units);
    }
    let order = units.order();
    order.into_iter().filter_map(|u| emit::step(&units, u)).collect()
}
