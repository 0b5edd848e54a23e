//! What a program is bound to before its first run: buffers, uniforms, bind groups, and the checks that name a misfit.

use crate::error::{Error, Result};
use crate::gpu::device::Gpu;
use crate::gpu::pipeline::Pipeline;
use crate::gpu::store::{GpuStore, TENSOR, within};
use crate::lower::program::{BufferKey, Dispatch, Group, Place, Program};
use crate::lower::shader::{Access, GroupLayout};
use std::collections::HashMap;
use std::num::NonZeroU64;
use wgpu::BufferUsages;

/// A bind group of a dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    /// Which group of the kernel.
    pub group: u32,
    /// Index into the executable's bind groups.
    pub bind_group: usize,
    /// Where the uniform lies, for a group that has one.
    pub offset: Option<u32>,
}

pub(super) fn buffer<'a>(buffers: &'a HashMap<BufferKey, wgpu::Buffer>, key: &BufferKey) -> Result<&'a wgpu::Buffer> {
    buffers.get(key).ok_or_else(|| Error::Gpu(format!("the program has no {key:?}")))
}

/// Every buffer that the program names: its own are made, those of the store are shared.
pub(super) fn buffers(gpu: &Gpu, store: &GpuStore, program: &Program) -> Result<HashMap<BufferKey, wgpu::Buffer>> {
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
pub(super) type Uniforms = (Option<wgpu::Buffer>, Vec<Vec<Option<u32>>>);

pub(super) fn uniforms(gpu: &Gpu, program: &Program, active: &[usize]) -> Result<Uniforms> {
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
pub(super) struct Binder<'a> {
    gpu: &'a Gpu,
    buffers: &'a HashMap<BufferKey, wgpu::Buffer>,
    uniform: Option<wgpu::Buffer>,
    known: HashMap<BindKey, usize>,
    pub made: Vec<wgpu::BindGroup>,
}

impl<'a> Binder<'a> {
    pub fn new(gpu: &'a Gpu, buffers: &'a HashMap<BufferKey, wgpu::Buffer>, uniform: Option<wgpu::Buffer>) -> Self {
        Self { gpu, buffers, uniform, known: HashMap::new(), made: Vec::new() }
    }

    pub fn bind(&mut self, dispatch: &Dispatch, pipeline: &Pipeline, offsets: &[Option<u32>]) -> Result<Vec<Bound>> {
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
pub(super) fn check(dispatch: &Dispatch, gpu: &Gpu) -> Result<()> {
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
