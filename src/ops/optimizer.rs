//! Optimizers: in-place updates of whole arena shards, and moving averages of states.
//!
//! * Adam (Kingma & Ba 2014, arXiv 1412.6980) with decoupled weight decay (Loshchilov & Hutter 2017, arXiv 1711.05101):
//!   m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², θ ← θ − η(λθ + (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)).
//! * Gradient descent with momentum: u ← μu + g + λθ, θ ← θ − ηu; Nesterov's takes g + λθ + μu in place of u.
//! * Moving average: r ← r + μ(b − r).
//!
//! Gradients are scaled by min(1, c / (‖g‖ + 10⁻⁶)), c the largest norm allowed. Where ‖g‖ is infinite or NaN nothing is
//! written, so the weights survive a bad step.

use super::{Bind, Cost, Launch, Lowering, Op, Vjp};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Arena, Graph, StoreLayout, Value};
use crate::lower::caps::Caps;
use crate::tensor::{DType, TensorType};
use crate::testing::{ErrorCase, Gen, OpCase, Tol};
use rayon::prelude::*;

/// Adam, in place. Inputs: parameters, first moments, second moments (all three updated), gradients, the step's numbers
/// `F32[4]` (see [`Adam::hyper`]), partial sums of the group's squared gradients `F32[n]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay of the first moments.
    pub beta1: f32,
    /// Decay of the second moments.
    pub beta2: f32,
    /// Added to the root of the second moments.
    pub eps: f32,
    /// Decoupled weight decay λ.
    pub weight_decay: f32,
}

impl Default for Adam {
    /// The paper's (and PyTorch's): β 0.9 and 0.999, ε 10⁻⁸, no decay.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

impl Adam {
    /// What the host writes before step `t` (from 1): rate, 1 − β₁ᵗ, 1 − β₂ᵗ (worked out in f64), and the largest norm
    /// of the group's gradients (0: not clipped).
    pub fn hyper(&self, rate: f64, t: u64, largest_norm: f64) -> [f32; 4] {
        let correction = |beta: f32| (1.0 - f64::from(beta).powf(t.max(1) as f64)) as f32;
        [rate as f32, correction(self.beta1), correction(self.beta2), largest_norm as f32]
    }
}

/// Gradient descent with momentum, in place. Inputs: parameters, velocities (both updated), gradients, the step's numbers
/// `F32[4]` (see [`Sgd::hyper`]), partial sums of the group's squared gradients `F32[n]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Momentum μ; 0 for plain descent.
    pub momentum: f32,
    /// Whether the step looks ahead by μ (Nesterov).
    pub nesterov: bool,
    /// Weight decay λ, added to the gradient.
    pub weight_decay: f32,
}

impl Sgd {
    /// What the host writes before a step: rate, two numbers that are not read, and the largest norm of the group's
    /// gradients (0: not clipped).
    pub fn hyper(rate: f64, largest_norm: f64) -> [f32; 4] {
        [rate as f32, 1.0, 1.0, largest_norm as f32]
    }
}

/// Moving average of the second input in the first, in place. Elements that are not finite are passed over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ema {
    /// Weight of the new value.
    pub momentum: f32,
}

/// The parameters of `shaders/adam.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct AdamParams {
    /// Elements.
    pub len: u32,
    /// See [`Adam`].
    pub beta1: f32,
    /// See [`Adam`].
    pub beta2: f32,
    /// See [`Adam`].
    pub eps: f32,
    /// See [`Adam`].
    pub weight_decay: f32,
    /// Sums of squares.
    pub sums: u32,
}

/// The parameters of `shaders/sgd.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct SgdParams {
    /// Elements.
    pub len: u32,
    /// See [`Sgd`].
    pub momentum: f32,
    /// See [`Sgd`].
    pub weight_decay: f32,
    /// Sums of squares.
    pub sums: u32,
}

/// The parameters of `shaders/ema.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct EmaParams {
    /// Elements.
    pub len: u32,
    /// See [`Ema`].
    pub momentum: f32,
}

/// The type of `updated` tensors one after another, all like the first of the inputs; the numbers of the step and the sums of
/// squares close the list.
fn infer(name: &str, updated: usize, inputs: &[TensorType]) -> Result<TensorType> {
    let Some((tensors, [hyper, squares])) = inputs.split_last_chunk().filter(|(t, _)| t.len() == updated + 1) else {
        let message = format!("takes {} tensors, the step's numbers and sums of squares: {inputs:?}", updated + 1);
        return Err(Error::shape(name, message));
    };
    let ty = TensorType::f32(tensors[0].shape.clone());
    if tensors.iter().any(|t| *t != ty) || ty.is_empty() {
        return Err(Error::shape(name, format!("{tensors:?} must be F32, not empty and all alike")));
    }
    let sums = squares.shape.rank() == 1 && squares.dtype == DType::F32 && !squares.is_empty();
    if *hyper != TensorType::f32([4]) || !sums {
        let message = format!("the step's numbers must be F32[4] and the sums of squares F32[n]: {hyper}, {squares}");
        return Err(Error::shape(name, message));
    }
    Ok(TensorType::f32([updated * ty.len()]))
}

/// One launch over `len` elements; binds all `inputs`.
fn over<P: bytemuck::Pod>(kernel: &'static str, params: &P, len: usize, inputs: usize) -> Launch {
    let binds: Vec<Bind> = (0..inputs).map(Bind::In).collect();
    Launch::elements(kernel, params, &binds, len)
}

/// Bytes of an update: every input read, the updated ones written.
fn traffic(inputs: &[TensorType], updated: usize, flops: u64) -> Cost {
    let bytes = |list: &[TensorType]| list.iter().map(TensorType::bytes).sum::<usize>();
    Cost { flops: inputs[0].len() as u64 * flops, bytes: (bytes(inputs) + bytes(&inputs[..updated])) as u64 }
}

/// What gradients are multiplied by; `None` where their norm is not finite.
fn clip_factor<T: Real>(squares: &[T], largest: T) -> Option<T> {
    let norm = squares.iter().fold(T::ZERO, |sum, &x| sum + x).sqrt();
    let norm = norm.is_finite().then(|| norm + T::of(1e-6))?;
    Some(if largest > T::ZERO && norm > largest { largest / norm } else { T::ONE })
}

/// Elements that one thread updates at a time.
const BLOCK: usize = 1 << 13;

/// The new values of the first N inputs: copies of them, updated.
fn copied<O: Reference, T: Real, const N: usize>(op: &O, inputs: &[View<'_, T>], out: &mut [T]) {
    let (leaves, others) = inputs.split_at(N);
    let mut slices: Vec<&mut [T]> = out.chunks_exact_mut(leaves[0].real().len()).collect();
    slices.iter_mut().zip(leaves).for_each(|(slice, leaf)| slice.copy_from_slice(leaf.real()));
    op.update(&mut slices, others);
}

impl Op for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        infer("adam", 3, inputs)
    }
    fn vjp(&self, _: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None; at.inputs.len()])
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, _: &Caps) -> Vec<Lowering> {
        let Self { beta1, beta2, eps, weight_decay } = *self;
        let len = inputs[0].len();
        let params = AdamParams { len: len as u32, beta1, beta2, eps, weight_decay, sums: inputs[5].len() as u32 };
        vec![Lowering::single("elements", over("adam", &params, len, 6))]
    }
    fn cost(&self, inputs: &[TensorType], _: &TensorType) -> Cost {
        traffic(inputs, 3, 16)
    }
    fn updates(&self) -> usize {
        3
    }
}

impl Reference for Adam {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        copied::<Self, T, 3>(self, inputs, out);
    }
    fn update<T: Real>(&self, leaves: &mut [&mut [T]], inputs: &[View<'_, T>]) -> bool {
        let ([theta, m, v], [grad, hyper, squares]) = (leaves, inputs) else { return false };
        let (grad, hyper) = (grad.real(), hyper.real());
        let [beta1, beta2, eps, decay] = [self.beta1, self.beta2, self.eps, self.weight_decay].map(|x| T::of(x.into()));
        let Some(factor) = clip_factor(squares.real(), hyper[3]) else { return true };
        let (rate, correct1, correct2) = (hyper[0], T::ONE / hyper[1], T::ONE / hyper[2]);
        let blocks = (theta.par_chunks_mut(BLOCK).zip(m.par_chunks_mut(BLOCK)))
            .zip(v.par_chunks_mut(BLOCK).zip(grad.par_chunks(BLOCK)));
        blocks.for_each(|((theta, m), (v, grad))| {
            let len = theta.len();
            let (m, v, grad) = (&mut m[..len], &mut v[..len], &grad[..len]);
            for i in 0..len {
                let g = grad[i] * factor;
                m[i] = beta1 * m[i] + (T::ONE - beta1) * g;
                v[i] = beta2 * v[i] + (T::ONE - beta2) * g * g;
                let step = m[i] * correct1 / ((v[i] * correct2).sqrt() + eps);
                theta[i] = theta[i] - rate * (decay * theta[i] + step);
            }
        });
        true
    }
}

impl Op for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        infer("sgd", 2, inputs)
    }
    fn vjp(&self, _: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None; at.inputs.len()])
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, _: &Caps) -> Vec<Lowering> {
        let len = inputs[0].len();
        let (momentum, weight_decay, sums) = (self.momentum, self.weight_decay, inputs[4].len() as u32);
        let params = SgdParams { len: len as u32, momentum, weight_decay, sums };
        let launch = over("sgd", &params, len, 5).spec("NESTEROV", self.nesterov);
        vec![Lowering::single("elements", launch)]
    }
    fn cost(&self, inputs: &[TensorType], _: &TensorType) -> Cost {
        traffic(inputs, 2, 8)
    }
    fn updates(&self) -> usize {
        2
    }
}

impl Reference for Sgd {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        copied::<Self, T, 2>(self, inputs, out);
    }
    fn update<T: Real>(&self, leaves: &mut [&mut [T]], inputs: &[View<'_, T>]) -> bool {
        let ([theta, velocity], [grad, hyper, squares]) = (leaves, inputs) else { return false };
        let (grad, hyper) = (grad.real(), hyper.real());
        let (momentum, decay) = (T::of(self.momentum.into()), T::of(self.weight_decay.into()));
        let Some(factor) = clip_factor(squares.real(), hyper[3]) else { return true };
        let blocks = theta.par_chunks_mut(BLOCK).zip(velocity.par_chunks_mut(BLOCK)).zip(grad.par_chunks(BLOCK));
        blocks.for_each(|((theta, velocity), grad)| {
            for ((theta, velocity), &grad) in theta.iter_mut().zip(velocity).zip(grad) {
                let g = grad * factor + decay * *theta;
                *velocity = momentum * *velocity + g;
                let step = if self.nesterov { g + momentum * *velocity } else { *velocity };
                *theta -= hyper[0] * step;
            }
        });
        true
    }
}

impl Op for Ema {
    fn name(&self) -> &'static str {
        "ema"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        match inputs {
            [state, batch] if state == batch && *state == TensorType::f32(state.shape.clone()) && !state.is_empty() => {
                Ok(TensorType::f32([state.len()]))
            }
            _ => Err(Error::shape("ema", format!("takes two F32 tensors of one shape, not {inputs:?}"))),
        }
    }
    fn vjp(&self, _: &mut Graph, _: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None, None])
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, _: &Caps) -> Vec<Lowering> {
        let len = inputs[0].len();
        let params = EmaParams { len: len as u32, momentum: self.momentum };
        vec![Lowering::single("elements", over("ema", &params, len, 2))]
    }
    fn cost(&self, inputs: &[TensorType], _: &TensorType) -> Cost {
        traffic(inputs, 1, 3)
    }
    fn updates(&self) -> usize {
        1
    }
}

impl Reference for Ema {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (state, batch) = (inputs[0].real(), inputs[1].real());
        let momentum = T::of(self.momentum.into());
        for ((out, &r), &b) in out.iter_mut().zip(state).zip(batch) {
            *out = if b.is_finite() { r + momentum * (b - r) } else { r };
        }
    }
}

impl Graph {
    /// √Σx² over all elements of all `tensors`: a scalar.
    ///
    /// # Errors
    /// [`Error::Graph`] where there are none.
    pub fn global_norm(&mut self, tensors: &[Value]) -> Result<Value> {
        let mut total: Option<Value> = None;
        for &x in tensors {
            let squares = self.square(x)?;
            let sum = self.sum_all(squares)?;
            total = Some(match total {
                Some(total) => self.add(total, sum)?,
                None => sum,
            });
        }
        let total = total.ok_or_else(|| Error::Graph("the norm of no tensors: the model has no parameters".into()))?;
        self.sqrt(total)
    }

    /// Partial sums of Σx² over all elements of all `tensors`, `[n]`: what an optimizer takes the global norm from.
    ///
    /// # Errors
    /// [`Error::Graph`] where there are none.
    fn squares(&mut self, tensors: &[Value]) -> Result<Value> {
        let parts = |len: usize| [256, 64].into_iter().find(|parts| len.is_multiple_of(*parts) && len >= 4096 * parts);
        if let Some((&[x], Some(parts))) = tensors.first().map(|&x| (tensors, parts(self.ty(x).len()))) {
            let rows = self.reshape(x, [parts, self.ty(x).len() / parts])?;
            let squares = self.square(rows)?;
            return self.sum(squares, &[1]);
        }
        let norm = self.global_norm(tensors)?;
        let square = self.square(norm)?;
        self.reshape(square, [1])
    }

    /// Appends one step of Adam on every parameter of a group ([`Graph::set_groups`]; 0 where there are none); all gradients
    /// must have been stored before. `hyper` is an input of type `F32[4]` that the host writes from [`Adam::hyper`].
    /// Returns partial sums of the group's squared gradients before clipping, `[n]`: the root of their sum is its norm.
    pub fn adam(&mut self, adam: Adam, layout: &StoreLayout, group: usize, hyper: Value) -> Result<Value> {
        self.optimize(adam, &[Arena::Params, Arena::Moment1, Arena::Moment2], layout, group, hyper)
    }
    /// [`Graph::adam`] for gradient descent with momentum; `hyper` comes from [`Sgd::hyper`].
    pub fn sgd(&mut self, sgd: Sgd, layout: &StoreLayout, group: usize, hyper: Value) -> Result<Value> {
        self.optimize(sgd, &[Arena::Params, Arena::Moment1], layout, group, hyper)
    }
    fn optimize(
        &mut self,
        op: impl Op + Clone,
        updated: &[Arena],
        layout: &StoreLayout,
        group: usize,
        hyper: Value,
    ) -> Result<Value> {
        let shards: Vec<usize> = (0..layout.shards.len()).filter(|&s| layout.shards[s].group == group).collect();
        let grads = shards.iter().map(|&s| self.arena(Arena::Grads, s, layout)).collect::<Result<Vec<_>>>()?;
        let squares = self.squares(&grads)?;
        for (shard, grad) in shards.into_iter().zip(grads) {
            let mut inputs = updated.iter().map(|&a| self.arena(a, shard, layout)).collect::<Result<Vec<_>>>()?;
            inputs.extend([grad, hyper, squares]);
            self.apply(op.clone(), &inputs)?;
        }
        Ok(squares)
    }

    /// Appends `state ← state + momentum·(batch − state)`.
    pub fn ema(&mut self, state: Value, batch: Value, momentum: f32) -> Result<Value> {
        self.apply(Ema { momentum }, &[state, batch])
    }
}

const IN_PLACE: &str = "it updates leaves in place";
const ADAM: Adam = Adam { beta1: 0.9, beta2: 0.99, eps: 1e-6, weight_decay: 0.1 };
const SGD: Sgd = Sgd { momentum: 0.9, nesterov: true, weight_decay: 0.1 };

/// The numbers of a step, and `n` sums of squares whose total is `norm`².
fn step(numbers: [f32; 4], norm: f32, n: usize) -> [Gen; 2] {
    let share = |k: usize| norm * norm * 2.0 * (k as f32 + 0.5) / (n * n) as f32;
    [Gen::Values([4].into(), numbers.to_vec()), Gen::Values([n].into(), (0..n).map(share).collect())]
}

pub(super) fn cases() -> Vec<OpCase> {
    let mut cases = vec![];
    // Values up to some 5, a handful of roundings.
    let tol = Tol { abs: 1e-6, rel: 1e-6, depth: 0.0 };
    let list = [
        (1, 0.0, 3.0, "one"),
        (257, 0.0, 3.0, "not clipped"),
        (257, 5.0, 3.0, "below the clip"),
        (4099, 0.5, 3.0, "clipped"),
        (65, 0.5, f32::NAN, "NaN"),
        (65, 0.0, f32::INFINITY, "infinite"),
    ];
    for (k, (len, largest, norm, name)) in list.into_iter().enumerate() {
        let sums = [1, 7, 64, 65, 256, 3][k];
        let n = || Gen::normal([len]);
        let tensors = [n(), n(), Gen::uniform([len], 0.01, 2.0), n()];
        let inputs = [&tensors[..], &step(ADAM.hyper(0.02, 3, largest), norm, sums)].concat();
        cases.push(OpCase::new(format!("adam {name}"), ADAM, inputs).tol(tol).no_grad(IN_PLACE));
        for nesterov in [false, true] {
            let inputs = [&[n(), n(), n()][..], &step(Sgd::hyper(0.05, largest), norm, sums)].concat();
            let op = Sgd { nesterov, ..SGD };
            cases.push(OpCase::new(format!("sgd {name} {nesterov}"), op, inputs).tol(tol).no_grad(IN_PLACE));
        }
    }
    for shape in [[2, 1], [2, 65]] {
        let inputs = [Gen::normal(shape), Gen::normal(shape)];
        cases.push(OpCase::new(format!("ema {shape:?}"), Ema { momentum: 0.1 }, inputs).tol(tol).no_grad(IN_PLACE));
    }
    let bad = vec![f32::NAN, 1.0, f32::INFINITY, f32::NEG_INFINITY];
    let inputs = [Gen::normal([4]), Gen::Values([4].into(), bad)];
    cases.push(OpCase::new("ema not finite", Ema { momentum: 0.1 }, inputs).tol(tol).no_grad(IN_PLACE));
    cases
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let f = |len: usize| TensorType::f32([len]);
    vec![
        ErrorCase::new(ADAM, [f(3), f(3), f(3), f(3)], "takes 4 tensors"),
        ErrorCase::new(ADAM, [f(3), f(3), f(4), f(3), f(4), f(1)], "all alike"),
        ErrorCase::new(ADAM, [f(3), f(3), f(3), f(3), f(2), f(1)], "must be F32[4]"),
        ErrorCase::new(SGD, [f(3), f(3), TensorType::u32([3]), f(4), f(1)], "all alike"),
        ErrorCase::new(SGD, [f(3), f(3), f(3), f(4), TensorType::f32([])], "the sums of squares F32[n]"),
        ErrorCase::new(Ema { momentum: 0.1 }, [f(3), f(4)], "two F32 tensors of one shape"),
    ]
}

pub(super) fn bench() -> Vec<OpCase> {
    let n = || Gen::normal([4 << 20]);
    let inputs = [&[n(), n(), Gen::uniform([4 << 20], 0.01, 2.0), n()][..], &step(ADAM.hyper(1e-3, 10, 1.0), 3.0, 64)];
    vec![OpCase::new("adam 4 Mi", ADAM, inputs.concat()).no_grad(IN_PLACE)]
}
