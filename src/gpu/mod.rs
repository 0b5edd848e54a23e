//! The only place that knows wgpu: choosing an adapter, opening a device, owning buffers and pipelines, replaying a
//! lowered [`Program`](crate::lower::program::Program). No tensor mathematics, no graph, no kernel choice live here.

mod bind;
pub mod device;
pub mod exec;
mod pipeline;
mod profile;
mod queue;
mod readback;
pub mod select;
pub mod store;

pub use device::{DeviceInfo, Gpu, Kind, LimitsChoice};
pub use exec::GpuExecutable;
pub use select::Request;
pub use store::GpuStore;
