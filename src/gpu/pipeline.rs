//! Compute pipelines, one per distinct shader text and device, compiled in parallel.

use crate::error::{Error, Result};
use crate::gpu::device::{Gpu, lock};
use crate::lower::shader::{Access, GroupLayout, Shader};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};

/// A compiled kernel with the layouts its bind groups need.
pub(super) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    /// `None` where the kernel leaves a group empty.
    pub groups: Vec<Option<wgpu::BindGroupLayout>>,
}

/// The pipelines of a device by WGSL text.
#[derive(Default)]
pub(super) struct Pipelines {
    by_source: Mutex<HashMap<String, Arc<Pipeline>>>,
}

impl Gpu {
    /// The pipelines of `shaders`, in order; those that are missing are compiled in parallel.
    pub(super) fn pipelines(&self, shaders: &[Arc<Shader>]) -> Result<Vec<Arc<Pipeline>>> {
        let cache = &self.inner.pipelines.by_source;
        let missing: Vec<&Arc<Shader>> = {
            let known = lock(cache);
            let mut seen = HashSet::new();
            shaders.iter().filter(|s| !known.contains_key(&s.source) && seen.insert(&s.source)).collect()
        };
        let compile = |s: &&Arc<Shader>| Ok((s.source.clone(), Arc::new(self.compile(s)?)));
        // wgpu's GL backend has one context, and panics where a thread waits for it for more than some seconds.
        let compiled: Vec<_> = match self.info().backend == "gl" {
            true => missing.iter().map(compile).collect::<Result<_>>()?,
            false => missing.par_iter().map(compile).collect::<Result<_>>()?,
        };
        let mut known = lock(cache);
        known.extend(compiled);
        Ok(shaders.iter().map(|s| known[&s.source].clone()).collect()) // every key is there: known, or compiled above
    }

    fn compile(&self, shader: &Shader) -> Result<Pipeline> {
        let device = &self.inner.device;
        let (pipeline, error) = self.scoped(|| {
            let source = wgpu::ShaderSource::Wgsl(shader.source.as_str().into());
            let descriptor = wgpu::ShaderModuleDescriptor { label: Some(&shader.name), source };
            // Counting every loop's turns costs 20 to 30 % in the matrix kernels and a factor of 3 in the thin ones.
            let mut checks = wgpu::ShaderRuntimeChecks::checked();
            checks.force_loop_bounding = false;
            // SAFETY: every loop under `shaders/` is bounded by a size from its uniform, so each ends; bounds of every
            // memory access stay checked.
            let module = unsafe { device.create_shader_module_trusted(descriptor, checks) };
            let groups: Vec<_> = shader.layout().iter().map(|group| self.group_layout(&shader.name, group)).collect();
            let references: Vec<_> = groups.iter().map(Option::as_ref).collect();
            let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(&shader.name),
                bind_group_layouts: &references,
                immediate_size: 0,
            });
            let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(&shader.name),
                layout: Some(&layout),
                module: &module,
                entry_point: Some(shader.entry()),
                compilation_options: wgpu::PipelineCompilationOptions {
                    // Kernels write it before they read it, and on Metal and DX12 a single invocation would zero it.
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: None,
            });
            Pipeline { pipeline, groups }
        });
        match error {
            None => Ok(pipeline),
            Some(error) => Err(Error::Shader { kernel: shader.name.clone(), message: error.to_string() }),
        }
    }

    fn group_layout(&self, name: &str, group: &GroupLayout) -> Option<wgpu::BindGroupLayout> {
        let entry = |binding: usize, ty, dynamic, size| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: dynamic, min_binding_size: size },
            count: None,
        };
        let mut entries = Vec::new();
        if let Some(bytes) = group.uniform {
            entries.push(entry(0, wgpu::BufferBindingType::Uniform, true, NonZeroU64::new(bytes.into())));
        }
        for (index, binding) in group.storage.iter().enumerate() {
            let read_only = binding.access == Access::Read;
            entries.push(entry(index + 1, wgpu::BufferBindingType::Storage { read_only }, false, None));
        }
        let descriptor = wgpu::BindGroupLayoutDescriptor { label: Some(name), entries: &entries };
        (!entries.is_empty()).then(|| self.inner.device.create_bind_group_layout(&descriptor))
    }
}
