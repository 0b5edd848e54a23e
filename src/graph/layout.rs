//! Where parameters live: one range each in the arenas, the same range in every arena.

use super::{Def, Graph, Init};
use crate::error::{Error, Result};
use crate::tensor::TensorType;
use std::collections::BTreeSet;

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

/// A part of the arenas that one optimizer's update covers in one dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Elements.
    pub len: usize,
    /// Whose parameters: k for those below the scope k − 1 of [`Graph::set_groups`], 0 for all others.
    pub group: usize,
}

/// What a store holds: the arenas' layout and the named states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreLayout {
    /// Parameters in declaration order.
    pub params: Vec<ParamRange>,
    /// The parts of each arena.
    pub shards: Vec<Shard>,
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
                    None => union.place(param.name, param.ty, other.shards[param.shard].group),
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

    /// Appends a parameter's range. Shards hold one group, and at most 128 MiB (WebGPU's smallest binding limit) unless a
    /// single parameter is larger.
    fn place(&mut self, name: String, ty: TensorType, group: usize) {
        const SHARD: usize = (128 << 20) / 4;
        const ALIGN: usize = 64;
        let len = ty.len().next_multiple_of(ALIGN);
        let last = self.shards.iter().rposition(|shard| shard.group == group);
        let shard = last.filter(|&last| self.shards[last].len + len <= SHARD).unwrap_or_else(|| {
            self.shards.push(Shard { len: 0, group });
            self.shards.len() - 1
        });
        let offset = self.shards[shard].len;
        self.shards[shard].len += len;
        self.params.push(ParamRange { name, ty, shard, offset });
    }
}

fn conflict(name: &str, a: &TensorType, b: &TensorType) -> Error {
    Error::Name(format!("{name} is {a} in one graph and {b} in another"))
}

impl Graph {
    /// Gives the parameters at or below each of `scopes` (dotted paths) shards of their own, so that an optimizer of their
    /// own can update them; of two scopes that have a parameter in common the first has it. It changes [`Graph::layout`]:
    /// set it before that is asked.
    ///
    /// # Errors
    /// [`Error::Config`] where a scope has no parameters.
    pub fn set_groups(&mut self, scopes: Vec<String>) -> Result<()> {
        self.groups = scopes;
        for k in 0..self.groups.len() {
            let mut names = self.params().into_iter().map(|param| self.label(param));
            if !names.any(|name| self.group_of(&name) == k + 1) {
                let roots: BTreeSet<String> = (self.params().into_iter())
                    .filter_map(|param| Some(self.label(param).split('.').next()?.to_string()))
                    .collect();
                let known = roots.into_iter().collect::<Vec<_>>().join(", ");
                return Err(Error::Config(format!(
                    "no parameters are left below {}: the model has them below {known}",
                    self.groups[k]
                )));
            }
        }
        Ok(())
    }

    /// The group of the parameter at the dotted path `name`.
    fn group_of(&self, name: &str) -> usize {
        let below = |scope: &str| name.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.groups.iter().position(|scope| below(scope)).map_or(0, |k| k + 1)
    }

    /// The arenas' layout for this graph's parameters, and the list of its states.
    pub fn layout(&self) -> StoreLayout {
        let mut layout = StoreLayout::default();
        for node in self.nodes() {
            match &node.def {
                Def::Param { name, .. } => layout.place(name.clone(), node.ty.clone(), self.group_of(name)),
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
