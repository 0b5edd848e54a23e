//! Gates of all steps, and the walk backwards.

use super::{Cell, Extents, GatesParams, StepGradParams, expect, extents, lengths, with_lengths};
use crate::cpu::{Real, Reference, Strided, Threads, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::ops::pointwise::activation::sigmoid;
use crate::ops::view::divide;
use crate::ops::{Bind, Cost, Launch, Lowering, Op, Vjp, matmul};
use crate::tensor::TensorType;
use rayon::prelude::*;

/// The gates of all steps from the input's and the hidden state's shares [B, T, G·H]: [B, T, 4·H], r, z, n and h_n of a GRU,
/// i, f, g, o of an LSTM.
#[derive(Clone, Debug)]
pub struct RecurrentGates {
    /// Which equations.
    pub cell: Cell,
}

/// Back-propagation through time. Inputs: gates [B, T, 4·H], h (of an LSTM c) before each step [B, T, H], the gradient of the
/// states [B, T, S·H], wᵀ [G·H, H], perhaps lengths. Output [B, T, (4 + S)·H]: the gradients of the gates' sums, of a GRU in
/// the order r, z, n and h_n; then what of each state's gradient goes past the gates to the step before.
#[derive(Clone, Debug)]
pub struct RecurrentGrad {
    /// Which equations.
    pub cell: Cell,
    /// As in [`super::Recurrent`].
    pub reverse: bool,
}

fn no_second_derivative(g: &Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
    Err(Error::Graph(format!("{} has no second derivative", g.label(at.out))))
}

impl Op for RecurrentGates {
    fn name(&self) -> &'static str {
        if self.cell == Cell::Gru { "gru_gates" } else { "lstm_gates" }
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let [x, h] = inputs else { return Err(Error::shape(self.name(), "takes two shares of gates")) };
        let e = extents(self.name(), x, self.cell.gates())?;
        expect(self.name(), "the hidden state's share", h, x)?;
        Ok(TensorType::f32([e.batch, e.steps, 4 * e.hidden]))
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        no_second_derivative(g, at)
    }
    fn variants(&self, _: &[TensorType], out: &TensorType, _: &Caps) -> Vec<Lowering> {
        let (len, hidden) = (out.len() / 4, out.shape.last() / 4);
        let params = GatesParams { len: len as u32, hidden: hidden as u32, pad: [0; 2] };
        let launch = Launch::elements("recurrent_gates", &params, &[Bind::In(0), Bind::In(1), Bind::Out], len);
        let launch = launch.spec("LSTM", self.cell == Cell::Lstm).spec("DIVIDE", divide(&[hidden], out.len()));
        vec![Lowering::single("elements", launch)]
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        let bytes = inputs.iter().map(TensorType::bytes).sum::<usize>() + out.bytes();
        Cost { flops: 10 * out.len() as u64, bytes: bytes as u64 }
    }
}

impl Reference for RecurrentGates {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let width = inputs[0].ty.shape.last();
        let n = width / self.cell.gates();
        let rows = inputs[0].real().par_chunks(width).zip(inputs[1].real().par_chunks(width));
        out.par_chunks_mut(4 * n).zip(rows).for_each(|(out, (x, h))| {
            for j in 0..n {
                let sum = |k: usize| x[k * n + j] + h[k * n + j];
                let (a, b) = (sigmoid(sum(0)), sigmoid(sum(1)));
                let rest = match self.cell {
                    Cell::Gru => [(x[2 * n + j] + a * h[2 * n + j]).tanh(), h[2 * n + j]],
                    Cell::Lstm => [sum(2).tanh(), sigmoid(sum(3))],
                };
                [a, b, rest[0], rest[1]].into_iter().enumerate().for_each(|(k, gate)| out[k * n + j] = gate);
            }
        });
    }
}

impl RecurrentGrad {
    fn extents(&self, inputs: &[TensorType]) -> Result<Extents> {
        let op = self.name();
        if inputs.len() < 4 {
            return Err(Error::shape(op, format!("takes 4 tensors and perhaps lengths, was given {}", inputs.len())));
        }
        let e = extents(op, &inputs[0], 4)?;
        expect(op, "the state before", &inputs[1], &TensorType::f32([e.batch, e.steps, e.hidden]))?;
        let states = [e.batch, e.steps, self.cell.states() * e.hidden];
        expect(op, "the gradient of the states", &inputs[2], &TensorType::f32(states))?;
        expect(op, "w transposed", &inputs[3], &TensorType::f32([self.cell.gates() * e.hidden, e.hidden]))?;
        lengths(op, inputs, 4, e.batch)?;
        Ok(e)
    }
}

impl Op for RecurrentGrad {
    fn name(&self) -> &'static str {
        if self.cell == Cell::Gru { "gru_grad" } else { "lstm_grad" }
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let e = self.extents(inputs)?;
        Ok(TensorType::f32([e.batch, e.steps, (4 + self.cell.states()) * e.hidden]))
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        no_second_derivative(g, at)
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let Ok(e) = self.extents(inputs) else { return vec![] };
        let (width, len) = (self.cell.gates() * e.hidden, e.batch * e.hidden);
        let (carry, sums) = (Bind::Scratch(0), Bind::Scratch(1));
        let apart = width + self.cell.states() * e.hidden;
        let mut passes = vec![];
        for (k, step) in e.order(!self.reverse).into_iter().enumerate() {
            if k > 0 {
                passes.push(matmul::product([e.batch, width, e.hidden], apart, [sums, Bind::In(3), carry], caps));
            }
            let params = StepGradParams {
                len: len as u32,
                hidden: e.hidden as u32,
                steps: e.steps as u32,
                step: step as u32,
                begins: u32::from(k == 0),
                pad: [0; 3],
            };
            let binds = [Bind::In(0), Bind::In(1), Bind::In(2), carry, Bind::Out, sums];
            let launch = Launch::elements("recurrent_step_grad", &params, &binds, len);
            let launch = launch.spec("DIVIDE", divide(&[e.hidden], out.len()));
            passes.push(with_lengths(launch, inputs, self.cell));
        }
        let scratch = vec![TensorType::f32([e.batch, e.hidden]), TensorType::f32([e.batch, apart])];
        vec![Lowering { name: "steps", passes, scratch }]
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        let bytes = inputs.iter().map(TensorType::bytes).sum::<usize>() + out.bytes();
        let rows = out.len() / out.shape.last();
        Cost { flops: (2 * rows * inputs[3].len() + 8 * out.len()) as u64, bytes: bytes as u64 }
    }
}

/// The gradients of the four gates' sums (of a GRU r, z, n and h_n) and of the states before, from the gates, the state
/// before, and the gradients of h and c.
fn cell_grad<T: Real>(cell: Cell, [a, b, c, d]: [T; 4], old: T, dh: T, dc: T) -> ([T; 4], [T; 2]) {
    let slope = |gate: T| gate * (T::ONE - gate);
    match cell {
        Cell::Gru => {
            let dn = dh * (T::ONE - b) * (T::ONE - c * c);
            ([dn * d * slope(a), dh * (old - c) * slope(b), dn, dn * a], [dh * b, T::ZERO])
        }
        Cell::Lstm => {
            let t = (b * old + a * c).tanh();
            let dc = dc + dh * d * (T::ONE - t * t);
            let sums = [dc * c * slope(a), dc * old * slope(b), dc * a * (T::ONE - c * c), dh * t * slope(d)];
            (sums, [T::ZERO, dc * b])
        }
    }
}

impl Reference for RecurrentGrad {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let dims = inputs[0].dims();
        let e = Extents { batch: dims[0], steps: dims[1], hidden: dims[2] / 4 };
        let (n, gates, states) = (e.hidden, self.cell.gates(), self.cell.states());
        let (width, out_width) = (gates * n, (4 + states) * n);
        let [all, old, dout, turned] = [0, 1, 2, 3].map(|k| inputs[k].real());
        let lengths = inputs.get(4).map(|v| v.u32());
        let mut carry = vec![T::ZERO; e.batch * states * n]; // dh, then dc, of each example
        let mut sums = vec![T::ZERO; e.batch * width];
        let mut through = vec![T::ZERO; e.batch * n];
        for t in e.order(!self.reverse) {
            for b in 0..e.batch {
                let row = b * e.steps + t;
                let alive = lengths.is_none_or(|lengths| t < lengths[b] as usize);
                let out = &mut out[row * out_width..][..out_width];
                for j in 0..n {
                    let state = |s: usize| carry[(b * states + s) * n + j] + dout[(row * states + s) * n + j];
                    let (dh, dc) = (state(0), if states == 2 { state(1) } else { T::ZERO });
                    let gate = |k: usize| all[(row * 4 + k) * n + j];
                    let (d, past) = match alive {
                        true => cell_grad(self.cell, [0, 1, 2, 3].map(gate), old[row * n + j], dh, dc),
                        false => ([T::ZERO; 4], [dh, dc]),
                    };
                    (0..4).for_each(|k| out[k * n + j] = d[k]);
                    (0..states).for_each(|s| out[(4 + s) * n + j] = past[s]);
                    let share = if self.cell == Cell::Gru { [d[0], d[1], d[3], d[3]] } else { d };
                    (0..gates).for_each(|k| sums[b * width + k * n + j] = share[k]);
                }
            }
            let d = Strided { data: &sums, row: width, col: 1 };
            let w = Strided { data: turned, row: n, col: 1 };
            T::matmul([e.batch, width, n], d, w, &mut through, n, false, Threads::All);
            for b in 0..e.batch {
                let past = &out[(b * e.steps + t) * out_width + 4 * n..][..states * n];
                carry[b * states * n..][..states * n].copy_from_slice(past);
                (0..n).for_each(|j| carry[b * states * n + j] += through[b * n + j]);
            }
        }
    }
}
