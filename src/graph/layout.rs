//! Where parameters live: one range each in the arenas, the same range in every arena.

use super::{Def, Graph};
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

impl Graph {
    /// The arenas' layout for this graph's parameters, and the list of its states. Shards hold at most 128 MiB
    /// (WebGPU's smallest binding limit) unless a single parameter is larger.
    pub fn layout(&self) -> StoreLayout {
        const SHARD: usize = (128 << 20) / 4;
        const ALIGN: usize = 64;
        let mut layout = StoreLayout::default();
        for node in self.nodes() {
            match &node.def {
                Def::Param { name, .. } => {
                    let len = node.ty.len().next_multiple_of(ALIGN);
                    if layout.shards.last().is_none_or(|used| used + len > SHARD) {
                        layout.shards.push(0);
                    }
                    let shard = layout.shards.len() - 1;
                    let offset = layout.shards[shard];
                    layout.shards[shard] += len;
                    layout.params.push(ParamRange { name: name.clone(), ty: node.ty.clone(), shard, offset });
                }
                Def::State { name, .. } => layout.states.push((name.clone(), node.ty.clone())),
                _ => {}
            }
        }
        layout
    }
}
