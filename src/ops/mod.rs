//! Ops: each is a shape rule, a gradient rule, a reference and its GPU kernels, in one file.
//!
//! A file under here reads: the mathematics, attributes, `infer`, `vjp`, `reference`, `variants`, cases. Nothing here
//! runs anything: an op describes launches ([`Lowering`]), [`crate::lower`] plans them, [`crate::gpu`] replays them.

pub mod concat;
pub mod conv;
pub mod cumsum;
pub mod gather;
mod gemm;
pub mod index;
pub mod loss_scale;
pub mod matmul;
pub mod noise;
pub mod norm;
pub mod optimizer;
pub mod permute;
pub mod pointwise;
pub mod pool;
pub mod recurrent;
pub mod reduce;
pub mod registry;
pub mod reshape;
pub mod rows;
pub mod scatter;
pub mod slice;
pub mod softmax;
pub mod standardize;
mod traffic;
pub mod view;

use crate::cpu::{Evaluate, View};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::lower::assemble::SpecValue;
use crate::lower::caps::Caps;
use crate::tensor::TensorType;
use std::fmt::Debug;

pub use pointwise::{Access, Pointwise};
pub use registry::{OpEntry, registry};

/// What an op's gradient rule is given.
pub struct Vjp<'a> {
    /// The node's inputs.
    pub inputs: &'a [Value],
    /// The node's output.
    pub out: Value,
    /// Cotangent of the output: same type as `out`.
    pub dout: Value,
    /// Which inputs' gradients are asked for.
    pub need: &'a [bool],
}

/// A differentiable operation on tensors with one output.
///
/// [`Evaluate`] comes for free from an implementation of [`crate::cpu::Reference`].
pub trait Op: Debug + Send + Sync + Evaluate + 'static {
    /// The op's name in messages, profiles and tests.
    fn name(&self) -> &'static str;

    /// The output's type, or an [`Error::Shape`](crate::Error::Shape) that says what does not fit.
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType>;

    /// Appends the gradient nodes; `None` where nothing flows back or nothing was asked for.
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>>;

    /// Every legal GPU variant for these types on this device, best first. Pure. Empty for pointwise and alias ops.
    fn variants(&self, inputs: &[TensorType], out: &TensorType, caps: &Caps) -> Vec<Lowering>;

    /// Work and traffic; the default counts every input read and the output written once and one flop an element.
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        let bytes = inputs.iter().map(TensorType::bytes).sum::<usize>() + out.bytes();
        Cost { flops: out.len() as u64, bytes: bytes as u64 }
    }

    /// The function of an op that maps (broadcast) elements to elements, which `fuse` chains.
    fn pointwise(&self) -> Option<Pointwise> {
        None
    }

    /// Which element of input 0 each element of the output is, for an op that does nothing else: a chain then reads input 0
    /// there, and no kernel runs.
    fn view(&self, _inputs: &[TensorType]) -> Option<Access> {
        None
    }

    /// Whether the kernels can end in a fused pointwise chain (`epilogue(acc, i)`).
    fn takes_epilogue(&self) -> bool {
        false
    }

    /// Whether the kernels read input 0 only through `load(i)`, so that a pointwise chain can replace it.
    fn takes_prologue(&self) -> bool {
        false
    }

    /// Whether the output is the sum over all axes but the last of input 0, which a matrix product may then take along.
    fn sums_columns(&self) -> bool {
        false
    }

    /// Whether the kernels can also sum the columns of input 1, a matrix of as many columns as the output: launches then
    /// have a [`Spare`].
    fn takes_column_sums(&self, _inputs: &[TensorType]) -> bool {
        false
    }

    /// Whether the output is input 0's storage seen with another shape.
    fn alias(&self) -> bool {
        false
    }

    /// Whether every element of the output is an element of an input, bit by bit.
    fn picks(&self) -> bool {
        self.alias()
    }

    /// How many leading inputs (leaves: arenas or states) are updated in place. The *reference* writes their new values
    /// one after another into its flat output; the kernel overwrites them and has no other output.
    fn updates(&self) -> usize {
        0
    }

    /// Shapes of `inputs` for which the magnitudes bound rounding: `true` for ops that are sums of products, where the
    /// error of an element is bounded by depth · ε · Σ|aᵢbᵢ|, computed by the reference on absolute inputs.
    fn sums_products(&self) -> bool {
        false
    }
}

/// Work and traffic of an op, for benches and the roofline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Floating-point operations (a multiply-add is two).
    pub flops: u64,
    /// Bytes that must move: each input read once, the output written once.
    pub bytes: u64,
}

/// One way to compute an op on a GPU.
#[derive(Clone, Debug)]
pub struct Lowering {
    /// The variant's name: `subgroup`, `direct`, `split`.
    pub name: &'static str,
    /// Dispatches in order.
    pub passes: Vec<Launch>,
    /// Temporaries that live only inside this op.
    pub scratch: Vec<TensorType>,
}

/// Where a fused pointwise chain enters a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainSlot {
    /// None: the kernel takes no chain.
    None,
    /// The kernel writes `epilogue(acc, i)`, each element once; group 1 is the chain's.
    Epilogue,
    /// The kernel reads its input 0 as `load(i)`, each element once; group 1 is the chain's, and input 0 is bound there.
    Prologue,
    /// Both; the epilogue's group follows the prologue's.
    Both,
}

impl ChainSlot {
    /// Whether the kernel reads its input 0 as `load(i)`.
    pub fn prologue(self) -> bool {
        matches!(self, Self::Prologue | Self::Both)
    }
    /// Whether the kernel writes `epilogue(acc, i)`.
    pub fn epilogue(self) -> bool {
        matches!(self, Self::Epilogue | Self::Both)
    }
}

/// One dispatch of a kernel, before memory is planned.
#[derive(Clone, Debug)]
pub struct Launch {
    /// File under `shaders/`, without `.wgsl`; the kernel's name where it brings its own source.
    pub kernel: &'static str,
    /// WGSL in place of a file under `shaders/`: the kernel of an op outside this crate. It may import and be specialised
    /// as a file may. Its workgroup memory is not zeroed, and its loops are trusted to end.
    pub source: Option<&'static str>,
    /// Constants marked `// spec` and their values.
    pub spec: Vec<(&'static str, SpecValue)>,
    /// Imports to substitute (a schedule core, say): what the file says, what it becomes.
    pub imports: Vec<(&'static str, &'static str)>,
    /// The bytes of the kernel's `Params`.
    pub params: Vec<u8>,
    /// Storage bindings 1.. of group 0.
    pub binds: Vec<Bind>,
    /// Workgroups in one dimension; folded to x and y where the device needs it.
    pub groups: u64,
    /// Workgroups in z (batch, parity class, split).
    pub depth: u32,
    /// Elements a kernel with the constants `WG` and `PER` walks; `groups` is then found when lowered.
    pub elements: Option<u64>,
    /// Where a chain enters.
    pub chain: ChainSlot,
    /// How column sums go along; see [`Op::takes_column_sums`].
    pub spare: Option<Spare>,
}

/// The column sums of a kernel's right operand, computed by workgroups behind those of the kernel's own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spare {
    /// Invocations a workgroup.
    pub lanes: u32,
    /// Rows that are added up.
    pub rows: u32,
    /// Columns, each a sum.
    pub columns: u32,
}

/// The parameters of `shaders/gemm/column_sums.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct SpareParams {
    /// The first workgroup that sums columns.
    pub first: u32,
    /// Columns a workgroup.
    pub lanes: u32,
    /// Rows.
    pub rows: u32,
    /// Columns.
    pub columns: u32,
}

/// What a storage binding of a [`Launch`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// Input k.
    In(usize),
    /// The output.
    Out,
    /// Temporary k of the [`Lowering`].
    Scratch(usize),
}

impl Launch {
    /// A launch of `kernel` without specialisation, epilogue or depth.
    pub fn new<P: bytemuck::Pod>(kernel: &'static str, params: &P, binds: &[Bind], groups: u64) -> Self {
        Self {
            kernel,
            source: None,
            spec: vec![],
            imports: vec![],
            params: bytemuck::bytes_of(params).to_vec(),
            binds: binds.to_vec(),
            groups,
            depth: 1,
            elements: None,
            chain: ChainSlot::None,
            spare: None,
        }
    }
    /// A launch over `len` elements of a kernel that has the constants `WG` (invocations a workgroup) and `PER` (elements
    /// an invocation), which lowering sets for the device.
    pub fn elements<P: bytemuck::Pod>(kernel: &'static str, params: &P, binds: &[Bind], len: usize) -> Self {
        Self { elements: Some(len as u64), ..Self::new(kernel, params, binds, 0) }
    }
    /// Brings the kernel's WGSL along: no file under `shaders/` is read for it.
    pub fn source(mut self, wgsl: &'static str) -> Self {
        self.source = Some(wgsl);
        self
    }
    /// Sets a `// spec` constant.
    pub fn spec(mut self, name: &'static str, value: impl Into<SpecValue>) -> Self {
        self.spec.push((name, value.into()));
        self
    }
    /// Substitutes an import.
    pub fn import(mut self, from: &'static str, to: &'static str) -> Self {
        self.imports.push((from, to));
        self
    }
    /// Sets the z extent of the grid.
    pub fn depth(mut self, depth: u32) -> Self {
        self.depth = depth;
        self
    }
    /// Says how column sums go along.
    pub fn spare(mut self, spare: Option<Spare>) -> Self {
        self.spare = spare;
        self
    }
    /// Sets where a chain enters.
    pub fn chain(mut self, chain: ChainSlot) -> Self {
        self.chain = chain;
        self
    }
}

impl Lowering {
    /// A lowering of one pass and no temporaries.
    pub fn single(name: &'static str, launch: Launch) -> Self {
        Self { name, passes: vec![launch], scratch: vec![] }
    }
}

/// The inputs of a reference, by position.
pub type Views<'a, 'b, T> = &'a [View<'b, T>];
