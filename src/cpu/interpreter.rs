//! Runs a graph node by node with the ops' references.

use super::chain::Chains;
use super::{Buffer, Memory, Scalar, View};
use crate::error::{Error, Result};
use crate::graph::{Arena, Def, Graph, StoreLayout, Value};
use crate::lower::plan::{self, Lifetime};
use crate::ops::Op;
use crate::tensor::{Array, DType, TensorType};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// Where a node's elements are.
#[derive(Clone, Debug, PartialEq)]
enum Home {
    Slot(usize),
    Input(usize),
    Arena(Arena, usize, usize),
    State(String),
    Dead,
}

/// A graph made ready to run on the CPU. Intermediates share slots by liveness, so a run allocates nothing lasting.
#[derive(Debug)]
pub struct Interpreter<T> {
    graph: Graph,
    homes: Vec<Home>,
    live: Vec<bool>,
    chains: Chains,
    slots: Vec<Buffer<T>>,
    inputs: Vec<Buffer<T>>,
    input_index: HashMap<String, usize>,
    /// New values of in-place updates, before they are copied home.
    updated: Vec<T>,
}

impl<T: Scalar> Interpreter<T> {
    /// Plans `graph` for the `roots`, whose values stay readable after a run; every node runs by itself.
    ///
    /// # Errors
    /// Where a parameter of the graph is not in `layout`.
    pub fn new(graph: &Graph, roots: &[Value], layout: &StoreLayout) -> Result<Self> {
        Self::plan(graph, roots, layout, graph.live(roots), Chains::none(graph))
    }
    /// The same with pointwise nodes joined to chains: fewer passes over memory, the same bits.
    ///
    /// # Errors
    /// As [`Interpreter::new`].
    pub fn chained(graph: &Graph, roots: &[Value], layout: &StoreLayout) -> Result<Self> {
        let live = graph.live(roots);
        let chains = Chains::find(graph, roots, &live);
        Self::plan(graph, roots, layout, live, chains)
    }

    fn plan(graph: &Graph, roots: &[Value], layout: &StoreLayout, live: Vec<bool>, chains: Chains) -> Result<Self> {
        let mut homes = vec![Home::Dead; graph.nodes().len()];
        let mut inputs = vec![];
        let mut input_index = HashMap::new();
        let mut lives: Vec<Lifetime> = vec![];
        let mut types: Vec<DType> = vec![];
        let mut tenant: Vec<Option<usize>> = vec![None; homes.len()];
        for (i, node) in graph.nodes().iter().enumerate() {
            for v in node.inputs.iter().filter(|_| live[i]) {
                if let Some(life) = tenant[v.index()] {
                    lives[life].last = lives[life].last.max(chains.position(i));
                }
            }
            homes[i] = match &node.def {
                Def::Input { name } => {
                    input_index.insert(name.clone(), inputs.len());
                    inputs.push(Buffer::zeros(&node.ty));
                    Home::Input(inputs.len() - 1)
                }
                Def::Param { name, .. } => {
                    let range =
                        layout.param(name).filter(|p| p.ty == node.ty).ok_or_else(|| missing(name, &node.ty))?;
                    Home::Arena(Arena::Params, range.shard, range.offset)
                }
                Def::State { name, .. } => Home::State(name.clone()),
                Def::Arena { arena, shard } => Home::Arena(*arena, *shard, 0),
                Def::StoreGrad { param } => {
                    let range = layout.param(param).ok_or_else(|| missing(param, &node.ty))?;
                    Home::Arena(Arena::Grads, range.shard, range.offset)
                }
                Def::Apply(op) if op.alias() => {
                    tenant[i] = tenant[node.inputs[0].index()];
                    homes[node.inputs[0].index()].clone()
                }
                Def::Apply(_) if !live[i] || !chains.stores(i) => Home::Dead,
                Def::Apply(_) => {
                    tenant[i] = Some(lives.len());
                    let first = chains.position(i);
                    lives.push(Lifetime { first, last: first, size: node.ty.len() });
                    types.push(node.ty.dtype);
                    Home::Slot(0)
                }
            };
        }
        for root in roots {
            if let Some(life) = tenant[root.index()] {
                lives[life].last = homes.len();
            }
        }
        let assignment = assign_by_type(&lives, &types);
        for (home, tenant) in homes.iter_mut().zip(&tenant) {
            if let (Home::Slot(slot), Some(life)) = (home, tenant) {
                *slot = assignment.0[*life];
            }
        }
        let zeros = |(size, dtype): (usize, DType)| Buffer::zeros(&TensorType { shape: [size].into(), dtype });
        let slots = assignment.1.into_iter().map(zeros).collect();
        Ok(Self { graph: graph.clone(), homes, live, chains, slots, inputs, input_index, updated: vec![] })
    }

    /// Overwrites the input called `name`.
    pub fn write(&mut self, name: &str, array: &Array) -> Result<()> {
        let unknown = || Error::Name(format!("no input is called {name}"));
        let index = *self.input_index.get(name).ok_or_else(unknown)?;
        self.inputs[index].copy_from(array, 0)
    }
    /// Overwrites the input called `name` with numbers of this interpreter's own type.
    pub fn write_real(&mut self, name: &str, values: &[T]) -> Result<()> {
        let unknown = || Error::Name(format!("no input is called {name}"));
        let index = *self.input_index.get(name).ok_or_else(unknown)?;
        self.inputs[index].real_mut().copy_from_slice(values);
        Ok(())
    }

    /// Runs every live node. `inspect` sees the real elements of each computed node that keeps them, and may stop the run.
    pub fn run_inspected(
        &mut self,
        memory: &mut Memory<T>,
        mut inspect: impl FnMut(Value, &[T]) -> Result<()>,
    ) -> Result<()> {
        for i in 0..self.homes.len() {
            if self.run_node(i, memory) {
                inspect(Value::at(i), self.view(Value::at(i), memory).real())?;
            }
        }
        Ok(())
    }

    /// Runs node `i` if it is live; whether it has computed a value.
    fn run_node(&mut self, i: usize, memory: &mut Memory<T>) -> bool {
        if !self.live[i] {
            return false;
        }
        match self.graph.nodes()[i].def.clone() {
            Def::Apply(op) if op.alias() => false,
            Def::Apply(op) if op.updates() > 0 => {
                self.update(i, &op, memory);
                false
            }
            Def::Apply(_) if self.chains.position(i) != i => false,
            Def::Apply(_) if self.chains.at(i).is_some() => {
                self.compute_chain(i, memory);
                self.chains.stores(i)
            }
            Def::Apply(op) => {
                self.compute(i, &op, memory);
                true
            }
            Def::StoreGrad { .. } => {
                self.store_grad(i, memory);
                false
            }
            _ => false,
        }
    }
    /// Runs every live node and times it: label and milliseconds.
    pub fn profile(&mut self, memory: &mut Memory<T>) -> Result<Vec<(String, f64)>> {
        let mut times = vec![];
        for i in 0..self.homes.len() {
            let Def::Apply(op) = self.graph.nodes()[i].def.clone() else {
                self.run_node(i, memory);
                continue;
            };
            let start = Instant::now();
            self.run_node(i, memory);
            if self.runs(i, &op) {
                times.push((self.graph.label(Value::at(i)), start.elapsed().as_secs_f64() * 1e3));
            }
        }
        Ok(times)
    }
    /// How many nodes a run computes, a chain counted as one.
    pub fn computed_nodes(&self) -> usize {
        let computed = |i: &usize| self.graph.nodes()[*i].op().is_some_and(|op| self.runs(*i, op));
        (0..self.homes.len()).filter(computed).count()
    }
    /// Whether something is computed at node `i`.
    fn runs(&self, i: usize, op: &Arc<dyn Op>) -> bool {
        self.live[i] && !op.alias() && self.chains.position(i) == i
    }
    /// Runs every live node.
    pub fn run(&mut self, memory: &mut Memory<T>) -> Result<()> {
        self.run_inspected(memory, |_, _| Ok(()))
    }

    fn compute(&mut self, i: usize, op: &Arc<dyn Op>, memory: &Memory<T>) {
        let Home::Slot(slot) = self.homes[i] else { return };
        let mut out = std::mem::replace(&mut self.slots[slot], Buffer::Real(vec![]));
        let len = self.graph.nodes()[i].ty.len();
        {
            let views = self.views(i, memory);
            match &mut out {
                Buffer::Real(out) => T::eval(op.as_ref(), &views, &mut out[..len]),
                Buffer::U32(out) => {
                    if !T::words(op.as_ref(), &views, &mut out[..len]) {
                        let mut whole = vec![T::ZERO; len];
                        T::eval(op.as_ref(), &views, &mut whole);
                        out.iter_mut().zip(whole).for_each(|(o, w)| *o = w.f64() as u32);
                    }
                }
                Buffer::U8(_) => {}
            }
        }
        self.slots[slot] = out;
    }

    fn compute_chain(&mut self, i: usize, memory: &Memory<T>) {
        let Some(chain) = self.chains.at(i) else { return };
        let slot = |node: usize| if let Home::Slot(slot) = self.homes[node] { Some(slot) } else { None };
        let taken: Vec<usize> = chain.stored().filter_map(slot).collect();
        let take = |&slot: &usize| std::mem::replace(&mut self.slots[slot], Buffer::Real(vec![]));
        let mut outs: Vec<Buffer<T>> = taken.iter().map(take).collect();
        chain.eval(|v| self.view(v, memory), outs.iter_mut().map(Buffer::real_mut).collect());
        taken.into_iter().zip(outs).for_each(|(slot, out)| self.slots[slot] = out);
    }

    /// Updates leaves where they lie; `false` where the op cannot, or one buffer holds two of its inputs.
    fn update_in_place(&self, i: usize, op: &Arc<dyn Op>, memory: &mut Memory<T>) -> bool {
        let inputs = &self.graph.nodes()[i].inputs;
        let (leaves, others) = inputs.split_at(op.updates());
        let buffer = |v: &Value| match &self.homes[v.index()] {
            Home::Arena(arena, shard, _) => Home::Arena(*arena, *shard, 0),
            home => home.clone(),
        };
        let shared = |k: usize| inputs[k + 1..].iter().any(|v| buffer(v) == buffer(&inputs[k]));
        if (0..leaves.len()).any(shared) || leaves.iter().any(|&v| self.home_mut(v, memory).is_none()) {
            return false;
        }
        // The buffers leave the memory, so that the other inputs can be read from it meanwhile.
        let mut taken = vec![];
        for &v in leaves {
            let home = self.home_mut(v, memory);
            taken.extend(home.map(|(home, offset)| (std::mem::replace(home, Buffer::Real(vec![])), offset)));
        }
        let mut slices: Vec<&mut [T]> = vec![];
        for ((buffer, offset), &v) in taken.iter_mut().zip(leaves) {
            slices.push(&mut buffer.real_mut()[*offset..][..self.graph.ty(v).len()]);
        }
        let views: Vec<View<'_, T>> = others.iter().map(|&v| self.view(v, memory)).collect();
        let done = T::update(op.as_ref(), &mut slices, &views);
        for (&v, (buffer, _)) in leaves.iter().zip(taken) {
            if let Some((home, _)) = self.home_mut(v, memory) {
                *home = buffer;
            }
        }
        done
    }

    fn update(&mut self, i: usize, op: &Arc<dyn Op>, memory: &mut Memory<T>) {
        if self.update_in_place(i, op, memory) {
            return;
        }
        let len = self.graph.nodes()[i].ty.len();
        let mut updated = std::mem::take(&mut self.updated);
        updated.resize(updated.len().max(len), T::ZERO);
        T::eval(op.as_ref(), &self.views(i, memory), &mut updated[..len]);
        let mut from = 0;
        for k in 0..op.updates() {
            let input = self.graph.nodes()[i].inputs[k];
            let len = self.graph.ty(input).len();
            if let Some((home, offset)) = self.home_mut(input, memory) {
                home.real_mut()[offset..offset + len].copy_from_slice(&updated[from..from + len]);
            }
            from += len;
        }
        self.updated = updated;
    }

    fn home_mut<'m>(&self, value: Value, memory: &'m mut Memory<T>) -> Option<(&'m mut Buffer<T>, usize)> {
        match &self.homes[value.index()] {
            Home::Arena(arena, shard, offset) => Some((memory.arenas.get_mut(&(*arena, *shard))?, *offset)),
            Home::State(name) => Some((memory.states.get_mut(name)?, 0)),
            _ => None,
        }
    }

    fn store_grad(&self, i: usize, memory: &mut Memory<T>) {
        let grad = self.graph.nodes()[i].inputs[0];
        let Home::Arena(arena, shard, offset) = self.homes[i] else { return };
        let Some(Buffer::Real(mut to)) = memory.arenas.remove(&(arena, shard)) else { return };
        let from = self.view(grad, memory).real();
        to[offset..offset + from.len()].copy_from_slice(from);
        memory.arenas.insert((arena, shard), Buffer::Real(to));
    }

    fn views<'a>(&'a self, i: usize, memory: &'a Memory<T>) -> Vec<View<'a, T>> {
        self.graph.nodes()[i].inputs.iter().map(|&v| self.view(v, memory)).collect()
    }

    fn view<'a>(&'a self, value: Value, memory: &'a Memory<T>) -> View<'a, T> {
        let (buffer, offset) = self.place(value, memory);
        View::of(self.graph.ty(value), buffer, offset)
    }

    fn place<'a>(&'a self, value: Value, memory: &'a Memory<T>) -> (&'a Buffer<T>, usize) {
        match &self.homes[value.index()] {
            Home::Slot(slot) => (&self.slots[*slot], 0),
            Home::Input(k) => (&self.inputs[*k], 0),
            Home::Arena(arena, shard, offset) => (&memory.arenas[&(*arena, *shard)], *offset),
            Home::State(name) => (&memory.states[name], 0),
            Home::Dead => unreachable!("a live node never reads a dead one"),
        }
    }

    /// The value of a root after a run, as a host array.
    pub fn read(&self, value: Value, memory: &Memory<T>) -> Array {
        let (buffer, offset) = self.place(value, memory);
        buffer.to_array(self.graph.ty(value), offset)
    }
    /// The real elements of a root after a run.
    pub fn read_real<'a>(&'a self, value: Value, memory: &'a Memory<T>) -> &'a [T] {
        self.view(value, memory).real()
    }
    /// Bytes of all intermediates.
    pub fn slot_bytes(&self) -> usize {
        let bytes = |b: &Buffer<T>| match b {
            Buffer::Real(v) => v.len() * size_of::<T>(),
            Buffer::U32(v) => v.len() * 4,
            Buffer::U8(v) => v.len(),
        };
        self.slots.iter().map(bytes).sum()
    }
}

fn missing(name: &str, ty: &TensorType) -> Error {
    Error::Name(format!("the store has no parameter {name} {ty}: it was made for another model"))
}

/// [`plan::assign`] for each element type by itself: a slot holds one type here.
fn assign_by_type(lives: &[Lifetime], types: &[DType]) -> (Vec<usize>, Vec<(usize, DType)>) {
    let mut slots = vec![];
    let mut slot = vec![0; lives.len()];
    for dtype in [DType::F32, DType::U32, DType::U8] {
        let of_type: Vec<usize> = (0..lives.len()).filter(|&i| types[i] == dtype).collect();
        let assignment = plan::assign(&of_type.iter().map(|&i| lives[i]).collect::<Vec<_>>());
        for (k, &i) in of_type.iter().enumerate() {
            slot[i] = slots.len() + assignment.slot[k];
        }
        slots.extend(assignment.sizes.into_iter().map(|size| (size, dtype)));
    }
    (slot, slots)
}
