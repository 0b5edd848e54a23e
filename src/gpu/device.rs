//! An open device: its description and capabilities, its first error, and waiting that always ends.

use crate::error::{Error, Result};
use crate::gpu::pipeline::Pipelines;
use crate::gpu::readback::Staging;
use crate::gpu::select::{self, Environment, Request};
use crate::lower::caps::Caps;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// What kind of adapter it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A graphics card with its own memory.
    Discrete,
    /// A graphics unit that shares the CPU's memory.
    Integrated,
    /// A GPU lent by a hypervisor.
    Virtual,
    /// A driver that runs shaders on the CPU.
    Software,
    /// The driver does not say.
    Other,
}

/// An adapter in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The adapter's name.
    pub name: String,
    /// The driver's name; may be empty.
    pub driver: String,
    /// The driver's version; may be empty.
    pub driver_info: String,
    /// `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// What kind of adapter it is.
    pub kind: Kind,
}

impl fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Discrete => "discrete GPU",
            Kind::Integrated => "integrated GPU",
            Kind::Virtual => "virtual GPU",
            Kind::Software => "SOFTWARE adapter: shaders run on the CPU",
            Kind::Other => "adapter of unknown kind",
        };
        write!(f, "{} ({}, {kind}", self.name, self.backend)?;
        let driver = format!("{} {}", self.driver, self.driver_info);
        if !driver.trim().is_empty() {
            write!(f, ", driver {}", driver.trim())?;
        }
        f.write_str(")")
    }
}

impl DeviceInfo {
    fn new(info: &wgpu::AdapterInfo) -> Self {
        let lower = info.name.to_lowercase();
        let software = ["llvmpipe", "swiftshader", "microsoft basic render", "softpipe"];
        let kind = match info.device_type {
            _ if software.iter().any(|s| lower.contains(s)) => Kind::Software,
            wgpu::DeviceType::Cpu => Kind::Software,
            wgpu::DeviceType::DiscreteGpu => Kind::Discrete,
            wgpu::DeviceType::IntegratedGpu => Kind::Integrated,
            wgpu::DeviceType::VirtualGpu => Kind::Virtual,
            wgpu::DeviceType::Other => Kind::Other,
        };
        Self {
            name: info.name.clone(),
            driver: info.driver.clone(),
            driver_info: info.driver_info.clone(),
            backend: info.backend.to_string(),
            kind,
        }
    }
}

/// Which limits to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitsChoice {
    /// All that the adapter has.
    #[default]
    Adapter,
    /// WebGPU's guaranteed minimum, and none of the optional features: what the weakest device would offer.
    Default,
}

impl LimitsChoice {
    /// `WAVAE_LIMITS=default` asks for the minimum; `adapter` or unset for all.
    ///
    /// # Errors
    /// [`Error::Device`] for any other value.
    pub fn from_env() -> Result<Self> {
        match std::env::var("WAVAE_LIMITS").unwrap_or_default().to_lowercase().as_str() {
            "" | "adapter" => Ok(Self::Adapter),
            "default" => Ok(Self::Default),
            other => Err(Error::Device(format!("WAVAE_LIMITS={other}: give adapter or default"))),
        }
    }
}

/// The first thing that went wrong on a device outside an error scope.
#[derive(Clone, Debug)]
enum Fault {
    Lost(String),
    Memory(String),
    Other(String),
}

impl From<&Fault> for Error {
    fn from(fault: &Fault) -> Self {
        match fault {
            Fault::Lost(message) => Error::DeviceLost(message.clone()),
            Fault::Memory(detail) => Error::OutOfMemory { what: "the device".into(), bytes: 0, detail: detail.clone() },
            Fault::Other(message) => Error::Gpu(message.clone()),
        }
    }
}

/// An open device. Clones share it.
#[derive(Clone)]
pub struct Gpu {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub pipelines: Pipelines,
    pub staging: Mutex<Staging>,
    info: DeviceInfo,
    caps: Caps,
    fault: Arc<OnceLock<Fault>>,
    in_flight: Mutex<VecDeque<wgpu::SubmissionIndex>>,
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu").field("info", &self.inner.info).field("caps", &self.inner.caps).finish()
    }
}

/// Submissions that may wait in the queue: enough to keep the device busy, few enough to keep memory constant.
const IN_FLIGHT: usize = 3;

/// A mutex of ours is only poisoned by a panic elsewhere; the data stays usable.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn instance(backends: wgpu::Backends) -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    descriptor.backends = backends;
    descriptor.flags = wgpu::InstanceFlags::empty().with_env(); // driver validation layers only on request
    wgpu::Instance::new(descriptor)
}

fn enumerate() -> Result<Vec<wgpu::Adapter>> {
    let backends = select::backends()?;
    Ok(pollster::block_on(instance(backends).enumerate_adapters(backends)))
}

/// All adapters of the backends that `WGPU_BACKEND` allows.
///
/// # Errors
/// [`Error::Device`] for an unknown backend name.
pub fn adapters() -> Result<Vec<DeviceInfo>> {
    Ok(enumerate()?.iter().map(|a| DeviceInfo::new(&a.get_info())).collect())
}

impl Gpu {
    /// Opens the adapter that fits, honouring `WGPU_BACKEND`, `WGPU_ADAPTER_NAME` and `WGPU_POWER_PREF`. `None` means
    /// that the caller's CPU device should run: for [`Request::Cpu`], and for [`Request::Auto`] without hardware.
    ///
    /// # Errors
    /// [`Error::Device`] where nothing fits (with the list of adapters) or the driver refuses.
    pub fn open(request: &Request, limits: LimitsChoice) -> Result<Option<Self>> {
        if *request == Request::Cpu {
            return Ok(None);
        }
        let adapters = enumerate()?;
        let infos: Vec<_> = adapters.iter().map(|a| DeviceInfo::new(&a.get_info())).collect();
        match select::choose(&infos, request, &Environment::read()?)? {
            Some(index) => Self::connect(&adapters[index], infos[index].clone(), limits).map(Some),
            None => Ok(None),
        }
    }

    fn connect(adapter: &wgpu::Adapter, info: DeviceInfo, choice: LimitsChoice) -> Result<Self> {
        let (limits, features) = match choice {
            LimitsChoice::Adapter => (
                adapter.limits(),
                wgpu::Features::SUBGROUP
                    | wgpu::Features::SUBGROUP_BARRIER
                    | wgpu::Features::SHADER_F16
                    | wgpu::Features::SHADER_INT64
                    | wgpu::Features::TIMESTAMP_QUERY,
            ),
            LimitsChoice::Default => (wgpu::Limits::defaults(), wgpu::Features::empty()),
        };
        let features = features & adapter.features();
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("wavae"),
            required_features: features,
            required_limits: limits.clone(),
            memory_hints: wgpu::MemoryHints::Performance,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| Error::Device(format!("{info}: the driver refused: {e}")))?;
        let fault = Arc::new(OnceLock::new());
        let first = fault.clone();
        device.on_uncaptured_error(Arc::new(move |error| {
            let _ = first.set(match error {
                wgpu::Error::OutOfMemory { source } => Fault::Memory(source.to_string()),
                other => Fault::Other(other.to_string()),
            });
        }));
        let first = fault.clone();
        device.set_device_lost_callback(move |_, message| {
            let _ = first.set(Fault::Lost(message));
        });
        let caps = caps(&limits, features, &adapter.get_info(), info.kind);
        Ok(Self {
            inner: Arc::new(Inner {
                device,
                queue,
                pipelines: Pipelines::default(),
                staging: Mutex::default(),
                info,
                caps,
                fault,
                in_flight: Mutex::default(),
            }),
        })
    }

    /// The adapter in words.
    pub fn info(&self) -> &DeviceInfo {
        &self.inner.info
    }

    /// What kernels may use.
    pub fn caps(&self) -> &Caps {
        &self.inner.caps
    }

    /// The first error outside an error scope, if there was one; it stays.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::OutOfMemory`] or [`Error::Gpu`].
    pub fn check(&self) -> Result<()> {
        let Some(fault) = self.inner.fault.get() else { return Ok(()) };
        Err(match fault.clone() {
            Fault::Lost(message) => Error::DeviceLost(message),
            Fault::Memory(detail) => Error::OutOfMemory {
                what: "a command, with all that is allocated,".into(),
                bytes: self.allocated_bytes().unwrap_or(0),
                detail,
            },
            Fault::Other(message) => Error::Gpu(message),
        })
    }

    /// Bytes that wgpu has allocated on the device for everything, where the backend says (Vulkan and DX12 do).
    pub fn allocated_bytes(&self) -> Option<u64> {
        self.inner.device.generate_allocator_report().map(|report| report.total_allocated_bytes)
    }

    /// Waits for everything submitted so far.
    ///
    /// # Errors
    /// As [`Gpu::check`]; [`Error::DeviceLost`] where the device does not answer.
    pub fn wait(&self) -> Result<()> {
        lock(&self.inner.in_flight).clear();
        self.wait_for(None)
    }

    /// Polls once without blocking.
    pub(super) fn poll(&self) -> Result<()> {
        self.poll_once(wgpu::PollType::Poll)?;
        self.check()
    }

    /// Submits, after waiting for the oldest of [`IN_FLIGHT`] submissions.
    pub(super) fn submit(&self, commands: Option<wgpu::CommandBuffer>) -> Result<wgpu::SubmissionIndex> {
        let mut in_flight = lock(&self.inner.in_flight);
        while in_flight.len() >= IN_FLIGHT {
            let oldest = in_flight.pop_front();
            self.wait_for(oldest)?;
        }
        let index = self.inner.queue.submit(commands);
        in_flight.push_back(index.clone());
        drop(in_flight);
        self.check().map(|()| index)
    }

    /// Waits for a submission, or for all, but never without an end: the callback may be lost with the device.
    pub(super) fn wait_for(&self, index: Option<wgpu::SubmissionIndex>) -> Result<()> {
        // A software adapter compiles kernels at their first dispatch and may take minutes for a cold step.
        let limit = Duration::from_secs(if self.inner.info.kind == Kind::Software { 1800 } else { 120 });
        let start = Instant::now();
        loop {
            self.check()?;
            let wait = wgpu::PollType::Wait { submission_index: index.clone(), timeout: Some(Duration::from_secs(1)) };
            if self.poll_once(wait)? {
                return self.check();
            }
            if start.elapsed() > limit {
                let _ = self.inner.fault.set(Fault::Lost(format!("no answer for {} s", limit.as_secs())));
            }
        }
    }

    /// Polls; true where the awaited work is done. wgpu panics in `poll` when the driver reports a lost device.
    fn poll_once(&self, how: wgpu::PollType) -> Result<bool> {
        match catch_unwind(AssertUnwindSafe(|| self.inner.device.poll(how))) {
            Ok(Ok(status)) => Ok(status.wait_finished()),
            Ok(Err(wgpu::PollError::Timeout)) => Ok(false),
            Ok(Err(other)) => Err(Error::Gpu(other.to_string())),
            Err(_) => {
                let _ = self.inner.fault.set(Fault::Lost("the driver failed while it was waited for".into()));
                self.check().map(|()| false)
            }
        }
    }

    /// Runs `f` inside error scopes and returns what wgpu said, if anything.
    pub(super) fn scoped<T>(&self, f: impl FnOnce() -> T) -> (T, Option<wgpu::Error>) {
        let filters = [wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory];
        let scopes = filters.map(|filter| self.inner.device.push_error_scope(filter));
        let value = f();
        let errors = scopes.map(Some).into_iter().rev().flatten().map(|scope| pollster::block_on(scope.pop()));
        let error = errors.fold(None, Option::or);
        (value, error)
    }

    /// A zeroed buffer; `what` names it in errors.
    pub(super) fn buffer(&self, what: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        self.check()?;
        let caps = &self.inner.caps;
        let memory = |detail: String| Error::OutOfMemory { what: what.into(), bytes, detail };
        let bound = usage.contains(wgpu::BufferUsages::STORAGE);
        if bound && bytes > caps.max_binding_bytes {
            return Err(memory(format!("the adapter's limit for one binding is {}", caps.max_binding_bytes)));
        }
        if bytes > caps.max_buffer_bytes {
            return Err(memory(format!("the adapter's limit for one buffer is {}", caps.max_buffer_bytes)));
        }
        let descriptor = wgpu::BufferDescriptor {
            label: Some(what),
            size: bytes.max(4).next_multiple_of(4),
            usage,
            mapped_at_creation: false,
        };
        let (buffer, error) = self.scoped(|| self.inner.device.create_buffer(&descriptor));
        match error {
            None => Ok(buffer),
            Some(wgpu::Error::OutOfMemory { source }) => Err(memory(source.to_string())),
            Some(other) => Err(Error::Gpu(format!("{what} ({bytes} bytes): {other}"))),
        }
    }
}

fn caps(limits: &wgpu::Limits, features: wgpu::Features, info: &wgpu::AdapterInfo, kind: Kind) -> Caps {
    let fixed = info.subgroup_min_size == info.subgroup_max_size && info.subgroup_min_size > 0;
    Caps {
        max_binding_bytes: limits.max_storage_buffer_binding_size,
        max_buffer_bytes: limits.max_buffer_size,
        max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
        max_invocations: limits.max_compute_invocations_per_workgroup,
        max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
        max_groups: limits.max_compute_workgroups_per_dimension,
        storage_align: limits.min_storage_buffer_offset_alignment,
        uniform_align: limits.min_uniform_buffer_offset_alignment,
        subgroup: (features.contains(wgpu::Features::SUBGROUP) && fixed).then_some(info.subgroup_min_size),
        f16: features.contains(wgpu::Features::SHADER_F16),
        int64: features.contains(wgpu::Features::SHADER_INT64),
        timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
        software: kind == Kind::Software,
        slow_compiler: kind == Kind::Software && info.backend == wgpu::Backend::Gl,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{GpuExecutable, GpuStore};
    use crate::lower::program::{Arena, BufferKey, Place, Program, Shard, StoreLayout};

    /// Losing a device needs its private handle.
    #[test]
    fn a_lost_device_is_a_typed_error_everywhere_and_never_a_panic() {
        let gpu = Gpu::open(&Request::Auto, LimitsChoice::Adapter).unwrap();
        let gpu = gpu.or_else(|| Gpu::open(&Request::Software, LimitsChoice::Adapter).unwrap()).unwrap();
        let shards = vec![Shard { len: 64, group: 0 }];
        let store = GpuStore::new(&gpu, &StoreLayout { shards, ..Default::default() });
        let slots = Program { slots: vec![256], ..Default::default() };
        let mut exec = GpuExecutable::compile(&gpu, &store, slots.clone()).unwrap();
        exec.run().unwrap();
        store.ensure(Arena::Params).unwrap();
        gpu.inner.device.destroy();
        let _ = gpu.wait(); // runs the callback
        let place = Place { buffer: BufferKey::Arena(Arena::Params, 0), offset: 0, size: 256 };
        let outcomes = [
            gpu.wait(),
            exec.run(),
            exec.poison(),
            exec.drain().map(drop),
            exec.profile().map(drop),
            store.read(&place).map(drop),
            store.write(&place, &[0; 256]),
            store.ensure(Arena::Grads),
            GpuExecutable::compile(&gpu, &store, slots).map(drop),
        ];
        for (index, outcome) in outcomes.into_iter().enumerate() {
            assert!(matches!(outcome, Err(Error::DeviceLost(_))), "outcome {index}: {outcome:?}");
        }
    }
}
