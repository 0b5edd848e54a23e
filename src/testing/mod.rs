//! What tests of ops are made of: cases, tolerances, gradient checks, parity runs. Public, so that an op defined outside
//! this crate is held to the same table. Ops list their cases with it; tests, benches and the self-test run them.

mod device;
mod gradcheck;
mod parity;
mod probe;

use crate::cpu::{Buffer, Scalar, View};
use crate::error::Result;
use crate::ops::Op;
use crate::rng::{Philox, normal};
use crate::tensor::{Array, Shape, TensorType};
use rand::RngExt;
use std::sync::Arc;

pub use device::{Report, half_parity, parity, selftest, selftest_with};
pub use gradcheck::check_gradient;
pub use parity::{Parity, compare, half_oracle, lower_case, lower_half, oracle, translate};
pub use probe::PROBES;

/// How an input of a case is drawn. Everything is fixed by the case's seed.
#[derive(Clone, Debug)]
pub enum Gen {
    /// Normal with this scale.
    Normal(Shape, f32),
    /// Uniform in [lo, hi).
    Uniform(Shape, f32, f32),
    /// Magnitudes uniform in [lo, hi) with random signs: away from a kink at 0.
    Signed(Shape, f32, f32),
    /// Given floats.
    Values(Shape, Vec<f32>),
    /// Indices below a bound.
    Index(Shape, u32),
    /// Given words.
    Words(Shape, Vec<u32>),
    /// Bytes.
    Bytes(Shape),
}

impl Gen {
    /// A standard normal tensor.
    pub fn normal(shape: impl Into<Shape>) -> Self {
        Self::Normal(shape.into(), 1.0)
    }
    /// Uniform in [lo, hi).
    pub fn uniform(shape: impl Into<Shape>, lo: f32, hi: f32) -> Self {
        Self::Uniform(shape.into(), lo, hi)
    }
    /// The type of what is drawn.
    pub fn ty(&self) -> TensorType {
        match self {
            Self::Normal(s, _) | Self::Uniform(s, ..) | Self::Signed(s, ..) | Self::Values(s, _) => {
                TensorType::f32(s.clone())
            }
            Self::Index(s, _) | Self::Words(s, _) => TensorType::u32(s.clone()),
            Self::Bytes(s) => TensorType::u8(s.clone()),
        }
    }
    /// Draws the tensor.
    pub fn draw(&self, seed: u64) -> Result<Array> {
        let mut rng = Philox::new(seed, 0);
        let len = self.ty().len();
        let mut floats = |f: &mut dyn FnMut(&mut Philox) -> f32| (0..len).map(|_| f(&mut rng)).collect::<Vec<_>>();
        match self {
            Self::Normal(s, scale) => Array::f32(s.clone(), floats(&mut |r| scale * normal(r))),
            Self::Uniform(s, lo, hi) => Array::f32(s.clone(), floats(&mut |r| lo + (hi - lo) * r.random::<f32>())),
            Self::Signed(s, lo, hi) => Array::f32(
                s.clone(),
                floats(&mut |r| {
                    let magnitude = lo + (hi - lo) * r.random::<f32>();
                    if r.random::<bool>() { magnitude } else { -magnitude }
                }),
            ),
            Self::Values(s, values) => Array::f32(s.clone(), values.clone()),
            Self::Index(s, below) => Array::u32(s.clone(), (0..len).map(|_| rng.random_range(0..*below)).collect()),
            Self::Words(s, words) => Array::u32(s.clone(), words.clone()),
            Self::Bytes(s) => Array::u8(s.clone(), (0..len).map(|_| rng.random()).collect()),
        }
    }
}

/// The bound on |computed − exact| of one element: `abs + rel·|exact| + depth·ε·Σ|aᵢbᵢ|`, ε = 2⁻²⁴. The last term is there
/// for ops that sum products ([`Op::sums_products`]); Σ|aᵢbᵢ| is the reference of the inputs' magnitudes.
#[derive(Clone, Copy, Debug)]
pub struct Tol {
    /// Absolute part.
    pub abs: f64,
    /// Relative part.
    pub rel: f64,
    /// How many rounded additions an element is summed through.
    pub depth: f64,
}

impl Tol {
    /// Bits move, nothing is computed.
    pub const EXACT: Self = Self { abs: 0.0, rel: 0.0, depth: 0.0 };
    /// A few correctly rounded operations.
    pub const ROUNDED: Self = Self { abs: 1e-37, rel: 4.0 * 5.97e-8, depth: 0.0 };
    /// Elementary functions as drivers compute them (WGSL allows exp 3 + 2|x| ulp; lavapipe's is off by 17 ulp, its log by
    /// 5.7e-7 absolute near 1).
    pub const ELEMENTARY: Self = Self { abs: 2e-6, rel: 4e-6, depth: 0.0 };
    /// A sum of `depth` products.
    pub fn products(depth: usize) -> Self {
        Self { abs: 1e-37, rel: 5.97e-8, depth: depth as f64 + 1.0 }
    }
}

/// Whether a case's gradient is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grad {
    /// In f64 against central differences.
    Check,
    /// Not, and why.
    No(&'static str),
}

/// One op on one set of shapes.
#[derive(Clone, Debug)]
pub struct OpCase {
    /// What tells it from its family's other cases.
    pub name: String,
    /// The op.
    pub op: Arc<dyn Op>,
    /// Its inputs.
    pub inputs: Vec<Gen>,
    /// How exact it must be.
    pub tol: Tol,
    /// Whether its gradient is checked.
    pub grad: Grad,
}

impl OpCase {
    /// A case with [`Tol::ROUNDED`] whose gradient is checked.
    pub fn new(name: impl Into<String>, op: impl Op, inputs: impl Into<Vec<Gen>>) -> Self {
        Self { name: name.into(), op: Arc::new(op), inputs: inputs.into(), tol: Tol::ROUNDED, grad: Grad::Check }
    }
    /// With another tolerance.
    pub fn tol(mut self, tol: Tol) -> Self {
        self.tol = tol;
        self
    }
    /// Without a gradient check, and why.
    pub fn no_grad(mut self, reason: &'static str) -> Self {
        self.grad = Grad::No(reason);
        self
    }
    /// The inputs' types.
    pub fn types(&self) -> Vec<TensorType> {
        self.inputs.iter().map(Gen::ty).collect()
    }
    /// Draws the inputs.
    pub fn draw(&self) -> Result<Vec<Array>> {
        self.inputs.iter().enumerate().map(|(k, gen_)| gen_.draw(1000 + k as u64)).collect()
    }
    /// Runs the reference in `T` on these inputs.
    pub fn evaluate<T: Scalar>(&self, inputs: &[Array]) -> Result<Vec<T>> {
        let types: Vec<TensorType> = inputs.iter().map(Array::ty).collect();
        let buffers: Vec<Buffer<T>> = inputs.iter().map(Buffer::from_array).collect();
        let views: Vec<View<'_, T>> = types.iter().zip(&buffers).map(|(ty, b)| View::of(ty, b, 0)).collect();
        let mut out = vec![T::of(f64::NAN); self.op.infer(&types)?.len()];
        T::eval(self.op.as_ref(), &views, &mut out);
        Ok(out)
    }
}

/// Inputs an op must refuse, and words its message must contain.
#[derive(Clone, Debug)]
pub struct ErrorCase {
    /// The op.
    pub op: Arc<dyn Op>,
    /// What it is given.
    pub inputs: Vec<TensorType>,
    /// What the message must say.
    pub says: &'static str,
}

impl ErrorCase {
    /// `op` given `inputs` must say `says`.
    pub fn new(op: impl Op, inputs: impl Into<Vec<TensorType>>, says: &'static str) -> Self {
        Self { op: Arc::new(op), inputs: inputs.into(), says }
    }
}
