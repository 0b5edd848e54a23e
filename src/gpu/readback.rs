//! Bytes between host and device: blocking reads and writes in bounded pieces, and the ring of figures that arrive later.

use crate::error::{Error, Result};
use crate::gpu::device::{Gpu, lock};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use wgpu::BufferUsages;

/// A transfer is cut in pieces of this many bytes, so that staging memory stays bounded whatever the tensor.
const PIECE: u64 = 16 << 20;
/// Submissions whose figures may be under way.
const RING: usize = 4;

/// The device's buffer for blocking reads, made at the first read and grown up to [`PIECE`].
#[derive(Default)]
pub(super) struct Staging {
    buffer: Option<wgpu::Buffer>,
}

/// What a map callback has said so far.
#[derive(Clone, Default)]
struct Mapped(Arc<AtomicU8>);

impl Mapped {
    fn start(buffer: &wgpu::Buffer, bytes: u64) -> Self {
        let state = Self::default();
        let flag = state.0.clone();
        buffer.map_async(wgpu::MapMode::Read, ..bytes, move |result| {
            flag.store(if result.is_ok() { 1 } else { 2 }, Ordering::Release);
        });
        state
    }

    /// True when mapped, false when not yet.
    fn ready(&self) -> Result<bool> {
        match self.0.load(Ordering::Acquire) {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::Gpu("a staging buffer could not be mapped".into())),
        }
    }
}

impl Gpu {
    /// Reads a range of `buffer`, waiting for all work before it.
    pub(super) fn read(&self, buffer: &wgpu::Buffer, offset: u64, bytes: u64) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(bytes as usize);
        let mut staging = lock(&self.inner.staging);
        while (out.len() as u64) < bytes {
            let done = out.len() as u64;
            let piece = (bytes - done).min(PIECE);
            if staging.buffer.as_ref().is_none_or(|b| b.size() < piece) {
                let size = piece.next_power_of_two();
                staging.buffer = Some(self.buffer("staging", size, BufferUsages::MAP_READ | BufferUsages::COPY_DST)?);
            }
            let Some(target) = staging.buffer.as_ref() else { break }; // made above
            let mut encoder = self.inner.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(buffer, offset + done, target, 0, piece);
            let submission = self.submit(Some(encoder.finish()))?;
            let mapped = Mapped::start(target, piece);
            self.wait_mapped(&mapped, submission)?;
            take(target, piece, &mut out)?;
        }
        Ok(out)
    }

    /// Writes `data` at `offset`, padded with zeros to a multiple of 4.
    pub(super) fn write(&self, buffer: &wgpu::Buffer, offset: u64, data: &[u8]) -> Result<()> {
        let queue = &self.inner.queue;
        let whole = data.len() / 4 * 4;
        for (index, piece) in data[..whole].chunks(PIECE as usize).enumerate() {
            queue.write_buffer(buffer, offset + index as u64 * PIECE, piece);
            if piece.len() as u64 == PIECE {
                self.submit(None)?; // lets wgpu free its staging memory
            }
        }
        if whole < data.len() {
            let mut last = [0; 4];
            last[..data.len() - whole].copy_from_slice(&data[whole..]);
            queue.write_buffer(buffer, offset + whole as u64, &last);
        }
        self.check()
    }

    fn wait_mapped(&self, mapped: &Mapped, submission: wgpu::SubmissionIndex) -> Result<()> {
        self.wait_for(Some(submission))?;
        for _ in 0..5000 {
            if mapped.ready()? {
                return Ok(());
            }
            self.poll()?; // another thread's poll may be about to run the callback
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(Error::DeviceLost("a staging buffer was never mapped".into()))
    }
}

/// Appends the first `bytes` of a mapped buffer and unmaps it.
fn take(buffer: &wgpu::Buffer, bytes: u64, out: &mut Vec<u8>) -> Result<()> {
    let view = buffer.get_mapped_range(..bytes).map_err(|e| Error::Gpu(e.to_string()))?;
    out.extend_from_slice(&view);
    drop(view);
    buffer.unmap();
    Ok(())
}

/// The figures of one run: its tag and the bytes of each output.
pub type Snapshot = (u64, Vec<Vec<u8>>);
/// A range of a buffer: offset and bytes.
pub(super) type Range<'a> = (&'a wgpu::Buffer, u64, u64);
/// Tag, and bytes of each output.
type Sizes = (u64, Vec<u64>);

/// The figures of one submission.
struct Pending {
    buffer: wgpu::Buffer,
    runs: Vec<Sizes>,
    mapped: Mapped,
    submission: wgpu::SubmissionIndex,
}

/// Figures under way, oldest first, and the staging buffers that are free.
#[derive(Default)]
pub(super) struct Ring {
    free: Vec<wgpu::Buffer>,
    pending: VecDeque<Pending>,
    finished: Vec<Snapshot>,
}

fn total(runs: &[Sizes]) -> u64 {
    runs.iter().flat_map(|(_, sizes)| sizes).sum::<u64>().max(4)
}

impl Ring {
    /// A staging buffer for the figures of `runs`, to be copied there one after another; waits where too many are under way.
    pub fn staging(&mut self, gpu: &Gpu, runs: &[Sizes]) -> Result<wgpu::Buffer> {
        while self.pending.len() >= RING {
            self.wait_oldest(gpu)?;
        }
        let total = total(runs);
        self.free.retain(|b| b.size() >= total); // too small: never of use again
        let bytes = total.next_power_of_two().max(256);
        while self.free.len() + self.pending.len() < RING {
            // All at once: the memory taken must not depend on how fast the device is.
            self.free.push(gpu.buffer("figures", bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST)?);
        }
        self.free.pop().ok_or_else(|| Error::Gpu("the ring of figures is empty".into())) // never: fewer than RING are under way
    }

    /// Takes note that `submission` fills `buffer` with the figures of `runs`.
    pub fn push(&mut self, buffer: wgpu::Buffer, runs: Vec<Sizes>, submission: wgpu::SubmissionIndex) {
        let mapped = Mapped::start(&buffer, total(&runs));
        self.pending.push_back(Pending { buffer, runs, mapped, submission });
    }

    /// What has finished, oldest first, without waiting.
    pub fn collect(&mut self, gpu: &Gpu) -> Result<Vec<Snapshot>> {
        if self.pending.is_empty() && self.finished.is_empty() {
            return Ok(Vec::new()); // called every step
        }
        gpu.poll()?;
        while let Some(oldest) = self.pending.front() {
            if !oldest.mapped.ready()? {
                break;
            }
            self.finish_oldest()?;
        }
        Ok(std::mem::take(&mut self.finished))
    }

    /// Waits for all figures.
    pub fn drain(&mut self, gpu: &Gpu) -> Result<Vec<Snapshot>> {
        while !self.pending.is_empty() {
            self.wait_oldest(gpu)?;
        }
        gpu.check()?;
        Ok(std::mem::take(&mut self.finished))
    }

    fn wait_oldest(&mut self, gpu: &Gpu) -> Result<()> {
        if let Some(oldest) = self.pending.front() {
            gpu.wait_mapped(&oldest.mapped, oldest.submission.clone())?;
            self.finish_oldest()?;
        }
        Ok(())
    }

    /// Moves the oldest, which is mapped, to `finished`.
    fn finish_oldest(&mut self) -> Result<()> {
        let Some(oldest) = self.pending.pop_front() else { return Ok(()) };
        let mut bytes = Vec::new();
        take(&oldest.buffer, total(&oldest.runs), &mut bytes)?;
        self.free.push(oldest.buffer);
        let mut rest = bytes.as_slice();
        for (tag, sizes) in oldest.runs {
            let mut outputs = Vec::with_capacity(sizes.len());
            for size in sizes {
                let (head, tail) = rest.split_at(size as usize);
                outputs.push(head.to_vec());
                rest = tail;
            }
            self.finished.push((tag, outputs));
        }
        Ok(())
    }
}
