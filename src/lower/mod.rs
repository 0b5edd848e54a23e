//! Graph → launches → program: kernel choice, WGSL assembly, memory plan. Pure Rust, no adapter needed.

pub mod assemble;
pub mod caps;
pub mod chain;
pub mod plan;
pub mod program;
pub mod shader;
pub mod sources;
