//! Time per dispatch.

use crate::error::Result;
use crate::gpu::exec::GpuExecutable;
use std::time::Instant;
use wgpu::BufferUsages;

/// Dispatches timed by one query set (two queries each; WebGPU allows 4096 in a set).
const SET: usize = 1024;

impl GpuExecutable {
    /// Runs once and returns (label, milliseconds) of every dispatch, in order: by timestamp queries, or where the device
    /// has none by submitting each dispatch alone (then with some tens of microseconds of overhead each).
    ///
    /// # Errors
    /// Device errors.
    pub fn profile(&mut self) -> Result<Vec<(String, f64)>> {
        self.place_inputs()?;
        let times = if self.gpu.caps().timestamps { self.by_timestamps()? } else { self.by_clock()? };
        let labels = self.steps.iter().map(|step| self.program.dispatches[step.dispatch].label.clone());
        Ok(labels.zip(times).collect())
    }

    fn by_clock(&self) -> Result<Vec<f64>> {
        self.gpu.wait()?;
        let time = |step| {
            let start = Instant::now();
            let mut encoder = self.gpu.inner.device.create_command_encoder(&Default::default());
            self.encode(&mut encoder, std::slice::from_ref(step), None);
            self.gpu.submit(Some(encoder.finish()))?;
            self.gpu.wait()?;
            Ok(start.elapsed().as_secs_f64() * 1e3)
        };
        self.steps.iter().map(time).collect()
    }

    fn by_timestamps(&self) -> Result<Vec<f64>> {
        let device = &self.gpu.inner.device;
        let count = 2 * SET.min(self.steps.len().max(1)) as u32;
        let set = device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("profile"),
            ty: wgpu::QueryType::Timestamp,
            count,
        });
        let bytes = u64::from(count) * 8;
        let usage = BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC;
        let resolved = self.gpu.buffer("profile", bytes, usage)?;
        let tick = f64::from(self.gpu.inner.queue.get_timestamp_period()) * 1e-6;
        let mut times = Vec::with_capacity(self.steps.len());
        for steps in self.steps.chunks(SET) {
            let mut encoder = device.create_command_encoder(&Default::default());
            for (index, step) in steps.iter().enumerate() {
                let writes = wgpu::ComputePassTimestampWrites {
                    query_set: &set,
                    beginning_of_pass_write_index: Some(2 * index as u32),
                    end_of_pass_write_index: Some(2 * index as u32 + 1),
                };
                self.encode(&mut encoder, std::slice::from_ref(step), Some(writes));
            }
            let queries = 2 * steps.len() as u32;
            encoder.resolve_query_set(&set, 0..queries, &resolved, 0);
            self.gpu.submit(Some(encoder.finish()))?;
            let bytes = self.gpu.read(&resolved, 0, u64::from(queries) * 8)?;
            let stamps: Vec<u64> = bytemuck::pod_collect_to_vec(&bytes);
            times.extend(stamps.chunks_exact(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64 * tick));
        }
        Ok(times)
    }
}
