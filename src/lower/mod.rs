//! Graph → launches → program: kernel choice, WGSL assembly, memory plan. Pure Rust, no adapter needed.
//!
//! [`build`] is the way through; [`chain`] writes fused chains as WGSL, [`assemble`] pastes and specialises kernel files,
//! [`shader`] validates and reflects them, [`plan`] shares memory, [`program`] is the result as plain data.

pub mod assemble;
pub mod build;
pub mod caps;
pub mod chain;
pub mod plan;
pub mod program;
pub mod report;
pub mod shader;
pub mod sources;

pub use build::{Lowered, Options, lower};
