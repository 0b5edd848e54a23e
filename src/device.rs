//! One face for the two backends: a [`Device`] opens, a [`Store`] holds what outlives a step, an [`Executable`] replays a
//! compiled graph. The CPU runs the reference interpreter in f32, a GPU runs the lowered program.

use crate::cpu::{Interpreter, Memory};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, GpuExecutable, GpuStore, LimitsChoice, Request};
use crate::graph::{Arena, Graph, Init, StoreLayout, Value};
use crate::lower::program::{BufferKey, Place};
use crate::lower::{Options, Precision, lower};
use crate::ops::{Lowering, Op};
use crate::rng::Philox;
use crate::tensor::{Array, DType, TensorType};
use crate::tune;
use rand::RngExt;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where graphs run.
#[derive(Clone)]
pub enum Device {
    /// The reference interpreter, f32, on all cores.
    Cpu,
    /// An adapter, through wgpu.
    Gpu(Gpu),
}

impl Device {
    /// Opens what `request` names: `auto`, `gpu`, `software`, `cpu`, or part of an adapter's name.
    ///
    /// # Errors
    /// [`Error::Device`] listing the adapters where nothing fits.
    ///
    /// ```
    /// let device = wavae::Device::open("cpu")?;
    /// assert!(device.to_string().starts_with("CPU"));
    /// # Ok::<(), wavae::Error>(())
    /// ```
    pub fn open(request: &str) -> Result<Self> {
        let request: Request = request.parse()?;
        Ok(match Gpu::open(&request, LimitsChoice::from_env()?)? {
            Some(gpu) => Self::Gpu(gpu),
            None => Self::Cpu,
        })
    }
    /// What a user should be told besides the device's name: that it is slow, or why it was chosen.
    pub fn remark(&self, request: &str) -> Option<String> {
        match self {
            Self::Cpu if !request.trim().eq_ignore_ascii_case("cpu") => {
                Some("no hardware graphics adapter was found, so this runs on the CPU device".into())
            }
            Self::Gpu(gpu) if gpu.caps().software => {
                Some("this is a SOFTWARE adapter: it checks kernels, it is not fast; --device cpu is faster".into())
            }
            _ => None,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "CPU ({} threads)", rayon::current_num_threads()),
            Self::Gpu(gpu) => gpu.info().fmt(f),
        }
    }
}

/// Parameters, gradients, moments and states of a model on a device, shared by all of its executables.
#[derive(Clone)]
pub struct Store {
    layout: Arc<StoreLayout>,
    inner: StoreInner,
}

#[derive(Clone)]
enum StoreInner {
    Cpu(Arc<Mutex<Memory<f32>>>),
    Gpu(Arc<GpuStore>),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Storage for everything that `graphs` declare, laid out by the first; nothing is initialised yet.
    ///
    /// # Errors
    /// [`Error::Name`] where two graphs give one name different types.
    pub fn new(device: &Device, graphs: &[&Graph]) -> Result<Self> {
        let layout = StoreLayout::union(graphs)?;
        let inner = match device {
            Device::Cpu => StoreInner::Cpu(Arc::new(Mutex::new(Memory::new(&layout)))),
            Device::Gpu(gpu) => StoreInner::Gpu(Arc::new(GpuStore::new(gpu, &layout))),
        };
        Ok(Self { layout: Arc::new(layout), inner })
    }
    /// What it holds.
    pub fn layout(&self) -> &StoreLayout {
        &self.layout
    }

    /// Draws every parameter and state of `graph` as declared. Each has a random stream of its own, made from its name,
    /// so that adding a layer does not change the others.
    pub fn init(&self, graph: &Graph, seed: u64) -> Result<()> {
        for (name, ty, init) in graph.initial() {
            if ty.dtype == DType::F32 && !name.starts_with("data.") {
                self.write(&name, &Array::f32(ty.shape.clone(), draw(&name, &init, &ty, seed))?)?;
            }
        }
        Ok(())
    }

    fn place(&self, arena: Arena, name: &str) -> Result<(TensorType, Place)> {
        if let Some(p) = self.layout.param(name) {
            let buffer = BufferKey::Arena(arena, p.shard);
            let place = Place { buffer, offset: p.offset as u64 * 4, size: p.ty.bytes() as u64 };
            return Ok((p.ty.clone(), place));
        }
        let state = self.layout.states.iter().find(|(n, _)| n == name);
        let (_, ty) = state.ok_or_else(|| Error::Name(format!("the store holds nothing called {name}")))?;
        Ok((ty.clone(), Place { buffer: BufferKey::State(name.into()), offset: 0, size: ty.bytes() as u64 }))
    }

    /// Overwrites the parameter or state `name`.
    ///
    /// # Errors
    /// [`Error::Name`] for an unknown name, [`Error::Shape`] for another type.
    pub fn write(&self, name: &str, array: &Array) -> Result<()> {
        let (ty, place) = self.place(Arena::Params, name)?;
        if array.ty() != ty {
            return Err(Error::shape(name, format!("is {ty} and cannot take {}", array.ty())));
        }
        match &self.inner {
            StoreInner::Gpu(store) => store.write(&place, array.bytes()),
            StoreInner::Cpu(memory) => {
                let mut memory = lock(memory);
                let buffer = match &place.buffer {
                    BufferKey::Arena(arena, shard) => memory.arenas.get_mut(&(*arena, *shard)),
                    _ => memory.states.get_mut(name),
                };
                buffer.map_or(Ok(()), |b| b.copy_from(array, place.offset as usize / 4))
            }
        }
    }
    /// The parameter or state `name`.
    pub fn read(&self, name: &str) -> Result<Array> {
        self.read_arena(Arena::Params, name)
    }
    /// What `arena` holds for the parameter `name`: its gradient, say.
    pub fn read_arena(&self, arena: Arena, name: &str) -> Result<Array> {
        let (ty, place) = self.place(arena, name)?;
        match &self.inner {
            StoreInner::Gpu(store) => array_of(&ty, &store.read(&place)?),
            StoreInner::Cpu(memory) => {
                let memory = lock(memory);
                let buffer = match &place.buffer {
                    BufferKey::Arena(arena, shard) => memory.arenas.get(&(*arena, *shard)),
                    _ => memory.states.get(name),
                };
                let missing = || Error::Name(format!("the store holds nothing called {name}"));
                Ok(buffer.ok_or_else(missing)?.to_array(&ty, place.offset as usize / 4))
            }
        }
    }
    /// Names and types of all parameters and floating-point states: what a checkpoint holds. States under `train.` are the
    /// training's own, those under `data.` resident columns of a data set.
    pub fn weights(&self) -> Vec<(String, TensorType)> {
        let own = |name: &str| !["train.", "data."].iter().any(|prefix| name.starts_with(prefix));
        let states = self.layout.states.iter().filter(|(n, ty)| ty.dtype == DType::F32 && own(n)).cloned();
        self.layout.params.iter().map(|p| (p.name.clone(), p.ty.clone())).chain(states).collect()
    }
    /// Bytes on the device, as far as they are allocated.
    pub fn allocated_bytes(&self) -> u64 {
        match &self.inner {
            StoreInner::Gpu(store) => store.allocated_bytes(),
            StoreInner::Cpu(_) => {
                let arenas: u64 = self.layout.shards.iter().map(|shard| shard.len as u64 * 16).sum();
                arenas + self.layout.states.iter().map(|(_, ty)| ty.bytes() as u64).sum::<u64>()
            }
        }
    }
}

fn draw(name: &str, init: &Init, ty: &TensorType, seed: u64) -> Vec<f32> {
    // FNV-1a: a fixed, well-spread number for a name.
    let stream = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let mut rng = Philox::new(seed, stream);
    let len = ty.len();
    match init {
        Init::Constant(value) => vec![*value; len],
        Init::Uniform(bound) => (0..len).map(|_| bound * (2.0 * rng.random::<f32>() - 1.0)).collect(),
        Init::Normal(sigma) => (0..len).map(|_| sigma * crate::rng::normal(&mut rng)).collect(),
        Init::Rows(rows) => (0..len).map(|i| rows.get(i * rows.len() / len).copied().unwrap_or_default()).collect(),
    }
}

fn array_of(ty: &TensorType, bytes: &[u8]) -> Result<Array> {
    let bytes = &bytes[..bytes.len().min(if ty.dtype == DType::U8 { ty.len() } else { ty.bytes() })];
    Array::from_bytes(ty.clone(), bytes)
}

/// Bytes that running `graph` would take ([`Executable::planned_bytes`]), without compiling it.
///
/// # Errors
/// As [`Executable::compile_at`].
pub fn planned_bytes(
    device: &Device,
    store: &Store,
    graph: &Graph,
    roots: &[Value],
    precision: Precision,
) -> Result<u64> {
    Ok(match device {
        Device::Gpu(gpu) => {
            let options = Options { precision, ..Options::new(gpu.caps()) };
            lower(graph, roots, &store.layout, &options)?.report.total_bytes()
        }
        Device::Cpu => {
            Interpreter::<f32>::chained(graph, roots, &store.layout)?.slot_bytes() as u64 + store.allocated_bytes()
        }
    })
}

/// A graph compiled for a device: write inputs, run, read values.
pub struct Executable {
    roots: Vec<(Value, TensorType)>,
    inputs: HashMap<String, (usize, TensorType)>,
    plan: String,
    dispatches: usize,
    planned_bytes: u64,
    inner: ExecutableInner,
}

enum ExecutableInner {
    Cpu { interpreter: Box<Interpreter<f32>>, memory: Arc<Mutex<Memory<f32>>>, pending: Vec<(u64, Vec<Array>)> },
    Gpu(Box<GpuExecutable>),
}

impl Executable {
    /// Compiles `graph` so that `roots` can be read after a run.
    ///
    /// # Errors
    /// A parameter that `store` lacks, an op the device cannot run, or too little memory.
    pub fn compile(device: &Device, store: &Store, graph: &Graph, roots: &[Value]) -> Result<Self> {
        Self::compile_at(device, store, graph, roots, Precision::F32)
    }

    /// [`Executable::compile`] with large tensors stored in `precision`.
    ///
    /// # Errors
    /// Likewise, and [`Error::Device`] for a precision that the device lacks.
    pub fn compile_at(
        device: &Device,
        store: &Store,
        graph: &Graph,
        roots: &[Value],
        precision: Precision,
    ) -> Result<Self> {
        let (dispatches, planned_bytes);
        let (inner, plan) = match (device, &store.inner) {
            (Device::Gpu(gpu), StoreInner::Gpu(gpu_store)) => {
                let (tuning, tuned) = (tune::kept(device), Cell::new(0));
                let choose = |op: &Arc<dyn Op>, inputs: &[TensorType], variants: &[Lowering]| {
                    let chosen = tuning.choose(op.as_ref(), inputs, variants);
                    tuned.set(tuned.get() + usize::from(chosen > 0));
                    chosen
                };
                let options = Options { choose: &choose, precision, ..Options::new(gpu.caps()) };
                let lowered = lower(graph, roots, &store.layout, &options)?;
                let mut plan = lowered.report.to_string();
                if tuned.get() > 0 {
                    plan += &format!("\n      {} ops run the variant that tuning found faster", tuned.get());
                }
                (dispatches, planned_bytes) = (lowered.report.dispatches, lowered.report.total_bytes());
                let exe = GpuExecutable::compile(gpu, gpu_store, lowered.program)?;
                (ExecutableInner::Gpu(Box::new(exe)), plan)
            }
            (Device::Cpu, StoreInner::Cpu(_)) if precision != Precision::F32 => {
                return Err(Precision::refusal("the CPU device computes in f32"));
            }
            (Device::Cpu, StoreInner::Cpu(memory)) => {
                let interpreter = Box::new(Interpreter::chained(graph, roots, &store.layout)?);
                let mib = interpreter.slot_bytes() as f64 / f64::from(1 << 20);
                dispatches = interpreter.computed_nodes();
                planned_bytes = interpreter.slot_bytes() as u64 + store.allocated_bytes();
                let plan = format!("plan: {} nodes on the CPU, {mib:.1} MiB of intermediates", graph.nodes().len());
                (ExecutableInner::Cpu { interpreter, memory: memory.clone(), pending: vec![] }, plan)
            }
            _ => return Err(Error::Device("the store belongs to another device".into())),
        };
        let inputs = graph.inputs().into_iter().enumerate();
        let inputs = inputs.map(|(i, v)| (graph.label(v), (i, graph.ty(v).clone()))).collect();
        let roots = roots.iter().map(|&v| (v, graph.ty(v).clone())).collect();
        Ok(Self { roots, inputs, plan, dispatches, planned_bytes, inner })
    }
    /// The plan in words: nodes, dispatches, slots, bytes, the largest tensors.
    pub fn plan(&self) -> &str {
        &self.plan
    }
    /// Dispatches of a run; on the CPU, computed nodes.
    pub fn dispatches(&self) -> usize {
        self.dispatches
    }
    /// Bytes that a run needs: intermediates, the store's arenas and states, inputs.
    pub fn planned_bytes(&self) -> u64 {
        self.planned_bytes
    }
    /// Whether the graph has an input called `name`.
    pub fn has_input(&self, name: &str) -> bool {
        self.inputs.contains_key(name)
    }

    /// Overwrites the input `name` before the next run.
    ///
    /// # Errors
    /// [`Error::Name`] for an unknown input, [`Error::Shape`] for another type.
    pub fn write(&mut self, name: &str, array: &Array) -> Result<()> {
        let (index, ty) = self.inputs.get(name).ok_or_else(|| Error::Name(format!("no input is called {name}")))?;
        if array.ty() != *ty {
            return Err(Error::shape(name, format!("is {ty} and cannot take {}", array.ty())));
        }
        match &mut self.inner {
            ExecutableInner::Gpu(exe) => exe.write_input(*index, array.bytes()),
            ExecutableInner::Cpu { interpreter, .. } => interpreter.write(name, array),
        }
    }
    /// Runs the whole graph once, after all that is queued. On a GPU this only submits.
    ///
    /// # Errors
    /// Device errors, also of earlier runs.
    pub fn run(&mut self) -> Result<()> {
        match &mut self.inner {
            ExecutableInner::Gpu(exe) => exe.run(),
            ExecutableInner::Cpu { interpreter, memory, .. } => interpreter.run(&mut lock(memory)),
        }
    }
    fn root(&self, value: Value) -> Result<usize> {
        let found = self.roots.iter().position(|(v, _)| *v == value);
        found.ok_or_else(|| Error::Name(format!("value {} is not a root of this executable", value.index())))
    }
    /// A root's value after the last run; waits for the device.
    pub fn read(&self, value: Value) -> Result<Array> {
        let root = self.root(value)?;
        match &self.inner {
            ExecutableInner::Gpu(exe) => array_of(&self.roots[root].1, &exe.read(&exe.program().outputs[root].place)?),
            ExecutableInner::Cpu { interpreter, memory, .. } => Ok(interpreter.read(value, &lock(memory))),
        }
    }
    /// Queues a run with the inputs as they are now and asks for the values of `roots` after it;
    /// [`Executable::collect`] yields them under `tag`. A GPU starts with [`Executable::submit`], the CPU runs at once.
    ///
    /// # Errors
    /// [`Error::Name`] for a value that is no root; device errors.
    pub fn queue(&mut self, tag: u64, roots: &[Value]) -> Result<()> {
        let outputs = roots.iter().map(|&v| self.root(v)).collect::<Result<Vec<_>>>()?;
        match &mut self.inner {
            ExecutableInner::Gpu(exe) => exe.queue(tag, &outputs),
            ExecutableInner::Cpu { interpreter, memory, pending } => {
                let mut memory = lock(memory);
                interpreter.run(&mut memory)?;
                pending.push((tag, roots.iter().map(|&v| interpreter.read(v, &memory)).collect()));
                Ok(())
            }
        }
    }
    /// Submits the queued runs together, with nothing from the host in between.
    ///
    /// # Errors
    /// Device errors, also of earlier runs.
    pub fn submit(&mut self) -> Result<()> {
        match &mut self.inner {
            ExecutableInner::Gpu(exe) => exe.submit(),
            ExecutableInner::Cpu { .. } => Ok(()),
        }
    }
    /// How many queued runs make a submission of sensible length; 1 until the time of a run is known.
    pub fn runs_at_once(&self) -> usize {
        match &self.inner {
            ExecutableInner::Gpu(exe) => exe.runs_at_once(),
            ExecutableInner::Cpu { .. } => 1,
        }
    }
    /// Values of queued runs that have arrived, by tag; each lists its roots in the order asked. With `wait`, all there are.
    pub fn collect(&mut self, roots: &[Value], wait: bool) -> Result<Vec<(u64, Vec<Array>)>> {
        let types = roots.iter().map(|&v| Ok(self.roots[self.root(v)?].1.clone())).collect::<Result<Vec<_>>>()?;
        match &mut self.inner {
            ExecutableInner::Cpu { pending, .. } => Ok(std::mem::take(pending)),
            ExecutableInner::Gpu(exe) => {
                let arrived = if wait { exe.drain()? } else { exe.collect()? };
                let arrays = |bytes: Vec<Vec<u8>>| -> Result<Vec<Array>> {
                    types.iter().zip(&bytes).map(|(ty, b)| array_of(ty, b)).collect()
                };
                arrived.into_iter().map(|(tag, bytes)| Ok((tag, arrays(bytes)?))).collect()
            }
        }
    }
    /// Runs once and times every dispatch (on the CPU, every computed node): label and milliseconds.
    pub fn profile(&mut self) -> Result<Vec<(String, f64)>> {
        match &mut self.inner {
            ExecutableInner::Gpu(exe) => exe.profile(),
            ExecutableInner::Cpu { interpreter, memory, .. } => interpreter.profile(&mut lock(memory)),
        }
    }
}
