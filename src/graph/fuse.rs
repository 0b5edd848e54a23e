//! Fusion: which nodes become one dispatch. Pure; the result is a list of [`Step`]s in execution order.
//!
//! Pointwise nodes join the group of their consumers where all of those are in one group and walk the same shape. A group
//! that reads a heavy op's output used nowhere else becomes that op's epilogue; a group whose value is only read by an op
//! that takes a prologue is evaluated inside that op's loads; any other group is a kernel of its own.

use super::{Def, Graph, Value};
use crate::ops::Op;
use crate::ops::pointwise::{Access, Pointwise};
use crate::tensor::Shape;
use std::collections::HashMap;
use std::sync::Arc;

/// Storage bindings a kernel may have, own and fused together (Metal spends one more on buffer sizes).
pub const MAX_STORAGE: usize = 7;

/// An argument of a [`Link`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// The heavy kernel's own result at this element.
    Acc,
    /// External input k of the chain.
    Input(usize),
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
    /// How each is read.
    pub access: Vec<Access>,
    /// The functions, in order.
    pub links: Vec<Link>,
    /// What it yields.
    pub result: Arg,
}

impl Chain {
    /// The chain that only reads `value`.
    pub fn read(g: &Graph, value: Value) -> Self {
        let shape = g.shape(value).clone();
        Self { shape, inputs: vec![value], access: vec![Access::Full], links: vec![], result: Arg::Input(0) }
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
    /// The fused functions: epilogue of an op that takes one, prologue of an op that takes one, or the whole kernel.
    pub chain: Option<Chain>,
    /// The value it yields.
    pub out: Value,
}

impl Step {
    /// Every value the step reads from memory.
    pub fn reads(&self) -> Vec<Value> {
        let skip = usize::from(self.op.as_ref().is_some_and(|op| op.takes_prologue()) && self.chain.is_some());
        let mut reads: Vec<Value> = self.inputs.iter().skip(skip).copied().collect();
        reads.extend(self.chain.iter().flat_map(|c| c.inputs.iter().copied()));
        reads
    }
}

struct Fuser<'a> {
    g: &'a Graph,
    enabled: bool,
    /// Live consumers of each node.
    consumers: Vec<Vec<usize>>,
    is_root: Vec<bool>,
    /// Node that each pointwise node is evaluated with: its group's head. Itself where it is not fused.
    head: Vec<usize>,
    /// Members of each group by head, in descending order.
    members: HashMap<usize, Vec<usize>>,
    /// Nodes that update each leaf in place.
    updates: HashMap<usize, Vec<usize>>,
}

/// Groups the live nodes into steps. With `enabled` false every node is its own step.
pub fn fuse(g: &Graph, roots: &[Value], enabled: bool) -> Vec<Step> {
    let live = g.live(roots);
    let count = g.nodes().len();
    let mut fuser = Fuser {
        g,
        enabled,
        consumers: vec![vec![]; count],
        is_root: vec![false; count],
        head: (0..count).collect(),
        members: HashMap::new(),
        updates: HashMap::new(),
    };
    roots.iter().for_each(|r| fuser.is_root[r.index()] = true);
    for i in (0..count).filter(|&i| live[i]) {
        let node = &g.nodes()[i];
        for v in &node.inputs {
            if fuser.consumers[v.index()].last() != Some(&i) {
                fuser.consumers[v.index()].push(i);
            }
        }
        for v in node.inputs.iter().take(node.op().map_or(0, |op| op.updates())) {
            fuser.updates.entry(fuser.base(*v)).or_default().push(i);
        }
    }
    let steps = fuser.steps(&live);
    debug_assert!(steps.windows(2).all(|w| w[0].out < w[1].out), "steps follow the graph's order");
    steps
}

impl Fuser<'_> {
    fn op(&self, i: usize) -> Option<&Arc<dyn Op>> {
        self.g.nodes()[i].op()
    }
    fn is_pointwise(&self, i: usize) -> bool {
        self.op(i).is_some_and(|op| op.pointwise().is_some())
    }
    /// The node whose storage `v` is.
    fn base(&self, v: Value) -> usize {
        let mut i = v.index();
        while self.op(i).is_some_and(|op| op.alias()) {
            i = self.g.nodes()[i].inputs[0].index();
        }
        i
    }

    fn steps(mut self, live: &[bool]) -> Vec<Step> {
        let mut absorbed = vec![false; live.len()];
        for i in (0..live.len()).rev().filter(|&i| live[i]) {
            if self.is_pointwise(i) {
                if let Some(head) = self.group_for(i) {
                    self.head[i] = head;
                    absorbed[i] = true;
                }
                let head = self.head[i];
                self.members.entry(head).or_default().push(i);
            }
        }
        let mut producer = HashMap::new();
        for i in (0..live.len()).filter(|&i| live[i] && self.head[i] == i && self.is_pointwise(i)) {
            if let Some(heavy) = self.epilogue_of(i) {
                absorbed[heavy] = true;
                producer.insert(i, heavy);
            }
        }
        let mut steps = vec![];
        for i in (0..live.len()).filter(|&i| live[i] && !absorbed[i]) {
            let out = Value::at(i);
            let node = &self.g.nodes()[i];
            match &node.def {
                Def::Apply(op) if op.alias() => {}
                Def::Apply(_) if self.is_pointwise(i) => {
                    let heavy = producer.get(&i).copied();
                    let chain = Some(self.chain(i, Value::at(i), heavy));
                    steps.push(match heavy.and_then(|h| Some((h, self.op(h)?))) {
                        None => Step { op: None, node: out, inputs: vec![], chain, out },
                        Some((h, op)) => {
                            let inputs = self.g.nodes()[h].inputs.clone();
                            Step { op: Some(op.clone()), node: Value::at(h), inputs, chain, out }
                        }
                    });
                }
                Def::Apply(op) => {
                    let fused = op.takes_prologue() && self.members.contains_key(&i);
                    let chain = fused.then(|| self.chain(i, node.inputs[0], None));
                    steps.push(Step { op: Some(op.clone()), node: out, inputs: node.inputs.clone(), chain, out });
                }
                Def::StoreGrad { .. } => {
                    let chain = Some(Chain::read(self.g, node.inputs[0]));
                    steps.push(Step { op: None, node: out, inputs: vec![], chain, out });
                }
                _ => {}
            }
        }
        steps
    }

    /// The group that pointwise node `i` can join: that of all its consumers.
    fn group_for(&self, i: usize) -> Option<usize> {
        if !self.enabled || self.is_root[i] || self.consumers[i].is_empty() {
            return None;
        }
        let group_of = |&c: &usize| match self.op(c) {
            Some(_) if self.is_pointwise(c) => Some(self.head[c]),
            Some(op) if op.takes_prologue() && self.only_first_input(c, i) => Some(c),
            _ => None,
        };
        let head = group_of(&self.consumers[i][0])?;
        if !self.consumers[i].iter().all(|c| group_of(c) == Some(head)) {
            return None;
        }
        let (walked, limit) = match self.op(head).filter(|op| op.takes_prologue()) {
            Some(_) => (self.g.nodes()[head].inputs[0].index(), MAX_STORAGE - self.g.nodes()[head].inputs.len() - 1),
            None => (head, MAX_STORAGE - 1),
        };
        let ty = |i: usize| &self.g.nodes()[i].ty;
        let same_walk = ty(i).shape == ty(walked).shape || ty(i).len() == 1 || self.g.nodes()[i].inputs.is_empty();
        if !same_walk || self.crosses_update(i, head) {
            return None;
        }
        let mut members = self.members.get(&head).cloned().unwrap_or_default();
        members.push(i);
        (self.externals(&members).len() <= limit).then_some(head)
    }

    fn only_first_input(&self, consumer: usize, i: usize) -> bool {
        let inputs = &self.g.nodes()[consumer].inputs;
        inputs[0].index() == i && inputs[1..].iter().all(|v| v.index() != i)
    }

    /// Whether moving node `i` down to `to` would carry a read of some leaf past its update.
    fn crosses_update(&self, i: usize, to: usize) -> bool {
        let passed = |u: &usize| i < *u && *u < to;
        let updated = |v: &Value| self.updates.get(&self.base(*v)).is_some_and(|us| us.iter().any(passed));
        self.g.nodes()[i].inputs.iter().any(updated)
    }

    /// Values read by `members` that none of them computes.
    fn externals(&self, members: &[usize]) -> Vec<Value> {
        let mut externals = vec![];
        for &m in members {
            for &v in &self.g.nodes()[m].inputs {
                if !members.contains(&v.index()) && !externals.contains(&v) {
                    externals.push(v);
                }
            }
        }
        externals
    }

    /// The heavy op whose epilogue the group of `head` can be.
    fn epilogue_of(&self, head: usize) -> Option<usize> {
        if !self.enabled {
            return None;
        }
        let members = self.members.get(&head)?;
        let externals = self.externals(members);
        let fits = |v: &&Value| {
            let i = v.index();
            self.op(i).is_some_and(|op| op.takes_epilogue())
                && !self.is_root[i]
                && self.g.ty(**v) == &self.g.nodes()[head].ty
                && self.consumers[i].iter().all(|c| members.contains(c))
                && externals.len() - 1 + self.g.nodes()[i].inputs.len() < MAX_STORAGE
                && !self.crosses_update(i, head)
        };
        externals.iter().filter(fits).map(|v| v.index()).max()
    }

    /// The chain of the group of `head`, yielding `result`.
    fn chain(&self, head: usize, result: Value, heavy: Option<usize>) -> Chain {
        let mut members = self.members.get(&head).cloned().unwrap_or_default();
        members.sort_unstable();
        let shape = self.g.shape(result).clone();
        let inputs: Vec<Value> = self.externals(&members).into_iter().filter(|v| Some(v.index()) != heavy).collect();
        let access = inputs.iter().map(|&v| Access::of(self.g.shape(v), &shape)).collect();
        let arg = |v: &Value| {
            if Some(v.index()) == heavy {
                return Arg::Acc;
            }
            match members.binary_search(&v.index()) {
                Ok(link) => Arg::Link(link),
                Err(_) => Arg::Input(inputs.iter().position(|x| x == v).unwrap_or_default()),
            }
        };
        let link = |&m: &usize| {
            let node = &self.g.nodes()[m];
            let f = node.op().and_then(|op| op.pointwise())?;
            Some(Link { f, args: node.inputs.iter().map(arg).collect() })
        };
        let links: Vec<Link> = members.iter().filter_map(link).collect();
        let result = arg(&result);
        Chain { shape, inputs, access, links, result }
    }
}
