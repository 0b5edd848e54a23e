//! Replays a lowered program: everything is made at compile time, a run only writes small inputs, encodes and submits.

use crate::error::{Error, Result};
use crate::gpu::device::Gpu;
use crate::gpu::pipeline::Pipeline;
use crate::gpu::readback::{Ring, Snapshot};
use crate::gpu::store::{GpuStore, TENSOR, fits, within};
use crate::lower::program::{BufferKey, Dispatch, Group, Place, Program};
use crate::lower::shader::{Access, GroupLayout};
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Instant;
use wgpu::BufferUsages;

/// A program on a device, with the intermediates and inputs it owns.
pub struct GpuExecutable {
    pub(super) gpu: Gpu,
    pub(super) program: Program,
    pub(super) steps: Vec<Step>,
    buffers: HashMap<BufferKey, wgpu::Buffer>,
    bind_groups: Vec<wgpu::BindGroup>,
    scalars: Vec<u8>,
    scalars_dirty: bool,
    ring: Ring,
    /// Steps in one submission.
    piece: usize,
    runs: u64,
}

/// Steps in one submission until their time is known.
const FIRST_PIECE: usize = 16;
/// Windows kills a submission that takes 2 s, and a desktop stutters long before: hardware gets less than this at once.
const SUBMISSION_SECONDS: f64 = 0.15;

/// One dispatch, ready to encode.
pub(super) struct Step {
    /// Index into the program's dispatches.
    pub dispatch: usize,
    pipeline: Arc<Pipeline>,
    groups: Vec<Bound>,
    grid: [u32; 3],
}

struct Bound {
    group: u32,
    bind_group: usize,
    /// Where the uniform lies, for a group that has one.
    offset: Option<u32>,
}

impl GpuExecutable {
    /// Allocates slots and inputs, compiles what pipelines are missing, and binds everything. Dispatches without
    /// workgroups are left out. With `WAVAE_POISON=1` in the environment the slots start as NaN.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] naming the buffer, [`Error::Shader`] where the driver refuses a kernel, [`Error::Gpu`]
    /// where a dispatch does not fit its kernel or the device (a defect of lowering).
    pub fn compile(gpu: &Gpu, store: &GpuStore, program: Program) -> Result<Self> {
        let active: Vec<usize> =
            (0..program.dispatches.len()).filter(|&i| !program.dispatches[i].grid.contains(&0)).collect();
        active.iter().try_for_each(|&i| check(&program.dispatches[i], gpu))?;
        let buffers = buffers(gpu, store, &program)?;
        let shaders: Vec<_> = active.iter().map(|&i| program.dispatches[i].shader.clone()).collect();
        let pipelines = gpu.pipelines(&shaders)?;
        let (uniform, offsets) = uniforms(gpu, &program, &active)?;
        let mut binder = Binder { gpu, buffers: &buffers, uniform, known: HashMap::new(), made: Vec::new() };
        let mut steps = Vec::with_capacity(active.len());
        for ((&index, pipeline), offsets) in active.iter().zip(pipelines).zip(offsets) {
            let dispatch = &program.dispatches[index];
            let groups = binder.bind(dispatch, &pipeline, &offsets)?;
            steps.push(Step { dispatch: index, pipeline, groups, grid: dispatch.grid });
        }
        let bind_groups = binder.made;
        let scalars = vec![0; program.scalars_bytes.next_multiple_of(4) as usize];
        let ring = Ring::default();
        let gpu = gpu.clone();
        let (piece, runs) = (FIRST_PIECE, 0);
        let this = Self { gpu, program, steps, buffers, bind_groups, scalars, scalars_dirty: true, ring, piece, runs };
        if std::env::var_os("WAVAE_POISON").is_some_and(|v| v == "1") {
            this.poison()?;
        }
        Ok(this)
    }

    /// The program as it was given.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Bytes of the buffers that this executable owns (not those of the store).
    pub fn allocated_bytes(&self) -> u64 {
        let own = |key: &BufferKey| !matches!(key, BufferKey::Arena(..) | BufferKey::State(_));
        self.buffers.iter().filter(|(key, _)| own(key)).map(|(_, buffer)| buffer.size()).sum()
    }

    /// Sets input `index` from the next run on. `data` has the input's bytes; `U8` padding may be left out.
    ///
    /// # Errors
    /// [`Error::Name`] for an unknown index, [`Error::Gpu`] for another length; device errors.
    pub fn write_input(&mut self, index: usize, data: &[u8]) -> Result<()> {
        let count = self.program.inputs.len();
        let input = self.program.inputs.get(index);
        let input = input.ok_or_else(|| Error::Name(format!("input {index}: the program has {count}")))?;
        fits(&input.place, data).map_err(|e| Error::Gpu(format!("input {}: {e}", input.name)))?;
        if input.place.buffer == BufferKey::Scalars {
            let at = input.place.offset as usize;
            self.scalars[at..at + data.len()].copy_from_slice(data);
            self.scalars_dirty = true;
            return Ok(());
        }
        self.gpu.write(self.buffer(&input.place.buffer)?, input.place.offset, data)
    }

    /// Replays the program once; returns when it is queued. Waits only where several runs are queued already, and at the
    /// second run on hardware, which is timed to choose how much one submission may hold.
    ///
    /// # Errors
    /// What the device reported so far: [`Error::DeviceLost`], [`Error::OutOfMemory`], [`Error::Gpu`].
    pub fn run(&mut self) -> Result<()> {
        let timed = self.runs == 1 && !self.gpu.caps().software;
        if timed {
            self.gpu.wait()?;
        }
        let start = Instant::now();
        self.upload_scalars()?;
        for steps in self.steps.chunks(self.piece) {
            let mut encoder = self.gpu.inner.device.create_command_encoder(&Default::default());
            self.encode(&mut encoder, steps, None);
            self.gpu.submit(Some(encoder.finish()))?;
        }
        if timed {
            self.gpu.wait()?;
            let pieces = (start.elapsed().as_secs_f64() / SUBMISSION_SECONDS).ceil().max(1.0);
            self.piece = self.steps.len().div_ceil(pieces as usize).max(1);
        } else if self.runs == 0 && self.gpu.caps().software {
            self.piece = self.steps.len().max(1); // no watchdog on a CPU
        }
        self.runs += 1;
        self.gpu.check()
    }

    /// One compute pass over `steps`.
    pub(super) fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        steps: &[Step],
        timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
    ) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
        let mut current: Option<&Arc<Pipeline>> = None;
        for step in steps {
            if current.is_none_or(|c| !Arc::ptr_eq(c, &step.pipeline)) {
                pass.set_pipeline(&step.pipeline.pipeline);
                current = Some(&step.pipeline);
            }
            for bound in &step.groups {
                pass.set_bind_group(bound.group, &self.bind_groups[bound.bind_group], bound.offset.as_slice());
            }
            let [x, y, z] = step.grid;
            pass.dispatch_workgroups(x, y, z);
        }
    }

    /// Queues the small inputs if any changed.
    pub(super) fn upload_scalars(&mut self) -> Result<()> {
        if self.scalars_dirty && !self.scalars.is_empty() {
            self.gpu.inner.queue.write_buffer(self.buffer(&BufferKey::Scalars)?, 0, &self.scalars);
        }
        self.scalars_dirty = false;
        Ok(())
    }

    /// The bytes of `place` after all runs so far (a multiple of 4). Waits for the device.
    ///
    /// # Errors
    /// [`Error::Gpu`] for a place that the program does not use; device errors.
    pub fn read(&self, place: &Place) -> Result<Vec<u8>> {
        let buffer = self.buffer(&place.buffer)?;
        within(place, buffer)?;
        self.gpu.read(buffer, place.offset, place.size)
    }

    /// Starts to copy outputs (by index, meant for small ones) as the last run left them. Waits only where four
    /// snapshots are under way.
    ///
    /// # Errors
    /// [`Error::Name`] for an unknown output; device errors.
    pub fn snapshot(&mut self, tag: u64, outputs: &[usize]) -> Result<()> {
        let count = self.program.outputs.len();
        let mut ranges = Vec::with_capacity(outputs.len());
        for &index in outputs {
            let output = self.program.outputs.get(index);
            let output = output.ok_or_else(|| Error::Name(format!("output {index}: the program has {count}")))?;
            let buffer = buffer(&self.buffers, &output.place.buffer)?;
            within(&output.place, buffer)?;
            ranges.push((buffer, output.place.offset, output.place.size));
        }
        self.ring.snapshot(&self.gpu, tag, &ranges)
    }

    /// The snapshots that have finished, oldest first, without waiting.
    ///
    /// # Errors
    /// Device errors.
    pub fn collect(&mut self) -> Result<Vec<Snapshot>> {
        self.ring.collect(&self.gpu)
    }

    /// All snapshots, oldest first; waits for them.
    ///
    /// # Errors
    /// Device errors.
    pub fn drain(&mut self) -> Result<Vec<Snapshot>> {
        self.ring.drain(&self.gpu)
    }

    /// Fills every slot with NaN, so that a kernel that leaves an element unwritten shows.
    ///
    /// # Errors
    /// Device errors.
    pub fn poison(&self) -> Result<()> {
        const BLOCK: u64 = 1 << 20;
        let largest = self.program.slots.iter().copied().max().unwrap_or(0).next_multiple_of(4);
        let block = largest.clamp(4, BLOCK);
        let nan = self.gpu.buffer("poison", block, BufferUsages::COPY_SRC | BufferUsages::COPY_DST)?;
        self.gpu.write(&nan, 0, &0x7fc0_0000_u32.to_le_bytes().repeat(block as usize / 4))?;
        let mut encoder = self.gpu.inner.device.create_command_encoder(&Default::default());
        for slot in 0..self.program.slots.len() {
            let target = self.buffer(&BufferKey::Slot(slot))?;
            for offset in (0..target.size()).step_by(block as usize) {
                encoder.copy_buffer_to_buffer(&nan, 0, target, offset, block.min(target.size() - offset));
            }
        }
        self.gpu.submit(Some(encoder.finish())).map(drop)
    }

    fn buffer(&self, key: &BufferKey) -> Result<&wgpu::Buffer> {
        buffer(&self.buffers, key)
    }
}

fn buffer<'a>(buffers: &'a HashMap<BufferKey, wgpu::Buffer>, key: &BufferKey) -> Result<&'a wgpu::Buffer> {
    buffers.get(key).ok_or_else(|| Error::Gpu(format!("the program has no {key:?}")))
}

/// Every buffer that the program names: its own are made, those of the store are shared.
fn buffers(gpu: &Gpu, store: &GpuStore, program: &Program) -> Result<HashMap<BufferKey, wgpu::Buffer>> {
    let mut buffers = HashMap::new();
    for (index, &bytes) in program.slots.iter().enumerate() {
        buffers.insert(BufferKey::Slot(index), gpu.buffer(&format!("intermediate slot {index}"), bytes, TENSOR)?);
    }
    buffers.insert(BufferKey::Scalars, gpu.buffer("small inputs", program.scalars_bytes, TENSOR)?);
    for (index, input) in program.inputs.iter().enumerate() {
        if input.place.buffer == BufferKey::Input(index) {
            let bytes = input.place.offset + input.place.size;
            buffers.insert(BufferKey::Input(index), gpu.buffer(&format!("input {}", input.name), bytes, TENSOR)?);
        }
        let within_scalars = input.place.offset + input.place.size <= program.scalars_bytes.next_multiple_of(4);
        if input.place.buffer == BufferKey::Scalars && !within_scalars {
            return Err(Error::Gpu(format!("input {} leaves the buffer of small inputs", input.name)));
        }
    }
    let bound = program.dispatches.iter().flat_map(|d| &d.groups).flat_map(|g| &g.storage);
    for place in bound.chain(program.outputs.iter().map(|o| &o.place)) {
        if matches!(place.buffer, BufferKey::Arena(..) | BufferKey::State(_)) && !buffers.contains_key(&place.buffer) {
            buffers.insert(place.buffer.clone(), store.buffer(&place.buffer)?);
        }
    }
    Ok(buffers)
}

/// One buffer with the uniforms of all dispatches, equal ones once, and each group's offset in it.
type Uniforms = (Option<wgpu::Buffer>, Vec<Vec<Option<u32>>>);

fn uniforms(gpu: &Gpu, program: &Program, active: &[usize]) -> Result<Uniforms> {
    let align = gpu.caps().uniform_align as usize;
    let mut bytes: Vec<u8> = Vec::new();
    let mut known: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut offsets = Vec::with_capacity(active.len());
    for &index in active {
        let dispatch = &program.dispatches[index];
        let place = |(group, layout): (&Group, &GroupLayout)| {
            let size = layout.uniform? as usize;
            let mut params = group.params.clone();
            params.resize(size, 0);
            let end = bytes.len();
            Some(*known.entry(params).or_insert_with_key(|params| {
                bytes.extend_from_slice(params);
                bytes.resize(bytes.len().next_multiple_of(align), 0);
                end as u32
            }))
        };
        offsets.push(dispatch.groups.iter().zip(dispatch.shader.layout()).map(place).collect());
    }
    if bytes.is_empty() {
        return Ok((None, offsets));
    }
    let usage = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
    let buffer = gpu.buffer("kernel parameters", bytes.len() as u64, usage)?;
    gpu.write(&buffer, 0, &bytes)?;
    Ok((Some(buffer), offsets))
}

/// What makes two bind groups equal: the uniform's size, and the storage bindings.
type BindKey = (Option<u32>, Vec<(Access, Place)>);

/// Makes bind groups, equal ones once.
struct Binder<'a> {
    gpu: &'a Gpu,
    buffers: &'a HashMap<BufferKey, wgpu::Buffer>,
    uniform: Option<wgpu::Buffer>,
    known: HashMap<BindKey, usize>,
    made: Vec<wgpu::BindGroup>,
}

impl Binder<'_> {
    fn bind(&mut self, dispatch: &Dispatch, pipeline: &Pipeline, offsets: &[Option<u32>]) -> Result<Vec<Bound>> {
        let mut bound = Vec::new();
        for (index, layout) in dispatch.shader.layout().iter().enumerate() {
            let Some(group_layout) = &pipeline.groups[index] else { continue };
            let storage = &dispatch.groups[index].storage;
            let key = (
                layout.uniform,
                layout.storage.iter().zip(storage).map(|(b, p)| (b.access, p.clone())).collect::<Vec<_>>(),
            );
            let bind_group = match self.known.get(&key) {
                Some(&known) => known,
                None => {
                    let made = self.make(dispatch, group_layout, layout, storage)?;
                    self.made.push(made);
                    self.known.insert(key, self.made.len() - 1);
                    self.made.len() - 1
                }
            };
            bound.push(Bound { group: index as u32, bind_group, offset: offsets[index] });
        }
        Ok(bound)
    }

    fn make(
        &self,
        dispatch: &Dispatch,
        layout: &wgpu::BindGroupLayout,
        reflected: &GroupLayout,
        storage: &[Place],
    ) -> Result<wgpu::BindGroup> {
        let mut entries = Vec::with_capacity(storage.len() + 1);
        let mut entry = |binding, buffer, offset, size| {
            let resource = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size });
            entries.push(wgpu::BindGroupEntry { binding, resource });
        };
        if let (Some(size), Some(uniform)) = (reflected.uniform, &self.uniform) {
            entry(0, uniform, 0, NonZeroU64::new(size.into()));
        }
        for (index, place) in storage.iter().enumerate() {
            let buffer = buffer(self.buffers, &place.buffer)?;
            within(place, buffer).map_err(|e| Error::Gpu(format!("{}: {e}", dispatch.label)))?;
            entry(index as u32 + 1, buffer, place.offset, NonZeroU64::new(place.size));
        }
        let descriptor = wgpu::BindGroupDescriptor { label: Some(&dispatch.label), layout, entries: &entries };
        match self.gpu.scoped(|| self.gpu.inner.device.create_bind_group(&descriptor)) {
            (bind_group, None) => Ok(bind_group),
            (_, Some(error)) => Err(Error::Gpu(format!("{}: {error}", dispatch.label))),
        }
    }
}

/// Checks a dispatch against its kernel's reflection and the device's limits, so that errors name the dispatch.
fn check(dispatch: &Dispatch, gpu: &Gpu) -> Result<()> {
    let caps = gpu.caps();
    let fail = |message: String| Err(Error::Gpu(format!("{} ({}): {message}", dispatch.label, dispatch.shader.name)));
    let layout = dispatch.shader.layout();
    if layout.len() != dispatch.groups.len() {
        return fail(format!("{} groups given, the kernel has {}", dispatch.groups.len(), layout.len()));
    }
    if let Some(&count) = dispatch.grid.iter().find(|&&count| count > caps.max_groups) {
        return fail(format!("{count} workgroups along one dimension, the limit is {}", caps.max_groups));
    }
    let bindings: usize = layout.iter().map(|g| g.storage.len()).sum();
    if bindings > caps.max_storage_buffers as usize {
        return fail(format!("{bindings} storage bindings, the limit is {}", caps.max_storage_buffers));
    }
    let mut access: HashMap<&BufferKey, Access> = HashMap::new();
    for (index, (group, layout)) in dispatch.groups.iter().zip(layout).enumerate() {
        let size = layout.uniform.unwrap_or(0) as usize;
        if group.params.len().next_multiple_of(16) != size.next_multiple_of(16) {
            return fail(format!("group {index}: {} bytes for a uniform of {size}", group.params.len()));
        }
        if group.storage.len() != layout.storage.len() {
            let (given, want) = (group.storage.len(), layout.storage.len());
            return fail(format!("group {index}: {given} buffers for {want} storage bindings"));
        }
        for (place, binding) in group.storage.iter().zip(&layout.storage) {
            let name = &binding.name;
            if place.size == 0 || place.size > caps.max_binding_bytes {
                return fail(format!("`{name}` binds {} bytes, the limit is {}", place.size, caps.max_binding_bytes));
            }
            if !place.offset.is_multiple_of(caps.storage_align.into()) {
                return fail(format!(
                    "`{name}` starts at byte {}, not a multiple of {}",
                    place.offset, caps.storage_align
                ));
            }
            if *access.entry(&place.buffer).or_insert(binding.access) != binding.access {
                return fail(format!("`{name}`: {:?} is bound both read and read_write", place.buffer));
            }
        }
    }
    Ok(())
}
