//! Shapes, element types and host arrays. Tensors are contiguous and row-major; images are NHWC, filters HWIO.

use crate::error::{Error, Result};
use std::fmt;

/// The extents of a tensor, outermost first. A scalar has no extents.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// A shape from its extents.
    pub fn new(dims: impl Into<Vec<usize>>) -> Self {
        Self(dims.into())
    }
    /// The extents.
    pub fn dims(&self) -> &[usize] {
        &self.0
    }
    /// How many axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }
    /// How many elements (1 for a scalar); `usize::MAX` where they are more.
    pub fn len(&self) -> usize {
        self.0.iter().fold(1, |len: usize, &dim| len.saturating_mul(dim))
    }
    /// Whether some extent is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Row-major strides, in elements.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.0.len()];
        for axis in (0..self.0.len().saturating_sub(1)).rev() {
            strides[axis] = strides[axis + 1] * self.0[axis + 1];
        }
        strides
    }
    /// The last extent (channels); 1 for a scalar.
    pub fn last(&self) -> usize {
        self.0.last().copied().unwrap_or(1)
    }
    /// NumPy's broadcasting: axes are aligned at the end, extents of 1 stretch. `None` where the shapes do not fit.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let extent = |s: &Shape, axis: usize| match (axis + s.rank()).checked_sub(rank) {
            Some(k) => s.0[k],
            None => 1,
        };
        let mut dims = Vec::with_capacity(rank);
        for axis in 0..rank {
            match (extent(self, axis), extent(other, axis)) {
                (a, b) if a == b => dims.push(a),
                (1, b) => dims.push(b),
                (a, 1) => dims.push(a),
                _ => return None,
            }
        }
        Some(Shape(dims))
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Self(dims.to_vec())
    }
}
impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Self {
        Self(dims.to_vec())
    }
}
impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Self(dims)
    }
}
impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Element types. On a GPU a `U8` tensor is packed four elements to a `u32`, lowest byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit float (the reference interpreter may compute it in f64).
    F32,
    /// 32-bit index, seed or counter.
    U32,
    /// Raw pixels of a data set.
    U8,
}

impl DType {
    /// Bytes of `len` elements on a device, rounded up to whole words.
    pub fn bytes(self, len: usize) -> usize {
        match self {
            DType::F32 | DType::U32 => len * 4,
            DType::U8 => len.next_multiple_of(4),
        }
    }
}

/// The type of a graph value: shape and element type.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// Extents.
    pub shape: Shape,
    /// Element type.
    pub dtype: DType,
}

impl TensorType {
    /// An `F32` tensor.
    pub fn f32(shape: impl Into<Shape>) -> Self {
        Self { shape: shape.into(), dtype: DType::F32 }
    }
    /// A `U32` tensor.
    pub fn u32(shape: impl Into<Shape>) -> Self {
        Self { shape: shape.into(), dtype: DType::U32 }
    }
    /// A `U8` tensor.
    pub fn u8(shape: impl Into<Shape>) -> Self {
        Self { shape: shape.into(), dtype: DType::U8 }
    }
    /// Elements.
    pub fn len(&self) -> usize {
        self.shape.len()
    }
    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Bytes on a device.
    pub fn bytes(&self) -> usize {
        self.dtype.bytes(self.len())
    }
    /// The extents.
    pub fn dims(&self) -> &[usize] {
        self.shape.dims()
    }
}

impl fmt::Debug for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{}", self.dtype, self.shape)
    }
}
impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The elements of a host [`Array`].
#[derive(Clone, Debug, PartialEq)]
pub enum ArrayData {
    /// Floats.
    F32(Vec<f32>),
    /// Indices.
    U32(Vec<u32>),
    /// Bytes.
    U8(Vec<u8>),
}

/// A tensor in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Extents.
    pub shape: Shape,
    /// Elements, row-major.
    pub data: ArrayData,
}

impl Array {
    /// An array of `data` with `shape`; an error where the lengths differ.
    pub fn new(shape: impl Into<Shape>, data: ArrayData) -> Result<Self> {
        let array = Self { shape: shape.into(), data };
        let len = match &array.data {
            ArrayData::F32(v) => v.len(),
            ArrayData::U32(v) => v.len(),
            ArrayData::U8(v) => v.len(),
        };
        if len != array.shape.len() {
            return Err(Error::shape("array", format!("{len} elements do not fill shape {}", array.shape)));
        }
        Ok(array)
    }
    /// An array of floats.
    pub fn f32(shape: impl Into<Shape>, data: Vec<f32>) -> Result<Self> {
        Self::new(shape, ArrayData::F32(data))
    }
    /// An array of indices.
    pub fn u32(shape: impl Into<Shape>, data: Vec<u32>) -> Result<Self> {
        Self::new(shape, ArrayData::U32(data))
    }
    /// An array of bytes.
    pub fn u8(shape: impl Into<Shape>, data: Vec<u8>) -> Result<Self> {
        Self::new(shape, ArrayData::U8(data))
    }
    /// An array of type `ty`, all zeros.
    pub fn zeros(ty: TensorType) -> Self {
        let len = ty.len();
        let data = match ty.dtype {
            DType::F32 => ArrayData::F32(vec![0.0; len]),
            DType::U32 => ArrayData::U32(vec![0; len]),
            DType::U8 => ArrayData::U8(vec![0; len]),
        };
        Self { shape: ty.shape, data }
    }
    /// An array of type `ty` from its raw bytes ([`Array::bytes`]).
    ///
    /// # Errors
    /// Where they are too few or too many.
    pub fn from_bytes(ty: TensorType, bytes: &[u8]) -> Result<Self> {
        let data = match ty.dtype {
            DType::F32 => ArrayData::F32(bytemuck::pod_collect_to_vec(bytes)),
            DType::U32 => ArrayData::U32(bytemuck::pod_collect_to_vec(bytes)),
            DType::U8 => ArrayData::U8(bytes.to_vec()),
        };
        Self::new(ty.shape, data)
    }
    /// Shape and element type.
    pub fn ty(&self) -> TensorType {
        let dtype = match self.data {
            ArrayData::F32(_) => DType::F32,
            ArrayData::U32(_) => DType::U32,
            ArrayData::U8(_) => DType::U8,
        };
        TensorType { shape: self.shape.clone(), dtype }
    }
    /// The floats; empty for another element type.
    pub fn as_f32(&self) -> &[f32] {
        match &self.data {
            ArrayData::F32(v) => v,
            _ => &[],
        }
    }
    /// The raw bytes, as a device takes them (without the padding of `U8` to whole words).
    pub fn bytes(&self) -> &[u8] {
        match &self.data {
            ArrayData::F32(v) => bytemuck::cast_slice(v),
            ArrayData::U32(v) => bytemuck::cast_slice(v),
            ArrayData::U8(v) => v,
        }
    }
}
