//! WaVAE: a variational autoencoder engine that trains on any GPU.

pub mod cpu;
pub mod data;
pub mod device;
pub mod dist;
pub mod error;
pub mod gpu;
pub mod graph;
pub mod lower;
pub mod ops;
pub mod report;
pub mod rng;
pub mod tensor;
pub mod testing;

pub use device::{Device, Executable, Store};
pub use error::{Error, Result};
pub use tensor::{Array, ArrayData, DType, Shape, TensorType};
