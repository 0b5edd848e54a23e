//! Graph → launches → program: kernel choice, WGSL assembly, memory plan. Pure Rust, no adapter needed.
//!
//! [`build`] is the way through; [`chain`] writes fused chains as WGSL, [`assemble`] pastes and specialises kernel files,
//! [`shader`] validates and reflects them, [`half`] stores tensors in two bytes an element, [`plan`] shares memory, [`program`] is
//! the result as plain data.

pub mod assemble;
pub mod build;
pub mod caps;
pub mod chain;
pub mod half;
pub mod plan;
pub mod program;
pub mod report;
pub mod shader;
pub mod sources;

pub use build::{Lowered, Options, lower};
pub use half::Precision;
