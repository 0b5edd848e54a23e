//! Recurrence over time: GRU (Cho 2014, arXiv 1406.1078, in the form of PyTorch and cuDNN) and LSTM (Hochreiter &
//! Schmidhuber 1997), with back-propagation through time.
//!
//! The input's share of all gates is one product outside, for all steps. An op here walks the steps: each is one product of the
//! hidden state and one kernel for all gates. Gates are not kept: the backward pass computes them again, for all steps at
//! once, then walks backwards, each step one kernel and one product. Forward and backward are 4·T dispatches and a few more.
//!
//! With x and h the input's and the hidden state's shares, biases included:
//! GRU: r = σ(x_r + h_r), z = σ(x_z + h_z), n = tanh(x_n + r·h_n), h' = (1 − z)·n + z·h.
//! LSTM: i, f, o = σ(x + h), g = tanh(x_g + h_g), c' = f·c + i·g, h' = o·tanh c'.

mod backward;
mod cases;
mod forward;

pub(super) use cases::{bench, cases, errors};

use super::{Bind, Launch};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::tensor::{DType, TensorType};

pub use backward::{RecurrentGates, RecurrentGrad};
pub use forward::Recurrent;

/// Which equations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Gates r, z, n; state h.
    Gru,
    /// Gates i, f, g, o; states h, c.
    Lstm,
}

impl Cell {
    /// How many gates there are.
    pub fn gates(self) -> usize {
        if self == Self::Gru { 3 } else { 4 }
    }
    /// How many vectors are the state.
    pub fn states(self) -> usize {
        if self == Self::Gru { 1 } else { 2 }
    }
}

/// The parameters of `shaders/recurrent_step.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct StepParams {
    /// Numbers of the hidden states of a batch.
    pub len: u32,
    /// Numbers of a hidden state.
    pub hidden: u32,
    /// Steps.
    pub steps: u32,
    /// This one.
    pub step: u32,
    /// 1 where none comes before.
    pub begins: u32,
    /// Nothing.
    pub pad: [u32; 3],
}

/// The parameters of `shaders/recurrent_step_grad.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct StepGradParams {
    /// Numbers of the hidden states of a batch.
    pub len: u32,
    /// Numbers of a hidden state.
    pub hidden: u32,
    /// Steps.
    pub steps: u32,
    /// This one.
    pub step: u32,
    /// 1 where none comes after.
    pub begins: u32,
    /// Nothing.
    pub pad: [u32; 3],
}

/// The parameters of `shaders/recurrent_gates.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct GatesParams {
    /// Numbers of all hidden states.
    pub len: u32,
    /// Numbers of a hidden state.
    pub hidden: u32,
    /// Nothing.
    pub pad: [u32; 2],
}

/// Extents of a recurrence.
#[derive(Clone, Copy, Debug)]
struct Extents {
    batch: usize,
    steps: usize,
    hidden: usize,
}

impl Extents {
    /// Steps in the order of computation.
    fn order(&self, reverse: bool) -> Vec<usize> {
        let steps = 0..self.steps;
        if reverse { steps.rev().collect() } else { steps.collect() }
    }
}

/// Refuses `ty` where it is not what it must be.
fn expect(op: &str, what: &str, ty: &TensorType, wanted: &TensorType) -> Result<()> {
    match ty == wanted {
        true => Ok(()),
        false => Err(Error::shape(op, format!("{what} must be {wanted}, not {ty}"))),
    }
}

/// The extents of `x` [B, T, count·H].
fn extents(op: &str, x: &TensorType, count: usize) -> Result<Extents> {
    match x.dims() {
        &[batch, steps, width] if x.dtype == DType::F32 && !x.is_empty() && width.is_multiple_of(count) => {
            Ok(Extents { batch, steps, hidden: width / count })
        }
        _ => Err(Error::shape(op, format!("takes F32 [B, T, {count}·H] with elements, not {x}"))),
    }
}

/// Checks lengths, which may be absent.
fn lengths(op: &str, inputs: &[TensorType], at: usize, batch: usize) -> Result<()> {
    match inputs.get(at..) {
        Some([]) => Ok(()),
        Some([ty]) => expect(op, "lengths", ty, &TensorType::u32([batch])),
        _ => Err(Error::shape(op, format!("takes {at} tensors and perhaps lengths, was given {}", inputs.len()))),
    }
}

/// `launch` of a step, whose shader asks for lengths where there is a fifth input.
fn with_lengths(mut launch: Launch, inputs: &[TensorType], cell: Cell) -> Launch {
    if inputs.len() > 4 {
        launch.binds.push(Bind::In(4));
        launch = launch.import("recurrent/all.wgsl", "recurrent/lengths.wgsl");
    }
    launch.spec("LSTM", cell == Cell::Lstm)
}

impl Graph {
    /// The states of a recurrence after each step: [B, T, H] of a GRU, [B, T, 2·H] (h, then c) of an LSTM. See the module.
    ///
    /// `x` [B, T, G·H] is the input's share of the gates, with its bias; `w` [H, G·H] and `bias` \[G·H\] make that of the hidden
    /// state; `first` [B, H] or [B, 2·H] is the state before the first step. The gates are those of PyTorch in its order:
    /// r, z, n or i, f, g, o. With `lengths` (U32 \[B\]) the state stays as it is where the step is not below an example's
    /// length. With `reverse` the last step is computed first.
    ///
    /// # Errors
    /// [`Error::Shape`] where the shapes do not fit.
    pub fn recurrent(
        &mut self,
        cell: Cell,
        reverse: bool,
        [x, w, bias, first]: [Value; 4],
        lengths: Option<Value>,
    ) -> Result<Value> {
        let inputs: Vec<Value> = [x, w, bias, first].into_iter().chain(lengths).collect();
        self.apply(Recurrent { cell, reverse }, &inputs)
    }
}
