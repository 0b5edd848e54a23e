//! Where parameters live: one range each in the arenas, the same range in every arena.

use super::{Def, Graph, Init};
use crate::error::{Error, Result};
use crate::tensor::TensorType;

/// The four arenas: one flat `F32` tensor each (cut in shards), all laid out by the same [`StoreLayout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arena {
    /// Trainable parameters.
    Params,
    /// Their gradients.
    Grads,
    /// First moments of the optimizer.
    Moment1,
    /// Second moments of the optimizer.
    Moment2,
}

/// One parameter's range in the arenas.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamRange {
    /// Dotted path: `encoder.conv1.weight`.
    pub name: String,
    /// Shape.
    pub ty: TensorType,
    /// Which shard of the arenas.
    pub shard: usize,
    /// First element in the shard; a multiple of 64 (256 bytes).
    pub offset: usize,
}

/// What a store holds: the arenas' layout and the named states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreLayout {
    /// Parameters in declaration order.
    pub params: Vec<ParamRange>,
    /// Elements of each shard.
    pub shards: Vec<usize>,
    /// Named states.
    pub states: Vec<(String, TensorType)>,
}

impl StoreLayout {
    /// The range of the parameter called `name`.
    pub fn param(&self, name: &str) -> Option<&ParamRange> {
        self.params.iter().find(|p| p.name == name)
    }
}

impl StoreLayout {
    /// One layout for several graphs of a model. The first gives the parameters' order; the others may add.
    ///
    /// # Errors
    /// [`Error::Name`] where two graphs give one name different types.
    pub fn union(graphs: &[&Graph]) -> Result<Self> {
        let mut union = graphs.first().map(|g| g.layout()).unwrap_or_default();
        for other in graphs.iter().skip(1).map(|g| g.layout()) {
            for param in other.params {
                match union.param(&param.name) {
                    None => union.place(param.name, param.ty),
                    Some(known) if known.ty == param.ty => {}
                    Some(known) => return Err(conflict(&param.name, &known.ty, &param.ty)),
                }
            }
            for (name, ty) in other.states {
                match union.states.iter().find(|(n, _)| *n == name) {
                    None => union.states.push((name, ty)),
                    Some((_, known)) if *known == ty => {}
                    Some((_, known)) => return Err(conflict(&name, known, &ty)),
                }
            }
        }
        Ok(union)
    }

    /// Appends a parameter's range. Shards hold at most 128 MiB (WebGPU's smallest binding limit) unless a single
    /// parameter is larger.
    fn place(&mut self, name: String, ty: TensorType) {
        const SHARD: usize = (128 << 20) / 4;
        const ALIGN: usize = 64;
        let len = ty.len().next_multiple_of(ALIGN);
        if self.shards.last().is_none_or(|used| used + len > SHARD) {
            self.shards.push(0);
        }
        let shard = self.shards.len() - 1;
        let offset = self.shards[shard];
        self.shards[shard] += len;
        self.params.push(ParamRange { name, ty, shard, offset });
    }
}

fn conflict(name: &str, a: &TensorType, b: &TensorType) -> Error {
    Error::Name(format!("{name} is {a} in one graph and {b} in another"))
}

impl Graph {
    /// The arenas' layout for this graph's parameters, and the list of its states.
    pub fn layout(&self) -> StoreLayout {
        let mut layout = StoreLayout::default();
        for node in self.nodes() {
            match &node.def {
                Def::Param { name, .. } => layout.place(name.clone(), node.ty.clone()),
                Def::State { name, .. } => layout.states.push((name.clone(), node.ty.clone())),
                _ => {}
            }
        }
        layout
    }

    /// Name, type and start of every parameter and state.
    pub fn initial(&self) -> Vec<(String, TensorType, Init)> {
        let start = |node: &super::Node| match &node.def {
            Def::Param { name, init } | Def::State { name, init } => {
                Some((name.clone(), node.ty.clone(), init.clone()))
            }
            _ => None,
        };
        self.nodes().iter().filter_map(start).collect()
    }
}
