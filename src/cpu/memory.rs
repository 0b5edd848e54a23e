//! What outlives a run of the interpreter: arenas, states and inputs.

use super::Real;
use crate::error::{Error, Result};
use crate::graph::{Arena, StoreLayout};
use crate::tensor::{Array, ArrayData, DType, TensorType};
use std::collections::HashMap;

/// Host storage of one tensor.
#[derive(Clone, Debug)]
pub enum Buffer<T> {
    /// Real numbers.
    Real(Vec<T>),
    /// Indices.
    U32(Vec<u32>),
    /// Bytes.
    U8(Vec<u8>),
}

impl<T: Real> Buffer<T> {
    /// Zeros of type `ty`.
    pub fn zeros(ty: &TensorType) -> Self {
        match ty.dtype {
            DType::F32 => Self::Real(vec![T::ZERO; ty.len()]),
            DType::U32 => Self::U32(vec![0; ty.len()]),
            DType::U8 => Self::U8(vec![0; ty.len()]),
        }
    }
    /// The elements of a host array.
    pub fn from_array(array: &Array) -> Self {
        match &array.data {
            ArrayData::F32(v) => Self::Real(v.iter().map(|&x| T::of(x.into())).collect()),
            ArrayData::U32(v) => Self::U32(v.clone()),
            ArrayData::U8(v) => Self::U8(v.clone()),
        }
    }
    /// Elements `offset..` as a host array of type `ty` (reals rounded to f32).
    pub fn to_array(&self, ty: &TensorType, offset: usize) -> Array {
        let range = offset..offset + ty.len();
        let data = match self {
            Self::Real(v) => ArrayData::F32(v[range].iter().map(|x| x.f64() as f32).collect()),
            Self::U32(v) => ArrayData::U32(v[range].to_vec()),
            Self::U8(v) => ArrayData::U8(v[range].to_vec()),
        };
        Array { shape: ty.shape.clone(), data }
    }
    /// Overwrites elements from `offset` with those of `array`, which has the buffer's element type.
    pub fn copy_from(&mut self, array: &Array, offset: usize) -> Result<()> {
        match (self, &array.data) {
            (Self::Real(to), ArrayData::F32(from)) => {
                to[offset..offset + from.len()].iter_mut().zip(from).for_each(|(t, &f)| *t = T::of(f.into()));
            }
            (Self::U32(to), ArrayData::U32(from)) => to[offset..offset + from.len()].copy_from_slice(from),
            (Self::U8(to), ArrayData::U8(from)) => to[offset..offset + from.len()].copy_from_slice(from),
            _ => return Err(Error::Graph(format!("{} cannot be written here: another element type", array.ty()))),
        }
        Ok(())
    }
    /// The reals; empty for another element type.
    pub fn real(&self) -> &[T] {
        match self {
            Self::Real(v) => v,
            _ => &[],
        }
    }
    /// The reals, to be written; empty for another element type.
    pub fn real_mut(&mut self) -> &mut [T] {
        match self {
            Self::Real(v) => v,
            _ => &mut [],
        }
    }
}

/// Arenas and named states: the interpreter's side of a store.
#[derive(Clone, Debug, Default)]
pub struct Memory<T> {
    /// Shards of the arenas.
    pub arenas: HashMap<(Arena, usize), Buffer<T>>,
    /// Named states.
    pub states: HashMap<String, Buffer<T>>,
}

impl<T: Real> Memory<T> {
    /// Zeros for everything in `layout`.
    pub fn new(layout: &StoreLayout) -> Self {
        let mut memory = Self { arenas: HashMap::new(), states: HashMap::new() };
        for arena in [Arena::Params, Arena::Grads, Arena::Moment1, Arena::Moment2] {
            for (shard, len) in layout.shards.iter().map(|shard| shard.len).enumerate() {
                memory.arenas.insert((arena, shard), Buffer::Real(vec![T::ZERO; len]));
            }
        }
        for (name, ty) in &layout.states {
            memory.states.insert(name.clone(), Buffer::zeros(ty));
        }
        memory
    }
}
