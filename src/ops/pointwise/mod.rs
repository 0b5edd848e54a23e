//! Pointwise ops: one element out for one (broadcast) element of each input.
//!
//! A [`Function`] is a row: its name, its mathematics in Rust, its gradient rule; its WGSL is `shaders/pointwise/NAME.wgsl`
//! and defines `pw_NAME`. [`Map`] applies a row to tensors. There are no kernels here: `fuse` chains functions and
//! [`crate::lower::chain`] writes each chain into a kernel.

pub mod activation;
pub mod arithmetic;
mod cases;
pub mod counts;
pub mod gaussian;
pub mod logistic;
pub mod special;

pub(super) use cases::{bench, cases, errors};

use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::ops::reduce::DETACH;
use crate::ops::{Cost, Lowering, Op, Vjp};
use crate::tensor::{Shape, TensorType};
use arithmetic::{IDENTITY, MAXIMUM, MINIMUM};
use std::fmt;

/// A block of elements of each input, the attributes, and where the results go.
pub type Eval<T> = fn(&[&[T]], &[T], &mut [T]);
/// The gradient for input `k`, in the output's shape.
pub type Rule = fn(&mut Graph, &Vjp<'_>, &[f32], usize) -> Result<Option<Value>>;

/// A pointwise function.
pub struct Function {
    /// Its name: WGSL file and function.
    pub name: &'static str,
    /// How many elements it takes.
    pub arity: usize,
    /// How many attributes (constants) follow them.
    pub attrs: usize,
    /// Evaluates a block in f32.
    pub eval32: Eval<f32>,
    /// Evaluates a block in f64.
    pub eval64: Eval<f64>,
    /// The gradient rule.
    pub vjp: Rule,
    /// Floating-point operations an element, roughly.
    pub flops: u64,
    /// Whether it compares elements 0 and 1 with each other, so that the last bit of either decides.
    pub compares: bool,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The rule of a function that is itself a gradient.
pub(crate) fn no_second_derivative(g: &mut Graph, at: &Vjp<'_>, _: &[f32], _: usize) -> Result<Option<Value>> {
    Err(Error::Graph(format!("{} has no second derivative", g.label(at.out))))
}

/// Defines a [`Function`]: `function!(ID = "name"(x, y; attr), flops, body, rule)`; `, compares` at the end where x is
/// compared with y.
macro_rules! function {
    ($(#[$doc:meta])* $id:ident = $name:literal ($($x:ident),* $(; $($c:ident),+)?), $flops:literal, $body:expr, $vjp:expr
     $(, $compares:ident)?) => {
        $(#[$doc])*
        pub static $id: $crate::ops::pointwise::Function = {
            #[allow(unused_variables, unused_mut, unused_assignments)]
            fn eval<T: $crate::cpu::Real>(inputs: &[&[T]], attrs: &[T], out: &mut [T]) {
                let len = out.len();
                let mut k = 0;
                $(let $x = &inputs[k][..len]; k += 1;)*
                $(let mut k = 0; $(let $c = attrs[k]; k += 1;)+)?
                for (i, out) in out.iter_mut().enumerate() {
                    $(let $x = $x[i];)*
                    *out = $body;
                }
            }
            $crate::ops::pointwise::Function {
                name: $name,
                arity: { let names: &[&str] = &[$(stringify!($x)),*]; names.len() },
                attrs: { let names: &[&str] = &[$($(stringify!($c)),+)?]; names.len() },
                eval32: eval::<f32>,
                eval64: eval::<f64>,
                vjp: $vjp,
                flops: $flops,
                compares: { let marks: &[&str] = &[$(stringify!($compares))?]; !marks.is_empty() },
            }
        };
    };
}
pub(crate) use function;

/// A function with its attributes: what a fused chain is made of.
#[derive(Clone)]
pub struct Pointwise {
    /// The row.
    pub function: &'static Function,
    /// Its constants.
    pub attrs: Vec<f32>,
}

impl fmt::Debug for Pointwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.function.name, self.attrs)
    }
}

/// Applies a [`Function`] to tensors that broadcast together, stretched at least to `shape` where one is given.
#[derive(Clone, Debug)]
pub struct Map {
    /// The function.
    pub f: Pointwise,
    /// A shape the output has whatever the inputs are (constants, explicit broadcasting).
    pub shape: Option<Shape>,
}

impl Map {
    /// `function` with `attrs`.
    pub fn new(function: &'static Function, attrs: &[f32]) -> Self {
        Self { f: Pointwise { function, attrs: attrs.to_vec() }, shape: None }
    }
}

impl Op for Map {
    fn name(&self) -> &'static str {
        self.f.function.name
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let name = self.name();
        if inputs.len() != self.f.function.arity || self.f.attrs.len() != self.f.function.attrs {
            let message = format!("takes {} tensors, was given {}", self.f.function.arity, inputs.len());
            return Err(Error::shape(name, message));
        }
        let mut shape = self.shape.clone().unwrap_or_default();
        for input in inputs {
            if input.dtype != crate::DType::F32 {
                return Err(Error::shape(name, format!("takes F32 tensors, not {input}")));
            }
            let joined = shape.broadcast(&input.shape);
            shape = joined.ok_or_else(|| Error::shape(name, format!("shapes {inputs:?} do not broadcast together")))?;
        }
        if self.shape.as_ref().is_some_and(|s| *s != shape) {
            return Err(Error::shape(name, format!("{inputs:?} do not broadcast to {:?}", self.shape)));
        }
        Ok(TensorType::f32(shape))
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let mut grads = vec![None; at.inputs.len()];
        for k in (0..at.inputs.len()).filter(|&k| at.need[k]) {
            if let Some(full) = (self.f.function.vjp)(g, at, &self.f.attrs, k)? {
                let full =
                    if g.shape(full) == g.shape(at.out) { full } else { g.expand(full, g.shape(at.out).clone())? };
                grads[k] = Some(g.sum_to(full, &g.shape(at.inputs[k]).clone())?);
            }
        }
        Ok(grads)
    }
    fn variants(&self, _: &[TensorType], _: &TensorType, _: &Caps) -> Vec<Lowering> {
        vec![]
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        let bytes = inputs.iter().map(TensorType::bytes).sum::<usize>() + out.bytes();
        Cost { flops: out.len() as u64 * self.f.function.flops, bytes: bytes as u64 }
    }
    fn pointwise(&self) -> Option<Pointwise> {
        Some(self.f.clone())
    }
    fn picks(&self) -> bool {
        [&IDENTITY, &DETACH, &MAXIMUM, &MINIMUM].iter().any(|f| f.name == self.name())
    }
}

impl Reference for Map {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        use rayon::prelude::*;
        const BLOCK: usize = 4096;
        let shape = self.shape.clone().unwrap_or_default();
        let shape = inputs.iter().fold(shape, |s, v| s.broadcast(&v.ty.shape).unwrap_or(s));
        let attrs: Vec<T> = self.f.attrs.iter().map(|&a| T::of(a.into())).collect();
        let accesses: Vec<Access> = inputs.iter().map(|v| Access::of(&v.ty.shape, &shape)).collect();
        out.par_chunks_mut(BLOCK).enumerate().for_each(|(block, out)| {
            let from = block * BLOCK;
            let gathered: Vec<Vec<T>> = (accesses.iter().zip(inputs))
                .map(|(access, view)| match access {
                    Access::Full => vec![],
                    _ => access.gather(view.real(), from, out.len()),
                })
                .collect();
            let blocks: Vec<&[T]> = (accesses.iter().zip(inputs).zip(&gathered))
                .map(|((access, view), gathered)| match access {
                    Access::Full => &view.real()[from..from + out.len()],
                    _ => gathered,
                })
                .collect();
            T::pointwise(self.f.function, &blocks, &attrs, out);
        });
    }
}

/// How a tensor is read while another (larger) shape is walked in row-major order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Same elements in the same order: element `i`.
    Full,
    /// One element for all.
    Scalar,
    /// Element `Σ (i / div % modulo) · stride`.
    Terms(Vec<Term>),
    /// The same, `by` further on.
    Shifted {
        /// How far.
        by: usize,
        /// The sum.
        terms: Vec<Term>,
    },
}

/// A run of axes that the smaller tensor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Elements of the walked shape after the run.
    pub div: usize,
    /// Elements of the run.
    pub modulo: usize,
    /// Elements of the smaller tensor after the run.
    pub stride: usize,
}

impl Access {
    /// How `from`, which broadcasts to `walked`, is read.
    pub fn of(from: &Shape, walked: &Shape) -> Self {
        if from.len() == walked.len() {
            return Self::Full;
        }
        if from.len() == 1 {
            return Self::Scalar;
        }
        let lead = walked.rank() - from.rank();
        let has = |axis: usize| axis >= lead && from.dims()[axis - lead] != 1;
        let neutral = |axis: usize| walked.dims()[axis] == 1;
        let mut terms: Vec<Term> = vec![];
        let (mut div, mut stride, mut open) = (1, 1, false);
        for axis in (0..walked.rank()).rev() {
            let extent = walked.dims()[axis];
            if neutral(axis) {
                continue;
            }
            if has(axis) {
                match terms.last_mut().filter(|_| open) {
                    Some(term) => term.modulo *= extent,
                    None => terms.push(Term { div, modulo: extent, stride }),
                }
                stride *= extent;
            }
            open = has(axis);
            div *= extent;
        }
        Self::Terms(terms)
    }

    /// The element read at position `i` of the walk.
    #[inline]
    pub fn index(&self, i: usize) -> usize {
        match self {
            Self::Full => i,
            Self::Scalar => 0,
            Self::Terms(terms) => terms.iter().map(|t| i / t.div % t.modulo * t.stride).sum(),
            Self::Shifted { by, terms } => by + terms.iter().map(|t| i / t.div % t.modulo * t.stride).sum::<usize>(),
        }
    }

    /// `len` elements from position `from` of the walk.
    pub(crate) fn gather<T: Real>(&self, data: &[T], from: usize, len: usize) -> Vec<T> {
        match self {
            Self::Full => data[from..from + len].to_vec(),
            Self::Scalar => vec![data[0]; len],
            Self::Shifted { .. } => (from..from + len).map(|i| data[self.index(i)]).collect(),
            Self::Terms(terms) => match terms[..] {
                [Term { div: 1, modulo, stride: 1 }] => {
                    let mut out = Vec::with_capacity(len);
                    let mut at = from % modulo;
                    while out.len() < len {
                        let run = (modulo - at).min(len - out.len());
                        out.extend_from_slice(&data[at..at + run]);
                        at = 0;
                    }
                    out
                }
                _ => (from..from + len).map(|i| data[self.index(i)]).collect(),
            },
        }
    }
}
