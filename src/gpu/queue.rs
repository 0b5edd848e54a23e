//! Runs that wait to be submitted together, and the small inputs that differ from one to the next.
//!
//! Each run's inputs are a row of one buffer, uploaded at once; on the device every replay first copies its row into
//! place. So several runs need one submission and nothing from the host in between.

use crate::gpu::device::Gpu;
use crate::lower::program::{BufferKey, Program};
use std::collections::BTreeMap;
use std::mem::take;
use wgpu::BufferUsages;

/// Runs in one submission at most: their inputs are kept, and their figures arrive together.
pub(super) const MOST_RUNS: usize = 32;
/// Inputs up to this size travel in rows, bytes; a larger one (a batch of pixels) is uploaded to its buffer.
const ROW_INPUT: u64 = 64 << 10;

/// A copy from the rows to where an input lives.
pub(super) struct Copy {
    pub from: u64,
    pub to: BufferKey,
    pub bytes: u64,
}

/// A run that was asked for.
pub(super) struct Run {
    /// What is copied into place before it.
    pub copies: Vec<Copy>,
    /// Tag and outputs whose values are wanted after it.
    pub figures: Option<(u64, Vec<usize>)>,
}

/// Queued runs, and the host's view of the small inputs.
#[derive(Default)]
pub(super) struct Queue {
    scalars: Vec<u8>,
    scalars_changed: bool,
    /// Inputs in buffers of their own that changed since the last queued run.
    changed: BTreeMap<usize, Vec<u8>>,
    rows: Vec<u8>,
    runs: Vec<Run>,
    buffer: Option<wgpu::Buffer>,
}

impl Queue {
    /// An empty queue for a program with this many bytes of small inputs.
    pub fn new(program: &Program) -> Self {
        let scalars = vec![0; program.scalars_bytes.next_multiple_of(4) as usize];
        Self { scalars, scalars_changed: true, ..Self::default() }
    }

    /// Runs that wait.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether the input at `key` of this size travels in rows.
    pub fn takes(key: &BufferKey, bytes: u64) -> bool {
        *key == BufferKey::Scalars || bytes <= ROW_INPUT
    }

    /// Sets a small input from the next queued run on; whole inputs only.
    pub fn write(&mut self, key: &BufferKey, offset: u64, data: &[u8]) {
        match key {
            BufferKey::Input(index) => {
                let row = self.changed.entry(*index).or_default();
                row.clear();
                row.extend_from_slice(data);
                row.resize(data.len().next_multiple_of(4), 0);
            }
            _ => {
                self.scalars[offset as usize..offset as usize + data.len()].copy_from_slice(data);
                self.scalars_changed = true;
            }
        }
    }

    /// Queues a run with the inputs as they are now.
    pub fn push(&mut self, figures: Option<(u64, Vec<usize>)>) {
        let mut copies = Vec::with_capacity(1 + self.changed.len());
        if take(&mut self.scalars_changed) && !self.scalars.is_empty() {
            copies.push(row(&mut self.rows, BufferKey::Scalars, &self.scalars));
        }
        for (index, data) in take(&mut self.changed) {
            copies.push(row(&mut self.rows, BufferKey::Input(index), &data));
        }
        self.runs.push(Run { copies, figures });
    }

    /// Uploads the rows and hands over the queued runs; every copy reads from the buffer returned.
    pub fn take(&mut self, gpu: &Gpu) -> crate::Result<(Vec<Run>, Option<wgpu::Buffer>)> {
        let (runs, rows) = (take(&mut self.runs), take(&mut self.rows));
        if rows.is_empty() {
            return Ok((runs, None));
        }
        if self.buffer.as_ref().is_none_or(|b| b.size() < rows.len() as u64) {
            let bytes = rows.len().next_power_of_two() as u64;
            self.buffer =
                Some(gpu.buffer("inputs of queued runs", bytes, BufferUsages::COPY_SRC | BufferUsages::COPY_DST)?);
        }
        let buffer = self.buffer.clone();
        if let Some(buffer) = &buffer {
            // In the queue's order: the runs before this have read their rows by then.
            gpu.inner.queue.write_buffer(buffer, 0, &rows);
        }
        self.rows = rows;
        self.rows.clear(); // keeps its memory
        Ok((runs, buffer))
    }
}

fn row(rows: &mut Vec<u8>, to: BufferKey, data: &[u8]) -> Copy {
    let from = rows.len() as u64;
    rows.extend_from_slice(data);
    Copy { from, to, bytes: data.len() as u64 }
}
