//! Graph → [`Program`]: steps become launches, values become places.

use super::assemble::{Assembly, SpecValue};
use super::caps::Caps;
use super::chain;
use super::half::{self, Precision};
use super::plan::{self, Lifetime};
use super::program::{BufferKey, Dispatch, Group, InputSlot, Output, Place, Program};
use super::report::PlanReport;
use crate::error::{Error, Result};
use crate::graph::fuse::{Chain, Step, fuse};
use crate::graph::{Arena, Def, Graph, StoreLayout, Value};
use crate::ops::{Bind, ChainSlot, Launch, Lowering, Op, Spare, SpareParams};
use crate::tensor::{DType, TensorType};
use std::collections::HashMap;
use std::sync::Arc;

/// Alignment of every place: WebGPU's largest storage offset alignment, bytes.
const ALIGN: u64 = 256;
/// The bind group of column sums, behind those of a prologue and an epilogue.
const SPARE_GROUP: usize = 3;
/// Inputs up to this size share the buffer of small inputs, bytes.
const SMALL_INPUT: usize = 256;

/// Elements below which a tensor is not worth two bytes an element in place of four.
const LARGE: usize = 1024;
/// What sums up so many elements an element is a statistic, and stays f32.
const SUMMED: usize = 8;

/// Chooses among the variants (never empty) of an op with inputs of these types; out of range means the last.
pub type Choose<'a> = &'a dyn Fn(&Arc<dyn Op>, &[TensorType], &[Lowering]) -> usize;

/// How to lower.
pub struct Options<'a> {
    /// The device's capabilities.
    pub caps: &'a Caps,
    /// Whether pointwise nodes are fused.
    pub fuse: bool,
    /// Bytes added behind every intermediate, for tests that look for writes out of bounds.
    pub pad: u64,
    /// Which variant of each op.
    pub choose: Choose<'a>,
    /// How large intermediates and weights are stored.
    pub precision: Precision,
    /// Elements from which a tensor is large.
    pub large: usize,
}

impl<'a> Options<'a> {
    /// Fused, unpadded, each op's best variant.
    pub fn new(caps: &'a Caps) -> Self {
        Self { caps, fuse: true, pad: 0, choose: &|_, _, _| 0, precision: Precision::F32, large: LARGE }
    }
}

/// A program with what there is to say about its plan.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// What to replay.
    pub program: Program,
    /// Figures of the plan.
    pub report: PlanReport,
}

/// Where a value's elements are, before slots are known.
#[derive(Clone, Debug)]
enum Home {
    Fixed(Place),
    Tensor(usize),
}

struct Lowerer<'a> {
    g: &'a Graph,
    layout: &'a StoreLayout,
    options: &'a Options<'a>,
    homes: HashMap<usize, Home>,
    lives: Vec<Lifetime>,
    names: Vec<(String, TensorType)>,
    /// Which tensors take two bytes an element.
    halves: Vec<bool>,
    /// Tensors that hold copies of weights in two bytes an element, and where the masters are.
    copies: Vec<(usize, Place)>,
    /// Nodes whose storage is read back.
    roots: Vec<usize>,
    /// Nodes of which a comparison reads every bit.
    compared: Vec<bool>,
    /// Gradients written straight into their arena range: base node → parameter.
    direct: HashMap<usize, String>,
}

/// Fuses, chooses kernels and plans memory.
///
/// # Errors
/// A parameter missing from `layout`, an op without a kernel for this device, a tensor beyond the device's limits, or a
/// shader that does not assemble.
pub fn lower(g: &Graph, roots: &[Value], layout: &StoreLayout, options: &Options<'_>) -> Result<Lowered> {
    options.precision.check(options.caps)?;
    let steps = fuse(g, roots, options.fuse);
    let lowerings = steps.iter().map(|s| choose(g, s, options)).collect::<Result<Vec<_>>>()?;
    let mut lowerer = Lowerer::new(g, layout, options, roots);
    let mut program = Program::default();
    lowerer.leaves(&mut program)?;
    lowerer.direct_grads();
    let mut scratch = vec![];
    for (i, (step, lowering)) in steps.iter().zip(&lowerings).enumerate() {
        scratch.push(lowerer.outputs(i, step, lowering)?);
    }
    for &root in roots {
        lowerer.touch(root, steps.len());
    }
    let assignment = plan::assign(&lowerer.lives);
    program.slots = assignment.sizes.iter().map(|&s| s as u64).collect();
    lowerer.copy_weights(&assignment.slot, &mut program)?;
    for ((step, lowering), scratch) in steps.iter().zip(&lowerings).zip(&scratch) {
        lowerer.dispatches(step, lowering, scratch, &assignment.slot, &mut program)?;
    }
    for &root in roots {
        let place = lowerer.place(root, &assignment.slot)?;
        program.outputs.push(Output { ty: g.ty(root).clone(), place });
    }
    let report = PlanReport::new(g, layout, &program, &lowerer.lives, &lowerer.names, steps.len());
    Ok(Lowered { program, report })
}

fn choose(g: &Graph, step: &Step, options: &Options<'_>) -> Result<Lowering> {
    let Some(op) = &step.op else { return Ok(pointwise_launch(g.ty(step.out).len())) };
    let inputs: Vec<TensorType> = step.inputs.iter().map(|&v| g.ty(v).clone()).collect();
    let mut variants = op.variants(&inputs, g.ty(step.node), options.caps);
    if variants.is_empty() {
        let message = format!("{} has no kernel for {inputs:?} on this device", g.label(step.node));
        return Err(Error::Graph(message));
    }
    let chosen = (options.choose)(op, &inputs, &variants).min(variants.len() - 1);
    Ok(variants.swap_remove(chosen))
}

fn pointwise_launch(len: usize) -> Lowering {
    let launch = Launch::elements("pointwise", &[len as u32, 0, 0, 0], &[Bind::Out], len);
    Lowering::single("chain", launch.chain(ChainSlot::Epilogue))
}

/// Constants and workgroups of a launch: those of an element-by-element kernel are the device's.
fn schedule(launch: &Launch, caps: &Caps) -> (Vec<(&'static str, SpecValue)>, u64) {
    let mut spec = launch.spec.clone();
    let Some(len) = launch.elements else { return (spec, launch.groups) };
    // A CPU pays for each workgroup: one subgroup wide and long, it does an element up to five times as fast.
    let [wg, per] = if caps.software { [8_u32, 128] } else { [64, 1] };
    spec.extend([("WG", SpecValue::from(wg)), ("PER", SpecValue::from(per))]);
    (spec, len.div_ceil(u64::from(wg * per)))
}

impl<'a> Lowerer<'a> {
    fn new(g: &'a Graph, layout: &'a StoreLayout, options: &'a Options<'a>, roots: &[Value]) -> Self {
        let (homes, direct, copies) = Default::default();
        let (lives, names, halves) = Default::default();
        let compared = g.compared();
        let mut this =
            Self { g, layout, options, homes, lives, names, halves, copies, roots: vec![], compared, direct };
        this.roots = roots.iter().map(|&v| g.base(v)).collect();
        this
    }

    fn leaves(&mut self, program: &mut Program) -> Result<()> {
        for (i, node) in self.g.nodes().iter().enumerate() {
            let size = node.ty.bytes() as u64;
            let place = match &node.def {
                Def::Input { name } => {
                    let index = program.inputs.len();
                    let place = if node.ty.bytes() <= SMALL_INPUT {
                        program.scalars_bytes += ALIGN;
                        Place { buffer: BufferKey::Scalars, offset: program.scalars_bytes - ALIGN, size }
                    } else {
                        Place { buffer: BufferKey::Input(index), offset: 0, size }
                    };
                    program.inputs.push(InputSlot { name: name.clone(), ty: node.ty.clone(), place: place.clone() });
                    place
                }
                Def::Param { name, .. } => {
                    let place = self.param_place(Arena::Params, name, &node.ty)?;
                    if self.narrow(i) {
                        self.check_size(i, size / 2)?;
                        let copy = self.tensor(0, format!("{name} in f16"), node.ty.clone(), true);
                        self.copies.push((copy, place));
                        self.homes.insert(i, Home::Tensor(copy));
                        continue;
                    }
                    place
                }
                Def::State { name, .. } => Place { buffer: BufferKey::State(name.clone()), offset: 0, size },
                Def::Arena { arena, shard } => Place { buffer: BufferKey::Arena(*arena, *shard), offset: 0, size },
                Def::StoreGrad { param } => self.param_place(Arena::Grads, param, &node.ty)?,
                Def::Apply(_) => continue,
            };
            self.check_size(i, size)?;
            self.homes.insert(i, Home::Fixed(place));
        }
        Ok(())
    }

    fn param_place(&self, arena: Arena, name: &str, ty: &TensorType) -> Result<Place> {
        let range = self.layout.param(name).filter(|p| p.ty == *ty);
        let missing = || Error::Name(format!("the store has no parameter {name} {ty}: it was made for another model"));
        let range = range.ok_or_else(missing)?;
        let buffer = BufferKey::Arena(arena, range.shard);
        Ok(Place { buffer, offset: range.offset as u64 * 4, size: ty.bytes() as u64 })
    }

    /// Whether node `i` may take two bytes an element: not where it is read back or compared, and not a small one.
    fn narrow(&self, i: usize) -> bool {
        let ty = &self.g.nodes()[i].ty;
        let large = ty.dtype == DType::F32 && ty.len() >= self.options.large;
        self.options.precision == Precision::F16 && large && !self.roots.contains(&i) && !self.compared[i]
    }

    /// Whether what `step` writes to `value` may. A statistic (a sum over many elements for each of its own, column sums
    /// among them) stays f32: it is small, and everything is scaled by it.
    fn narrow_output(&self, step: &Step, value: Value) -> bool {
        let len = self.g.ty(value).len();
        let sums = |v: &Value| self.g.ty(*v).dtype == DType::F32 && self.g.ty(*v).len() >= SUMMED * len;
        let statistic = step.op.as_ref().is_some_and(|op| !op.sums_products()) && step.inputs.iter().any(sums);
        self.narrow(value.index()) && !statistic && step.beside != Some(value)
    }

    /// The copies of the weights are made first: what follows reads them, and only the optimizer at the end changes the
    /// masters.
    fn copy_weights(&self, slots: &[usize], program: &mut Program) -> Result<()> {
        const READ: &str = "@group(1) @binding(1) var<storage, read> x: array<f32>;
fn epilogue(acc: f32, i: u32) -> f32 { return x[i]; }";
        for (tensor, master) in &self.copies {
            let (name, ty) = &self.names[*tensor];
            let launch = pointwise_launch(ty.len()).passes.remove(0);
            let (spec, workgroups) = schedule(&launch, self.options.caps);
            let inject = [(chain::Place::Epilogue.import(), READ)];
            let assembly = Assembly { kernel: launch.kernel, spec: &spec, substitute: &[], inject: &inject };
            let copy = Group { params: launch.params, storage: vec![self.tensor_place(*tensor, slots)] };
            let groups = vec![copy, Group { params: vec![], storage: vec![master.clone()] }];
            let shader = half::narrow(&assembly.assemble()?, &["y"])?;
            let grid = fold(workgroups, 1, self.options.caps);
            program.dispatches.push(Dispatch { label: name.clone(), shader, groups, grid });
        }
        Ok(())
    }

    fn check_size(&self, node: usize, bytes: u64) -> Result<()> {
        let limit = self.options.caps.max_binding_bytes.min(self.options.caps.max_buffer_bytes);
        if bytes > limit {
            let what = format!("{} {}", self.g.label(Value::at(node)), self.g.nodes()[node].ty);
            return Err(Error::OutOfMemory { what, bytes, detail: format!("one tensor may have {limit}") });
        }
        Ok(())
    }

    /// A computed gradient stored once goes straight to its arena range instead of being copied there. One that is stored
    /// for several parameters is copied to each: a copy from arena to arena would read and write one buffer.
    fn direct_grads(&mut self) {
        let mut stored: HashMap<usize, Vec<&String>> = HashMap::new();
        for node in self.g.nodes() {
            if let Def::StoreGrad { param } = &node.def {
                stored.entry(self.g.base(node.inputs[0])).or_default().push(param);
            }
        }
        let computed = |base: usize| self.g.nodes()[base].op().is_some_and(|op| op.updates() == 0);
        self.direct = (stored.into_iter())
            .filter(|(base, params)| params.len() == 1 && computed(*base))
            .map(|(base, params)| (base, params[0].clone()))
            .collect();
    }

    /// Notes that `v` is read at `step`.
    fn touch(&mut self, v: Value, step: usize) {
        if let Some(Home::Tensor(t)) = self.homes.get(&self.g.base(v)) {
            self.lives[*t].last = self.lives[*t].last.max(step);
        }
    }

    fn tensor(&mut self, step: usize, name: String, ty: TensorType, half: bool) -> usize {
        let size = bytes(&ty, half).max(4).next_multiple_of(16) + self.options.pad as usize;
        self.lives.push(Lifetime { first: step, last: step, size });
        self.names.push((name, ty));
        self.halves.push(half);
        self.lives.len() - 1
    }

    /// Gives the step's output and temporaries a home; returns the temporaries.
    fn outputs(&mut self, i: usize, step: &Step, lowering: &Lowering) -> Result<Vec<usize>> {
        let reads = step.reads();
        let in_grads = |home: Option<&Home>| matches!(home, Some(Home::Fixed(p)) if matches!(p.buffer, BufferKey::Arena(Arena::Grads, _)));
        reads.iter().for_each(|&v| self.touch(v, i));
        let updates = step.op.as_ref().is_some_and(|op| op.updates() > 0);
        for value in step.writes().into_iter().filter(|_| !updates) {
            let out = value.index();
            if self.homes.contains_key(&out) {
                continue;
            }
            let clash = reads.iter().any(|&v| in_grads(self.homes.get(&self.g.base(v))));
            let direct = self.direct.get(&out).filter(|_| !clash).cloned();
            let ty = self.g.ty(value).clone();
            let half = self.narrow_output(step, value);
            self.check_size(out, bytes(&ty, half) as u64)?;
            let home = match direct.and_then(|param| self.layout.param(&param).cloned()) {
                Some(range) => Home::Fixed(Place {
                    buffer: BufferKey::Arena(Arena::Grads, range.shard),
                    offset: range.offset as u64 * 4,
                    size: ty.bytes() as u64,
                }),
                None => Home::Tensor(self.tensor(i, self.g.label(value), ty, half)),
            };
            self.homes.insert(out, home);
        }
        let label = self.g.label(step.node);
        Ok(lowering
            .scratch
            .iter()
            .map(|ty| self.tensor(i, format!("{label} (temporary)"), ty.clone(), false))
            .collect())
    }

    fn tensor_place(&self, tensor: usize, slots: &[usize]) -> Place {
        let size = bytes(&self.names[tensor].1, self.halves[tensor]).max(4) as u64 + self.options.pad;
        Place { buffer: BufferKey::Slot(slots[tensor]), offset: 0, size }
    }

    fn place(&self, v: Value, slots: &[usize]) -> Result<Place> {
        match self.homes.get(&self.g.base(v)) {
            Some(Home::Fixed(place)) => Ok(place.clone()),
            Some(Home::Tensor(t)) => Ok(self.tensor_place(*t, slots)),
            None => Err(Error::Graph(format!("{} is read but never computed", self.g.label(v)))),
        }
    }

    /// Where `v` is, and whether in two bytes an element.
    fn bound(&self, v: Value, slots: &[usize]) -> Result<Bound> {
        let half = matches!(self.homes.get(&self.g.base(v)), Some(Home::Tensor(t)) if self.halves[*t]);
        Ok(Bound { place: self.place(v, slots)?, half })
    }

    fn dispatches(
        &self,
        step: &Step,
        lowering: &Lowering,
        scratch: &[usize],
        slots: &[usize],
        program: &mut Program,
    ) -> Result<()> {
        if let Def::StoreGrad { .. } = self.g.node(step.out).def {
            let source = step.epilogue.as_ref().map(|c| self.place(c.inputs[0], slots)).transpose()?;
            if source == Some(self.place(step.out, slots)?) {
                return Ok(()); // written in place by the step that computed it
            }
        }
        for launch in &lowering.passes {
            let label = format!("{}.{}", self.g.label(step.node), lowering.name);
            program.dispatches.push(self.dispatch(label, step, launch, scratch, slots)?);
        }
        Ok(())
    }

    fn dispatch(
        &self,
        label: String,
        step: &Step,
        launch: &Launch,
        scratch: &[usize],
        slots: &[usize],
    ) -> Result<Dispatch> {
        let bind = |bind: &Bind| match bind {
            Bind::In(k) => self.bound(step.inputs[*k], slots),
            Bind::Out => self.bound(step.out, slots),
            Bind::Scratch(k) => Ok(Bound { place: self.tensor_place(scratch[*k], slots), half: false }),
        };
        let mut groups = Groups::default();
        groups.push(launch.params.clone(), launch.binds.iter().map(bind).collect::<Result<_>>()?);
        let mut inject = vec![];
        for (chain, at) in self.chains(step, launch) {
            let (text, params) = chain::wgsl(&chain, at, groups.groups.len());
            let values = chain.inputs.iter().chain(chain.stores.iter().map(|(v, _)| v));
            let storage = values.map(|&v| self.bound(v, slots)).collect::<Result<Vec<_>>>()?;
            if !params.is_empty() || !storage.is_empty() {
                groups.push(params, storage);
            }
            inject.push((at.import(), text));
        }
        let mut inject: Vec<(&str, &str)> = inject.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let file = format!("{}.wgsl", launch.kernel);
        inject.extend(launch.source.map(|text| (file.as_str(), text)));
        let (spec, mut workgroups) = schedule(launch, self.options.caps);
        let mut imports = launch.imports.clone();
        if let Some((value, spare)) = step.beside.zip(launch.spare) {
            let Spare { lanes, rows, columns } = spare;
            let params = SpareParams { first: workgroups as u32, lanes, rows, columns };
            groups.skip_to(SPARE_GROUP);
            groups.push(bytemuck::bytes_of(&params).to_vec(), vec![self.bound(value, slots)?]);
            imports.push(("gemm/spare.wgsl", "gemm/column_sums.wgsl"));
            workgroups += u64::from(columns.div_ceil(lanes));
        }
        half::without_pairs(&mut imports, &groups.halves[..1]);
        let assembly = Assembly { kernel: launch.kernel, spec: &spec, substitute: &imports, inject: &inject };
        let shader = half::narrow_bindings(&assembly.assemble()?, &groups.halves)?;
        let grid = fold(workgroups, launch.depth, self.options.caps);
        Ok(Dispatch { label, shader, groups: groups.groups, grid })
    }

    /// The chains of `step` that enter `launch`. A prologue that nothing was fused into reads the input.
    fn chains(&self, step: &Step, launch: &Launch) -> impl Iterator<Item = (Chain, chain::Place)> {
        let read = || Chain::read(self.g, step.inputs[0]);
        let prologue = launch.chain.prologue().then(|| step.prologue.clone().unwrap_or_else(read));
        let epilogue = step.epilogue.clone().filter(|_| launch.chain.epilogue());
        let chains = [(prologue, chain::Place::Prologue), (epilogue, chain::Place::Epilogue)];
        chains.into_iter().filter_map(|(chain, at)| Some((chain?, at)))
    }
}

/// What a storage binding is given.
struct Bound {
    place: Place,
    /// Whether in two bytes an element.
    half: bool,
}

/// Bind groups, and which of their storage bindings hold two bytes an element.
#[derive(Default)]
struct Groups {
    groups: Vec<Group>,
    halves: Vec<Vec<bool>>,
}

impl Groups {
    fn push(&mut self, params: Vec<u8>, storage: Vec<Bound>) {
        self.halves.push(storage.iter().map(|b| b.half).collect());
        self.groups.push(Group { params, storage: storage.into_iter().map(|b| b.place).collect() });
    }

    /// Leaves groups empty up to number `at`.
    fn skip_to(&mut self, at: usize) {
        while self.groups.len() < at {
            self.push(vec![], vec![]);
        }
    }
}

/// Bytes of a tensor on the device.
fn bytes(ty: &TensorType, half: bool) -> usize {
    if half { (ty.len() * 2).next_multiple_of(4) } else { ty.bytes() }
}

/// A 1-D grid of `groups` workgroups folded to x and y where x alone would pass the device's limit.
fn fold(groups: u64, depth: u32, caps: &Caps) -> [u32; 3] {
    let limit = u64::from(caps.max_groups);
    let x = groups.min(limit);
    let y = if x == 0 { 0 } else { groups.div_ceil(x) };
    [x as u32, y as u32, depth]
}
