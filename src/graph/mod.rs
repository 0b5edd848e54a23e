//! The static graph: what a model *is*, before anything is chosen, planned or run.
//!
//! A [`Graph`] is an append-only list of nodes, so index order is topological order. Layers, distributions and models
//! append forward nodes; [`autodiff`](Graph::grad) appends backward nodes; nothing here knows kernels, memory or devices.

mod autodiff;
mod checkpoint;
pub mod fuse;
mod layout;
mod simplify;

use crate::error::{Error, Result};
use crate::ops::Op;
use crate::tensor::{Shape, TensorType};
use std::collections::HashMap;
use std::sync::Arc;

pub use checkpoint::Recompute;
pub use layout::{Arena, ParamRange, Shard, StoreLayout};

/// A node of a graph, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(u32);

impl Value {
    /// Position in the graph; inputs of a node come before it.
    pub fn index(self) -> usize {
        self.0 as usize
    }
    pub(crate) fn at(index: usize) -> Self {
        Self(index as u32)
    }
}

/// How a parameter or state starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Init {
    /// Every element the same.
    Constant(f32),
    /// Uniform in ±bound.
    Uniform(f32),
    /// Normal with this standard deviation.
    Normal(f32),
    /// As many equal parts as there are numbers, each filled with its own: the rows of a matrix.
    Rows(Vec<f32>),
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Def {
    /// Written by the host before a run.
    Input {
        /// Unique name.
        name: String,
    },
    /// A trainable parameter: a range of the parameter arena.
    Param {
        /// Dotted path.
        name: String,
        /// Its start.
        init: Init,
    },
    /// A named tensor that outlives a run but is not trained: running statistics, a resident data set.
    State {
        /// Dotted path.
        name: String,
        /// Its start.
        init: Init,
    },
    /// A whole shard of an arena as one flat tensor: the optimizer's view.
    Arena {
        /// Which arena.
        arena: Arena,
        /// Which shard.
        shard: usize,
    },
    /// Writes its one input into a parameter's range of the gradient arena.
    StoreGrad {
        /// The parameter's dotted path.
        param: String,
    },
    /// An op applied to the inputs.
    Apply(Arc<dyn Op>),
}

/// One node: what it is, what it reads, what it yields.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub def: Def,
    /// What it reads.
    pub inputs: Vec<Value>,
    /// Its one output's type.
    pub ty: TensorType,
    /// Index of its scope path.
    scope: u32,
}

impl Node {
    /// The op of an [`Def::Apply`] node.
    pub fn op(&self) -> Option<&Arc<dyn Op>> {
        match &self.def {
            Def::Apply(op) => Some(op),
            _ => None,
        }
    }
}

/// A static computation. See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    scopes: Vec<String>,
    scope: String,
    leaves: HashMap<String, Value>,
    common: HashMap<(String, Vec<Value>), Value>,
    streams: u32,
    /// Scopes of parameters with an optimizer of their own.
    groups: Vec<String>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// All nodes in topological order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
    /// Floating-point operations of one run, all nodes together.
    pub fn flops(&self) -> u64 {
        let flops = |node: &Node| {
            let types: Vec<TensorType> = node.inputs.iter().map(|&v| self.ty(v).clone()).collect();
            node.op().map_or(0, |op| op.cost(&types, &node.ty).flops)
        };
        self.nodes.iter().map(flops).sum()
    }
    /// The node of `value`.
    pub fn node(&self, value: Value) -> &Node {
        &self.nodes[value.index()]
    }
    /// The node whose storage `value` is: aliases (reshapes) are looked through.
    pub fn base(&self, value: Value) -> usize {
        let node = self.node(value);
        match node.op() {
            Some(op) if op.alias() => self.base(node.inputs[0]),
            _ => value.index(),
        }
    }
    /// The type of `value`.
    pub fn ty(&self, value: Value) -> &TensorType {
        &self.nodes[value.index()].ty
    }
    /// The shape of `value`.
    pub fn shape(&self, value: Value) -> &Shape {
        &self.nodes[value.index()].ty.shape
    }
    /// The dotted path of the layer that built `value`.
    pub fn scope_of(&self, value: Value) -> &str {
        &self.scopes[self.nodes[value.index()].scope as usize]
    }
    /// `scope/op` of a node, or its leaf's name: how messages and profiles call it.
    pub fn label(&self, value: Value) -> String {
        let node = self.node(value);
        match &node.def {
            Def::Input { name } | Def::Param { name, .. } | Def::State { name, .. } => name.clone(),
            Def::Arena { arena, shard } => format!("{arena:?}[{shard}]"),
            Def::StoreGrad { param } => format!("{param}.grad"),
            Def::Apply(op) => match self.scope_of(value) {
                "" => op.name().to_string(),
                scope => format!("{scope}/{}", op.name()),
            },
        }
    }

    /// Runs `build` inside the scope `name`: parameters it declares are called `…name.x`.
    pub fn scoped<R>(&mut self, name: &str, build: impl FnOnce(&mut Self) -> R) -> R {
        let path = self.path(name);
        let outer = std::mem::replace(&mut self.scope, path);
        let result = build(self);
        self.scope = outer;
        result
    }

    /// Runs `build` outside of all scopes.
    pub fn unscoped<R>(&mut self, build: impl FnOnce(&mut Self) -> R) -> R {
        let outer = std::mem::take(&mut self.scope);
        let result = build(self);
        self.scope = outer;
        result
    }

    fn path(&self, name: &str) -> String {
        match (self.scope.as_str(), name) {
            ("", name) => name.to_string(),
            (scope, "") => scope.to_string(),
            (scope, name) => format!("{scope}.{name}"),
        }
    }

    fn push(&mut self, def: Def, inputs: Vec<Value>, ty: TensorType) -> Value {
        if self.scopes.last() != Some(&self.scope) {
            self.scopes.push(self.scope.clone());
        }
        let scope = self.scopes.len() as u32 - 1;
        self.nodes.push(Node { def, inputs, ty, scope });
        Value::at(self.nodes.len() - 1)
    }

    fn leaf(&mut self, name: String, def: Def, ty: TensorType) -> Result<Value> {
        if let Some(&value) = self.leaves.get(&name) {
            let known = self.node(value);
            if known.ty != ty || std::mem::discriminant(&known.def) != std::mem::discriminant(&def) {
                let what =
                    format!("{name} is declared twice, as {} and as {ty}; give one of them another name", known.ty);
                return Err(Error::Name(what));
            }
            return Ok(value);
        }
        small_enough(&name, &ty)?;
        let value = self.push(def, vec![], ty);
        self.leaves.insert(name, value);
        Ok(value)
    }

    /// An input the host writes before a run. Inputs are named globally, not by scope.
    pub fn input(&mut self, name: &str, ty: TensorType) -> Result<Value> {
        self.leaf(name.to_string(), Def::Input { name: name.to_string() }, ty)
    }
    /// A trainable parameter under the current scope; the same path again is the same parameter (shared weights).
    pub fn param(&mut self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Value> {
        let name = self.path(name);
        self.leaf(name.clone(), Def::Param { name, init }, TensorType::f32(shape))
    }
    /// A persistent, untrained tensor under the current scope.
    pub fn state(&mut self, name: &str, ty: TensorType, init: Init) -> Result<Value> {
        let name = self.path(name);
        self.leaf(name.clone(), Def::State { name, init }, ty)
    }
    /// A shard of an arena as one flat tensor. The layout must be final: declare every parameter first.
    pub fn arena(&mut self, arena: Arena, shard: usize, layout: &StoreLayout) -> Result<Value> {
        let missing = || Error::Graph(format!("the arenas have no shard {shard}"));
        let len = layout.shards.get(shard).ok_or_else(missing)?.len;
        self.leaf(format!("<{arena:?} {shard}>"), Def::Arena { arena, shard }, TensorType::f32([len]))
    }

    /// Appends `op` applied to `inputs`; an equal node that exists already is returned instead.
    ///
    /// # Errors
    /// [`Error::Shape`] with the scope path where the inputs do not fit the op.
    pub fn apply(&mut self, op: impl Op, inputs: &[Value]) -> Result<Value> {
        self.apply_arc(Arc::new(op), inputs)
    }
    /// [`Graph::apply`] for an op that is already shared.
    pub fn apply_arc(&mut self, op: Arc<dyn Op>, inputs: &[Value]) -> Result<Value> {
        let types: Vec<TensorType> = inputs.iter().map(|&v| self.ty(v).clone()).collect();
        let ty = op.infer(&types).map_err(|e| match e {
            Error::Shape { op, message, .. } => Error::Shape { op, message, scope: self.scope.clone() },
            other => other,
        })?;
        small_enough(op.name(), &ty)?;
        if op.updates() > 0 {
            return Ok(self.push(Def::Apply(op), inputs.to_vec(), ty));
        }
        let key = (format!("{op:?}"), inputs.to_vec());
        if let Some(&value) = self.common.get(&key) {
            return Ok(value);
        }
        let value = self.push(Def::Apply(op), inputs.to_vec(), ty);
        self.common.insert(key, value);
        Ok(value)
    }

    /// Stores `grad` as the gradient of `param` (a [`Def::Param`] value) in the gradient arena.
    pub fn store_grad(&mut self, param: Value, grad: Value) -> Result<Value> {
        let Def::Param { name, .. } = &self.node(param).def else {
            return Err(Error::Graph(format!("{} is not a parameter", self.label(param))));
        };
        let param_name = name.clone();
        if self.ty(param) != self.ty(grad) {
            let message = format!("gradient {} does not fit {param_name} {}", self.ty(grad), self.ty(param));
            return Err(Error::Graph(message));
        }
        let ty = self.ty(grad).clone();
        Ok(self.push(Def::StoreGrad { param: param_name }, vec![grad], ty))
    }

    /// A fresh number for a noise op's random stream: two draws in one graph never share one.
    pub fn next_stream(&mut self) -> u32 {
        self.streams += 1;
        self.streams - 1
    }

    /// All trainable parameters in declaration order.
    pub fn params(&self) -> Vec<Value> {
        self.select(|def| matches!(def, Def::Param { .. }))
    }
    /// All inputs in declaration order.
    pub fn inputs(&self) -> Vec<Value> {
        self.select(|def| matches!(def, Def::Input { .. }))
    }
    fn select(&self, wanted: impl Fn(&Def) -> bool) -> Vec<Value> {
        (0..self.nodes.len()).filter(|&i| wanted(&self.nodes[i].def)).map(Value::at).collect()
    }
    /// The input, parameter or state called `name`.
    pub fn find(&self, name: &str) -> Option<Value> {
        self.leaves.get(name).copied()
    }

    /// Which nodes the `roots` need, together with every node that updates something in place.
    pub fn live(&self, roots: &[Value]) -> Vec<bool> {
        let mut live = vec![false; self.nodes.len()];
        roots.iter().for_each(|r| live[r.index()] = true);
        for (i, node) in self.nodes.iter().enumerate().rev() {
            let effect = match &node.def {
                Def::StoreGrad { .. } => true,
                Def::Apply(op) => op.updates() > 0,
                _ => false,
            };
            if effect || live[i] {
                live[i] = true;
                node.inputs.iter().for_each(|v| live[v.index()] = true);
            }
        }
        live
    }

    /// Which nodes are compared with others element by element, or hold what the compared were picked from. A comparison of
    /// a tensor with its own maximum asks for equality: these must read the same bits wherever they are read, so they are
    /// neither rounded in memory nor computed twice.
    pub fn compared(&self) -> Vec<bool> {
        let mut compared = vec![false; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate().rev() {
            let Some(op) = node.op() else { continue };
            let count = match op.pointwise() {
                Some(f) if f.function.compares => 2,
                _ if compared[i] && op.picks() => node.inputs.len(),
                _ => 0,
            };
            node.inputs.iter().take(count).for_each(|v| compared[v.index()] = true);
        }
        compared
    }
}

/// Kernels count elements in 32 bits.
fn small_enough(name: &str, ty: &TensorType) -> Result<()> {
    match u32::try_from(ty.len()) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::Config(format!("{name} would be {ty}: a tensor has fewer than 2³² elements"))),
    }
}
