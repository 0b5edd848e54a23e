//! Buffers that outlive an executable: parameters, gradients, moments and named states, shared by the training and the
//! inference graph.

use crate::error::{Error, Result};
use crate::gpu::device::{Gpu, lock};
use crate::lower::program::{Arena, BufferKey, Place, StoreLayout};
use std::collections::HashMap;
use std::sync::Mutex;
use wgpu::BufferUsages;

/// How every buffer of tensors may be used.
pub(super) const TENSOR: BufferUsages =
    BufferUsages::STORAGE.union(BufferUsages::COPY_SRC).union(BufferUsages::COPY_DST);

/// The arenas and states of a model on a device. A buffer is made, zeroed, when it is first needed: inference never pays
/// for gradients and moments.
pub struct GpuStore {
    gpu: Gpu,
    layout: StoreLayout,
    buffers: Mutex<HashMap<BufferKey, wgpu::Buffer>>,
}

impl GpuStore {
    /// A store for `layout`; allocates nothing yet.
    pub fn new(gpu: &Gpu, layout: &StoreLayout) -> Self {
        Self { gpu: gpu.clone(), layout: layout.clone(), buffers: Mutex::default() }
    }

    /// What the store holds.
    pub fn layout(&self) -> &StoreLayout {
        &self.layout
    }

    /// Allocates all shards of `arena` that are not there yet.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] naming the shard.
    pub fn ensure(&self, arena: Arena) -> Result<()> {
        (0..self.layout.shards.len()).try_for_each(|shard| self.buffer(&BufferKey::Arena(arena, shard)).map(drop))
    }

    /// Bytes allocated so far.
    pub fn allocated_bytes(&self) -> u64 {
        lock(&self.buffers).values().map(wgpu::Buffer::size).sum()
    }

    /// The bytes of `place` (a multiple of 4: `U8` tensors come with their padding). Waits for the device.
    ///
    /// # Errors
    /// [`Error::Gpu`] for a place outside the store; device errors.
    pub fn read(&self, place: &Place) -> Result<Vec<u8>> {
        let buffer = self.buffer(&place.buffer)?;
        within(place, &buffer)?;
        self.gpu.read(&buffer, place.offset, place.size)
    }

    /// Overwrites `place`; `data` may be up to 3 bytes short of it, the rest becomes zero.
    ///
    /// # Errors
    /// [`Error::Gpu`] for a place outside the store or data of another length; device errors.
    pub fn write(&self, place: &Place, data: &[u8]) -> Result<()> {
        let buffer = self.buffer(&place.buffer)?;
        within(place, &buffer)?;
        fits(place, data)?;
        self.gpu.write(&buffer, place.offset, data)
    }

    /// The buffer behind `key`, made on first use.
    pub(super) fn buffer(&self, key: &BufferKey) -> Result<wgpu::Buffer> {
        let unknown = || Error::Gpu(format!("the store has no {key:?}"));
        let (what, bytes) = match key {
            BufferKey::Arena(arena, shard) => {
                let elements = self.layout.shards.get(*shard).ok_or_else(unknown)?.len as u64;
                (format!("arena {arena:?}, shard {shard}"), elements * 4)
            }
            BufferKey::State(name) => {
                let state = self.layout.states.iter().find(|(n, _)| n == name).ok_or_else(unknown)?;
                (format!("state {name}"), state.1.bytes() as u64)
            }
            _ => return Err(unknown()),
        };
        let mut buffers = lock(&self.buffers);
        if let Some(buffer) = buffers.get(key) {
            return Ok(buffer.clone());
        }
        let buffer = self.gpu.buffer(&what, bytes, TENSOR)?;
        buffers.insert(key.clone(), buffer.clone());
        Ok(buffer)
    }
}

/// Refuses a place that leaves its buffer.
pub(super) fn within(place: &Place, buffer: &wgpu::Buffer) -> Result<()> {
    let end = place.offset.checked_add(place.size);
    if end.is_none_or(|end| end > buffer.size()) || !place.size.is_multiple_of(4) || !place.offset.is_multiple_of(4) {
        return Err(Error::Gpu(format!("{place:?} does not fit its buffer of {} bytes", buffer.size())));
    }
    Ok(())
}

/// Refuses data that is not what `place` holds, up to the padding of `U8` tensors.
pub(super) fn fits(place: &Place, data: &[u8]) -> Result<()> {
    if data.len().next_multiple_of(4) as u64 != place.size {
        return Err(Error::Gpu(format!("{} bytes given for the {} of {:?}", data.len(), place.size, place.buffer)));
    }
    Ok(())
}
