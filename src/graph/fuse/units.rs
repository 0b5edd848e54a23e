//! Units: the sets of nodes that become one step, and what they need of each other.

use super::MAX_STORAGE;
use crate::graph::{Arena, Def, Graph, Value};
use crate::ops::{Access, Op};
use crate::tensor::TensorType;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;

/// Functions of single numbers up to this many flops are evaluated again wherever they are read.
const INLINE_FLOPS: u64 = 16;

/// Which chain of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Computes input 0 of the unit's op.
    Before,
    /// Follows the unit's op; the whole unit where it has none.
    After,
}

/// Nodes that become one step. Merged units leave an empty one behind.
#[derive(Clone, Debug, Default)]
pub(super) struct Unit {
    /// The node with a kernel of its own.
    pub heavy: Option<usize>,
    /// Members of the prologue.
    pub before: Vec<usize>,
    /// Members of the epilogue, or of the whole chain.
    pub after: Vec<usize>,
    /// Column sums that the op's kernel computes along.
    pub beside: Option<usize>,
}

impl Unit {
    pub fn nodes(&self) -> impl Iterator<Item = usize> + '_ {
        self.heavy.iter().chain(&self.beside).chain(&self.before).chain(&self.after).copied()
    }
    pub fn chain(&self, side: Side) -> &Vec<usize> {
        match side {
            Side::Before => &self.before,
            Side::After => &self.after,
        }
    }
}

/// All units of a graph.
pub(super) struct Units<'a> {
    pub g: &'a Graph,
    pub units: Vec<Unit>,
    /// Unit of each node that has one: neither leaf, nor alias, nor dead, nor inline.
    pub unit_of: Vec<Option<usize>>,
    /// Nodes (never aliases) that read each node, ascending.
    pub consumers: Vec<Vec<usize>>,
    /// Whether a node's value must be in memory at the end.
    pub is_root: Vec<bool>,
    /// Evaluated again wherever it is read: cheap functions of single numbers.
    pub inline: Vec<bool>,
    /// The units that each unit must come after.
    needs: Vec<BTreeSet<usize>>,
}

impl<'a> Units<'a> {
    pub fn new(g: &'a Graph, roots: &[Value], enabled: bool) -> Self {
        let (live, count) = (g.live(roots), g.nodes().len());
        let mut units = Self {
            g,
            units: vec![],
            unit_of: vec![None; count],
            consumers: vec![vec![]; count],
            is_root: vec![false; count],
            inline: vec![false; count],
            needs: vec![],
        };
        let is_step = |i: &usize| live[*i] && !units.is_alias(*i) && !units.is_leaf(*i);
        let steps: Vec<usize> = (0..count).filter(is_step).collect();
        for &root in roots {
            let base = units.base(root);
            units.is_root[base] = true;
        }
        for &i in &steps {
            for v in g.nodes()[i].inputs.iter().map(|&v| units.base(v)).collect::<BTreeSet<_>>() {
                units.consumers[v].push(i);
            }
        }
        if enabled {
            steps.iter().for_each(|&i| units.inline[i] = units.can_inline(i));
        }
        let own: Vec<usize> = steps.into_iter().filter(|&i| !units.inline[i]).collect();
        for &i in &own {
            units.unit_of[i] = Some(units.units.len());
            let unit = match units.is_pointwise(i) || (enabled && units.is_link(i)) {
                true => Unit { after: vec![i], ..Unit::default() },
                false => Unit { heavy: Some(i), ..Unit::default() },
            };
            units.units.push(unit);
        }
        units.needs = own.iter().zip(units.barriers(&own)).map(|(&i, barriers)| units.needs_of(i, barriers)).collect();
        units
    }

    pub fn op(&self, i: usize) -> Option<&'a Arc<dyn Op>> {
        self.g.nodes()[i].op()
    }
    fn is_pointwise(&self, i: usize) -> bool {
        self.op(i).is_some_and(|op| op.pointwise().is_some())
    }
    /// Whether chains evaluate `i`: a pointwise node, or one that only picks elements of its input.
    pub fn is_link(&self, i: usize) -> bool {
        self.is_pointwise(i) || self.view(i).is_some()
    }
    /// Which elements of its input `i` is.
    pub fn view(&self, i: usize) -> Option<Access> {
        let types: Vec<TensorType> = self.g.nodes()[i].inputs.iter().map(|&v| self.g.ty(v).clone()).collect();
        self.op(i)?.view(&types)
    }
    /// Whether nothing computes `i`: the host, the store or an earlier run does.
    pub fn is_leaf(&self, i: usize) -> bool {
        !matches!(self.g.nodes()[i].def, Def::Apply(_) | Def::StoreGrad { .. })
    }
    fn is_alias(&self, i: usize) -> bool {
        self.op(i).is_some_and(|op| op.alias())
    }
    pub fn len(&self, i: usize) -> usize {
        self.g.nodes()[i].ty.len()
    }
    /// The node whose storage `v` is.
    pub fn base(&self, v: Value) -> usize {
        self.g.base(v)
    }
    /// The nodes that `i` reads, aliases looked through.
    pub fn inputs(&self, i: usize) -> impl Iterator<Item = usize> + '_ {
        self.g.nodes()[i].inputs.iter().map(|&v| self.base(v))
    }

    /// Cheap functions of single numbers (and constants) that only chains read. Called in ascending order.
    fn can_inline(&self, i: usize) -> bool {
        let readers = !self.consumers[i].is_empty() && self.consumers[i].iter().all(|&c| self.is_pointwise(c));
        let single = self.inputs(i).all(|v| self.len(v) == 1);
        self.is_pointwise(i) && !self.is_root[i] && readers && single && self.inline_flops(i) <= INLINE_FLOPS
    }
    fn inline_flops(&self, i: usize) -> u64 {
        let own = self.op(i).and_then(|op| op.pointwise()).map_or(0, |f| f.function.flops);
        own + self.inputs(i).filter(|&v| self.inline[v]).map(|v| self.inline_flops(v)).sum::<u64>()
    }

    /// The nodes with units, and the leaves, that `i` reads, inline ones looked through.
    pub fn sources(&self, i: usize) -> Vec<usize> {
        let mut sources = vec![];
        let mut open: Vec<usize> = self.inputs(i).collect();
        while let Some(v) = open.pop() {
            match self.inline[v] {
                true => open.extend(self.inputs(v)),
                false => sources.push(v),
            }
        }
        sources
    }
    /// The nodes with units that read `i`, inline ones looked through.
    pub fn readers(&self, i: usize) -> Vec<usize> {
        let mut readers = vec![];
        let mut open = self.consumers[i].clone();
        while let Some(c) = open.pop() {
            match self.inline[c] {
                true => open.extend(&self.consumers[c]),
                false => readers.push(c),
            }
        }
        readers
    }

    /// The units that node `i` must come after.
    fn needs_of(&self, i: usize, barriers: Vec<usize>) -> BTreeSet<usize> {
        self.sources(i).into_iter().chain(barriers).filter_map(|v| self.unit_of[v]).collect()
    }

    /// For each of `steps`, the nodes before it that touch the same leaf: updates in place come after earlier reads, reads
    /// after earlier updates.
    fn barriers(&self, steps: &[usize]) -> Vec<Vec<usize>> {
        let mut writers: HashMap<Resource, Vec<usize>> = HashMap::new();
        let mut readers: HashMap<Resource, Vec<usize>> = HashMap::new();
        let mut barriers = vec![];
        for &i in steps {
            let updates = self.op(i).map_or(0, |op| op.updates());
            let written = self.inputs(i).take(updates).filter_map(|v| Resource::of(self.g, v));
            let stored =
                matches!(self.g.nodes()[i].def, Def::StoreGrad { .. }).then_some(Resource::Arena(Arena::Grads));
            let written: Vec<Resource> = written.chain(stored).collect();
            let mut before = vec![];
            for resource in self.sources(i).into_iter().filter_map(|v| Resource::of(self.g, v)) {
                before.extend(writers.get(&resource).into_iter().flatten());
                readers.entry(resource).or_default().push(i);
            }
            for resource in written {
                before.extend(readers.get(&resource).into_iter().flatten().filter(|&&r| r != i));
                writers.entry(resource).or_default().push(i);
            }
            barriers.push(before);
        }
        barriers
    }

    /// Whether a unit outside lies between `a` and `b`, so that as one they would wait for themselves.
    pub fn entangled(&self, a: usize, b: usize) -> bool {
        self.reaches(a, b) || self.reaches(b, a)
    }
    /// Whether `from` comes before `to` by way of another unit.
    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut open: Vec<usize> = self.needs[to].iter().copied().filter(|&u| u != from).collect();
        let mut seen = vec![false; self.units.len()];
        seen[to] = true;
        while let Some(u) = open.pop() {
            if u == from {
                return true;
            }
            if !std::mem::replace(&mut seen[u], true) {
                open.extend(&self.needs[u]);
            }
        }
        false
    }

    /// Whether the value of `i` is read outside its unit.
    pub fn is_needed(&self, i: usize) -> bool {
        self.is_root[i] || self.readers(i).iter().any(|&c| self.unit_of[c] != self.unit_of[i])
    }
    /// Values that a chain reads from memory: neither its members nor (after an op) the op's result.
    pub fn externals(&self, unit: &Unit, side: Side) -> BTreeSet<usize> {
        let members = unit.chain(side);
        let own = |v: &usize| members.contains(v) || (side == Side::After && unit.heavy == Some(*v));
        members.iter().flat_map(|&m| self.sources(m)).filter(|v| !own(v)).collect()
    }

    /// Whether `unit`, which is to take the place of units `parts`, reads nothing from memory that it computes itself, and
    /// binds no more than a kernel may.
    pub fn fits(&self, unit: &Unit, parts: &[usize]) -> bool {
        let reads = [Side::Before, Side::After].map(|side| self.externals(unit, side));
        let taken = usize::from(!unit.before.is_empty());
        let op: Vec<usize> = unit.heavy.iter().flat_map(|&h| self.inputs(h).skip(taken)).collect();
        let picked = |i: usize| self.view(i).and_then(|_| self.inputs(i).next());
        let elsewhere: Vec<usize> = unit.before.iter().chain(&unit.after).filter_map(|&i| picked(i)).collect();
        if unit.nodes().any(|i| op.contains(&i) || elsewhere.contains(&i) || reads.iter().any(|r| r.contains(&i))) {
            return false;
        }
        let inside = |c: &usize| self.unit_of[*c].is_some_and(|u| parts.contains(&u));
        let stored = |i: &usize| self.is_root[*i] || !self.readers(*i).iter().all(inside);
        let stores = unit.nodes().filter(stored).count().max(1);
        op.len() + stores + reads[0].len() + reads[1].len() <= MAX_STORAGE
    }

    /// Makes `b` part of `a`, which becomes `unit`.
    pub fn join(&mut self, a: usize, b: usize, unit: Unit) {
        unit.nodes().for_each(|i| self.unit_of[i] = Some(a));
        let needs = std::mem::take(&mut self.needs[b]);
        self.needs[a].extend(needs);
        for needs in &mut self.needs {
            if needs.remove(&b) {
                needs.insert(a);
            }
        }
        self.needs[a].remove(&a);
        self.units[b] = Unit::default();
        self.units[a] = unit;
    }

    /// Execution order: what a unit needs first, otherwise as late as its last node.
    pub fn order(&self) -> Vec<usize> {
        let alive: Vec<usize> = (0..self.units.len()).filter(|&u| self.units[u].nodes().next().is_some()).collect();
        let key = |u: usize| self.units[u].nodes().max().unwrap_or(0);
        let mut waiting: HashMap<usize, usize> = HashMap::new();
        let mut after: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut ready = BinaryHeap::new();
        for &u in &alive {
            let before = &self.needs[u];
            before.iter().for_each(|&b| after.entry(b).or_default().push(u));
            match before.len() {
                0 => ready.push(Reverse((key(u), u))),
                n => drop(waiting.insert(u, n)),
            }
        }
        let mut order = vec![];
        while let Some(Reverse((_, u))) = ready.pop() {
            order.push(u);
            for &next in after.get(&u).into_iter().flatten() {
                let left = waiting.entry(next).or_insert(1);
                *left -= 1;
                if *left == 0 {
                    ready.push(Reverse((key(next), next)));
                }
            }
        }
        debug_assert_eq!(order.len(), alive.len(), "units wait for each other");
        order
    }
}

/// What nodes can share without being each other's inputs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Resource {
    /// An arena; a parameter is a range of one.
    Arena(Arena),
    /// A state.
    State(usize),
}

impl Resource {
    fn of(g: &Graph, leaf: usize) -> Option<Self> {
        match &g.nodes()[leaf].def {
            Def::Param { .. } => Some(Self::Arena(Arena::Params)),
            Def::Arena { arena, .. } => Some(Self::Arena(*arena)),
            Def::State { .. } => Some(Self::State(leaf)),
            _ => None,
        }
    }
}
