//! Replays a lowered program: everything is made at compile time, a run only writes small inputs, encodes and submits.

use crate::error::{Error, Result};
use crate::gpu::bind::{Binder, Bound, buffer, buffers, check, uniforms};
use crate::gpu::device::Gpu;
use crate::gpu::pipeline::Pipeline;
use crate::gpu::queue::{MOST_RUNS, Queue, Run};
use crate::gpu::readback::{Range, Ring, Snapshot};
use crate::gpu::store::{GpuStore, fits, within};
use crate::lower::program::{BufferKey, Place, Program};
use std::collections::HashMap;
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
    queue: Queue,
    ring: Ring,
    /// What one run takes, once it was measured.
    seconds: Option<f64>,
    runs: u64,
}

/// Dispatches in one submission until their time is known.
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
        let mut binder = Binder::new(gpu, &buffers, uniform);
        let mut steps = Vec::with_capacity(active.len());
        for ((&index, pipeline), offsets) in active.iter().zip(pipelines).zip(offsets) {
            let dispatch = &program.dispatches[index];
            let groups = binder.bind(dispatch, &pipeline, &offsets)?;
            steps.push(Step { dispatch: index, pipeline, groups, grid: dispatch.grid });
        }
        let (bind_groups, queue, ring) = (binder.made, Queue::new(&program), Ring::default());
        let this = Self { gpu: gpu.clone(), program, steps, buffers, bind_groups, queue, ring, seconds: None, runs: 0 };
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

    /// Sets input `index` from the next run on; runs that are queued keep theirs. `data` has the input's bytes; `U8`
    /// padding may be left out.
    ///
    /// # Errors
    /// [`Error::Name`] for an unknown index, [`Error::Gpu`] for another length; device errors.
    pub fn write_input(&mut self, index: usize, data: &[u8]) -> Result<()> {
        let count = self.program.inputs.len();
        let input = self.program.inputs.get(index);
        let input = input.ok_or_else(|| Error::Name(format!("input {index}: the program has {count}")))?;
        fits(&input.place, data).map_err(|e| Error::Gpu(format!("input {}: {e}", input.name)))?;
        let Place { buffer, offset, size } = &input.place;
        if Queue::takes(buffer, *size) {
            self.queue.write(buffer, *offset, data);
            return Ok(());
        }
        let (key, offset) = (buffer.clone(), *offset);
        self.submit()?; // queued runs read the buffer as it is
        self.gpu.write(self.buffer(&key)?, offset, data)
    }

    /// Replays the program once, after all that is queued; returns when it is submitted.
    ///
    /// # Errors
    /// As [`GpuExecutable::submit`].
    pub fn run(&mut self) -> Result<()> {
        self.queue.push(None);
        self.submit()
    }

    /// Queues a run with the inputs as they are now, and a copy of `outputs` (by index, meant for small ones) as it leaves
    /// them, which arrives under `tag`. It is submitted together with others: by [`GpuExecutable::submit`], or when 32 wait.
    ///
    /// # Errors
    /// [`Error::Name`] for an unknown output; as [`GpuExecutable::submit`].
    pub fn queue(&mut self, tag: u64, outputs: &[usize]) -> Result<()> {
        outputs.iter().try_for_each(|&index| self.range(index).map(drop))?;
        self.queue.push(Some((tag, outputs.to_vec())));
        if self.queue.len() < MOST_RUNS { Ok(()) } else { self.submit() }
    }

    /// How many runs fit one submission, by the time of one; 1 until that is known.
    pub fn runs_at_once(&self) -> usize {
        self.seconds.map_or(1, |seconds| ((SUBMISSION_SECONDS / seconds) as usize).clamp(1, MOST_RUNS))
    }

    /// Submits what is queued. Waits only where several submissions or four sets of figures are under way already, and
    /// once, for the second submission is timed to choose how much one submission may hold.
    ///
    /// # Errors
    /// What the device reported so far: [`Error::DeviceLost`], [`Error::OutOfMemory`], [`Error::Gpu`].
    pub fn submit(&mut self) -> Result<()> {
        let (runs, rows) = self.queue.take(&self.gpu)?;
        if runs.is_empty() {
            return self.gpu.check();
        }
        let timed = self.seconds.is_none() && self.runs > 0;
        if timed {
            self.gpu.wait()?;
        }
        let start = Instant::now();
        self.replay(&runs, rows.as_ref())?;
        if timed {
            self.gpu.wait()?;
            self.seconds = Some((start.elapsed().as_secs_f64() / runs.len() as f64).max(1e-9));
        }
        self.runs += runs.len() as u64;
        self.gpu.check()
    }

    /// Dispatches that one submission may hold.
    fn piece(&self) -> usize {
        match self.seconds {
            None => FIRST_PIECE,
            Some(_) if self.gpu.caps().software => usize::MAX, // no watchdog on a CPU
            Some(seconds) => ((self.steps.len() as f64 * SUBMISSION_SECONDS / seconds) as usize).max(1),
        }
    }

    /// Encodes and submits `runs`, whose inputs are in `rows`.
    fn replay(&mut self, runs: &[Run], rows: Option<&wgpu::Buffer>) -> Result<()> {
        let figures = runs.iter().filter_map(|run| run.figures.as_ref());
        let sizes = figures.map(|(tag, outputs)| {
            let sizes = outputs.iter().map(|&i| self.program.outputs[i].place.size).collect();
            (*tag, sizes)
        });
        let sizes: Vec<(u64, Vec<u64>)> = sizes.collect();
        let target = if sizes.is_empty() { None } else { Some(self.ring.staging(&self.gpu, &sizes)?) };
        let (piece, mut room, mut at) = (self.piece(), self.piece(), 0);
        let mut encoder = self.gpu.inner.device.create_command_encoder(&Default::default());
        for run in runs {
            self.copy_inputs(&mut encoder, run, rows)?;
            let mut rest = self.steps.as_slice();
            while !rest.is_empty() {
                if room == 0 {
                    let full = std::mem::replace(
                        &mut encoder,
                        self.gpu.inner.device.create_command_encoder(&Default::default()),
                    );
                    self.gpu.submit(Some(full.finish()))?;
                    room = piece;
                }
                let (now, later) = rest.split_at(room.min(rest.len()));
                self.encode(&mut encoder, now, None);
                (room, rest) = (room - now.len(), later);
            }
            for &output in run.figures.iter().flat_map(|(_, outputs)| outputs) {
                let Some(target) = &target else { break }; // made above, where any run has figures
                let (source, offset, bytes) = self.range(output)?;
                encoder.copy_buffer_to_buffer(source, offset, target, at, bytes);
                at += bytes;
            }
        }
        let submission = self.gpu.submit(Some(encoder.finish()))?;
        if let Some(target) = target {
            self.ring.push(target, sizes, submission);
        }
        Ok(())
    }

    /// One compute pass over `steps`. What is bound stays bound: only what differs from the dispatch before is set.
    pub(super) fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        steps: &[Step],
        timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
    ) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
        let mut current: Option<&Arc<Pipeline>> = None;
        let mut bound_now: [Option<Bound>; 2] = [None; 2];
        for step in steps {
            if current.is_none_or(|c| !Arc::ptr_eq(c, &step.pipeline)) {
                pass.set_pipeline(&step.pipeline.pipeline);
                current = Some(&step.pipeline);
            }
            for bound in &step.groups {
                let now = bound_now.get_mut(bound.group as usize);
                if now.as_ref().is_some_and(|now| **now == Some(*bound)) {
                    continue;
                }
                pass.set_bind_group(bound.group, &self.bind_groups[bound.bind_group], bound.offset.as_slice());
                if let Some(now) = now {
                    *now = Some(*bound);
                }
            }
            let [x, y, z] = step.grid;
            pass.dispatch_workgroups(x, y, z);
        }
    }

    /// Submits what is queued and puts the small inputs in place, for a run that is encoded by other means.
    pub(super) fn place_inputs(&mut self) -> Result<()> {
        self.submit()?;
        self.queue.push(None);
        let (runs, rows) = self.queue.take(&self.gpu)?;
        let mut encoder = self.gpu.inner.device.create_command_encoder(&Default::default());
        runs.iter().try_for_each(|run| self.copy_inputs(&mut encoder, run, rows.as_ref()))?;
        self.gpu.submit(Some(encoder.finish())).map(drop)
    }

    /// Puts the small inputs of `run`, which wait in `rows`, in place.
    fn copy_inputs(&self, encoder: &mut wgpu::CommandEncoder, run: &Run, rows: Option<&wgpu::Buffer>) -> Result<()> {
        for (copy, rows) in run.copies.iter().zip(rows.into_iter().cycle()) {
            encoder.copy_buffer_to_buffer(rows, copy.from, self.buffer(&copy.to)?, 0, copy.bytes);
        }
        Ok(())
    }

    /// The bytes of `place` after all runs submitted so far (a multiple of 4). Waits for the device.
    ///
    /// # Errors
    /// [`Error::Gpu`] for a place that the program does not use; device errors.
    pub fn read(&self, place: &Place) -> Result<Vec<u8>> {
        let buffer = self.buffer(&place.buffer)?;
        within(place, buffer)?;
        self.gpu.read(buffer, place.offset, place.size)
    }

    /// Where output `index` lies.
    fn range(&self, index: usize) -> Result<Range<'_>> {
        let count = self.program.outputs.len();
        let output = self.program.outputs.get(index);
        let Place { buffer: key, offset, size } =
            &output.ok_or_else(|| Error::Name(format!("output {index}: the program has {count}")))?.place;
        let buffer = self.buffer(key)?;
        within(&Place { buffer: key.clone(), offset: *offset, size: *size }, buffer)?;
        Ok((buffer, *offset, *size))
    }

    /// The figures of queued runs that have finished, oldest first, without waiting.
    ///
    /// # Errors
    /// Device errors.
    pub fn collect(&mut self) -> Result<Vec<Snapshot>> {
        self.ring.collect(&self.gpu)
    }

    /// The figures of all runs, oldest first; submits what is queued and waits.
    ///
    /// # Errors
    /// Device errors.
    pub fn drain(&mut self) -> Result<Vec<Snapshot>> {
        self.submit()?;
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
