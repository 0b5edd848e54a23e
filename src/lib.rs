//! WaVAE: a variational autoencoder engine that trains on any GPU.
//!
//! A model is *described* once as a static graph; the graph is differentiated, fused, lowered to dispatches of
//! hand-written WGSL kernels and planned onto buffers before anything runs. A training step is then one replay of a flat
//! list: nothing is allocated, nothing rebuilt, nothing copied to the host except what was asked for.
//!
//! ```text
//! nn, dist, vae ──► graph ──► autodiff ──► fuse ──► lower ──► plan ──► gpu::exec
//!  describe         nodes      + nodes     fewer     launches   slots     replay
//!                     └────────────────────────────────────────────► cpu::Interpreter (f64 / f32)
//! ```
//!
//! Data flows left to right. Only [`gpu`] knows wgpu; everything left of it is plain Rust and is tested without any
//! adapter. The interpreter runs the graph as described, in f64 as the oracle of the tests and in f32 as the CPU device,
//! which joins pointwise nodes to chains.
//!
//! ```
//! use wavae::graph::Graph;
//! use wavae::{Array, Device, Executable, Store, TensorType};
//!
//! let mut g = Graph::new();
//! let x = g.input("x", TensorType::f32([3]))?;
//! let squares = g.square(x)?;
//! let loss = g.sum_all(squares)?;
//! let dx = g.grad(loss, &[x])?[0];
//!
//! let device = Device::open("cpu")?; // or "auto", "gpu", "software", part of an adapter's name
//! let store = Store::new(&device, &[&g])?;
//! let mut exe = Executable::compile(&device, &store, &g, &[loss, dx])?;
//! exe.write("x", &Array::f32([3], vec![1.0, 2.0, 3.0])?)?;
//! exe.run()?;
//! assert_eq!(exe.read(loss)?.as_f32(), [14.0]);
//! assert_eq!(exe.read(dx)?.as_f32(), [2.0, 4.0, 6.0]);
//! # Ok::<(), wavae::Error>(())
//! ```

pub mod cpu;
pub mod data;
pub mod device;
pub mod dist;
pub mod error;
pub mod eval;
pub mod flow;
pub mod gpu;
pub mod graph;
pub mod lower;
pub mod nn;
pub mod ops;
pub mod recipe;
pub mod report;
pub mod rng;
pub mod tensor;
pub mod testing;
pub mod train;
pub mod tune;
pub mod vae;

pub use device::{Device, Executable, Store};
pub use error::{Error, Result};
pub use tensor::{Array, ArrayData, DType, Shape, TensorType};

/// Keeps the README's example compiling.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
