//! A lowered, planned program as plain data: what `gpu` replays. Nothing here knows wgpu.

use crate::lower::shader::Shader;
use crate::tensor::TensorType;
use std::sync::Arc;

pub use crate::graph::{Arena, ParamRange, Shard, StoreLayout};

/// Names a buffer without owning it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BufferKey {
    /// An intermediate's slot, owned by the executable.
    Slot(usize),
    /// A large input (index into [`Program::inputs`]), owned by the executable.
    Input(usize),
    /// All small inputs together, owned by the executable.
    Scalars,
    /// A shard of an arena, owned by the store.
    Arena(Arena, usize),
    /// A named state (running statistics, a resident data set), owned by the store.
    State(String),
}

/// A byte range of a buffer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which buffer.
    pub buffer: BufferKey,
    /// First byte; a multiple of 256.
    pub offset: u64,
    /// Length in bytes; a multiple of 4.
    pub size: u64,
}

/// One group of bindings of a dispatch: binding 0 is the uniform, bindings 1.. are storage buffers.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The uniform's bytes; empty where the group has none.
    pub params: Vec<u8>,
    /// What storage binding `k + 1` covers.
    pub storage: Vec<Place>,
}

/// One dispatch of a kernel.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// Scope path, op and variant: `encoder.conv1/conv2d.subgroup`.
    pub label: String,
    /// The assembled kernel.
    pub shader: Arc<Shader>,
    /// Group 0 is the kernel's own, group 1 (where there is one) its fused pointwise chain.
    pub groups: Vec<Group>,
    /// Workgroups in x, y, z.
    pub grid: [u32; 3],
}

/// An input that the host writes.
#[derive(Clone, Debug)]
pub struct InputSlot {
    /// The name it was declared with.
    pub name: String,
    /// Shape and element type.
    pub ty: TensorType,
    /// Where it lives: [`BufferKey::Input`] or a range of [`BufferKey::Scalars`].
    pub place: Place,
}

/// A value that can be read back.
#[derive(Clone, Debug)]
pub struct Output {
    /// Shape and element type.
    pub ty: TensorType,
    /// Where it lives after a run.
    pub place: Place,
}

/// The flat list that a step replays, and the buffers it needs.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// In execution order.
    pub dispatches: Vec<Dispatch>,
    /// Bytes of each intermediate slot.
    pub slots: Vec<u64>,
    /// All inputs, in declaration order.
    pub inputs: Vec<InputSlot>,
    /// Bytes of the buffer of small inputs.
    pub scalars_bytes: u64,
    /// The requested roots, in order.
    pub outputs: Vec<Output>,
}
