//! The walk over the steps, and its gradient rule.

use super::{Cell, Extents, RecurrentGates, RecurrentGrad, StepParams, expect, extents, lengths, with_lengths};
use crate::cpu::{Real, Reference, Strided, Threads, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::ops::pointwise::activation::sigmoid;
use crate::ops::view::divide;
use crate::ops::{Bind, Cost, Launch, Lowering, Op, Vjp, matmul};
use crate::tensor::TensorType;

/// States after each step. Inputs: x, w, bias, first state, perhaps lengths; see [`Graph::recurrent`].
#[derive(Clone, Debug)]
pub struct Recurrent {
    /// Which equations.
    pub cell: Cell,
    /// Whether the last step is computed first.
    pub reverse: bool,
}

impl Recurrent {
    fn extents(&self, inputs: &[TensorType]) -> Result<Extents> {
        let (op, gates, states) = (self.name(), self.cell.gates(), self.cell.states());
        if inputs.len() < 4 {
            return Err(Error::shape(op, format!("takes 4 tensors and perhaps lengths, was given {}", inputs.len())));
        }
        let e = extents(op, &inputs[0], gates)?;
        expect(op, "w", &inputs[1], &TensorType::f32([e.hidden, gates * e.hidden]))?;
        expect(op, "bias", &inputs[2], &TensorType::f32([gates * e.hidden]))?;
        expect(op, "the first state", &inputs[3], &TensorType::f32([e.batch, states * e.hidden]))?;
        lengths(op, inputs, 4, e.batch)?;
        Ok(e)
    }

    /// The states before each step, [B, T, S·H].
    fn before(&self, g: &mut Graph, out: Value, first: Value) -> Result<Value> {
        let &[batch, steps, width] = g.shape(out).dims() else { return Ok(out) };
        let first = g.reshape(first, [batch, 1, width])?;
        match (steps, self.reverse) {
            (1, _) => Ok(first),
            (_, false) => {
                let others = g.slice(out, 1, 0..steps - 1)?;
                g.concat(&[first, others], 1)
            }
            (_, true) => {
                let others = g.slice(out, 1, 1..steps)?;
                g.concat(&[others, first], 1)
            }
        }
    }

    /// The gradient of the first state from those of the gates' sums (`sums`, of the hidden state's share) and from what
    /// [`RecurrentGrad`] yields (`d`), both at the step that was computed first.
    fn first_grad(&self, g: &mut Graph, e: Extents, d: Value, sums: Value, w: Value) -> Result<Value> {
        let (gates, states) = (self.cell.gates(), self.cell.states());
        let at = if self.reverse { e.steps - 1 } else { 0 };
        let direct = g.slice(d, 1, at..at + 1)?;
        let direct = g.slice(direct, 2, 4 * e.hidden..(4 + states) * e.hidden)?;
        let direct = g.reshape(direct, [e.batch, states * e.hidden])?;
        let sums = g.slice(sums, 1, at..at + 1)?;
        let sums = g.reshape(sums, [e.batch, gates * e.hidden])?;
        let through = g.matmul_t(sums, w, false, true)?;
        let through = g.embed(through, 1, 0, states * e.hidden)?;
        g.add(direct, through)
    }
}

impl Op for Recurrent {
    fn name(&self) -> &'static str {
        if self.cell == Cell::Gru { "gru" } else { "lstm" }
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        let e = self.extents(inputs)?;
        Ok(TensorType::f32([e.batch, e.steps, self.cell.states() * e.hidden]))
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let (x, w, bias, first) = (at.inputs[0], at.inputs[1], at.inputs[2], at.inputs[3]);
        let types: Vec<TensorType> = at.inputs.iter().map(|&v| g.ty(v).clone()).collect();
        let e = self.extents(&types)?;
        let (cell, hidden, width) = (self.cell, e.hidden, self.cell.gates() * e.hidden);
        let before = self.before(g, at.out, first)?;
        let h = g.slice(before, 2, 0..hidden)?;
        let share = g.linear(h, w, Some(bias))?;
        let gates = g.apply(RecurrentGates { cell }, &[x, share])?;
        let old = if cell == Cell::Gru { h } else { g.slice(before, 2, hidden..2 * hidden)? };
        let turned = g.transpose2(w)?;
        let inputs: Vec<Value> = [gates, old, at.dout, turned].into_iter().chain(at.inputs.get(4).copied()).collect();
        let d = g.apply(RecurrentGrad { cell, reverse: self.reverse }, &inputs)?;
        let dx = g.slice(d, 2, 0..width)?;
        let sums = match cell {
            Cell::Lstm => dx,
            Cell::Gru => {
                let (rz, n) = (g.slice(d, 2, 0..2 * hidden)?, g.slice(d, 2, 3 * hidden..4 * hidden)?);
                g.concat(&[rz, n], 2)?
            }
        };
        let rows = |g: &mut Graph, v, columns: usize| g.reshape(v, [e.batch * e.steps, columns]);
        let (flat, h) = (rows(g, sums, width)?, rows(g, h, hidden)?);
        let dw = at.need[1].then(|| g.matmul_t(h, flat, true, false)).transpose()?;
        let db = at.need[2].then(|| g.sum(flat, &[0])).transpose()?;
        let dfirst = at.need[3].then(|| self.first_grad(g, e, d, sums, w)).transpose()?;
        let grads = [Some(dx), dw, db, dfirst, None];
        Ok(grads[..at.inputs.len()].to_vec())
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, caps: &Caps) -> Vec<Lowering> {
        let Ok(e) = self.extents(inputs) else { return vec![] };
        let (gates, len) = (self.cell.gates(), e.batch * e.hidden);
        let (share, state) = (Bind::Scratch(0), Bind::Scratch(1));
        let (size, apart) = ([e.batch, e.hidden, gates * e.hidden], self.cell.states() * e.hidden);
        let mut passes = vec![];
        for (k, step) in e.order(self.reverse).into_iter().enumerate() {
            let before = if k == 0 { Bind::In(3) } else { state };
            passes.push(matmul::product(size, apart, [before, Bind::In(1), share], caps));
            let params = StepParams {
                len: len as u32,
                hidden: e.hidden as u32,
                steps: e.steps as u32,
                step: step as u32,
                begins: u32::from(k == 0),
                pad: [0; 3],
            };
            let binds = [Bind::In(0), share, Bind::In(2), Bind::In(3), Bind::Out, state];
            let launch = Launch::elements("recurrent_step", &params, &binds, len);
            let launch = launch.spec("DIVIDE", divide(&[e.hidden], out.len()));
            passes.push(with_lengths(launch, inputs, self.cell));
        }
        let scratch = vec![TensorType::f32([e.batch, gates * e.hidden]), TensorType::f32([e.batch, apart])];
        vec![Lowering { name: "steps", passes, scratch }]
    }
    fn cost(&self, inputs: &[TensorType], out: &TensorType) -> Cost {
        let bytes = inputs.iter().map(TensorType::bytes).sum::<usize>() + out.bytes();
        let hidden = out.shape.last() / self.cell.states();
        Cost { flops: (inputs[0].len() * (2 * hidden + 15)) as u64, bytes: bytes as u64 }
    }
}

impl Reference for Recurrent {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let (gates, states) = (self.cell.gates(), self.cell.states());
        let (dims, width) = (inputs[0].dims(), inputs[1].dims()[1]);
        let e = Extents { batch: dims[0], steps: dims[1], hidden: width / gates };
        let [x, w, bias, first] = [0, 1, 2, 3].map(|k| inputs[k].real());
        let lengths = inputs.get(4).map(|v| v.u32());
        let (n, size) = (e.hidden, states * e.hidden);
        let mut state = first.to_vec();
        let mut share = vec![T::ZERO; e.batch * width];
        for t in e.order(self.reverse) {
            let h = Strided { data: &state, row: size, col: 1 };
            let w = Strided { data: w, row: width, col: 1 };
            T::matmul([e.batch, n, width], h, w, &mut share, width, false, Threads::All);
            for b in 0..e.batch {
                let state = &mut state[b * size..][..size];
                if lengths.is_none_or(|lengths| t < lengths[b] as usize) {
                    let (x, h) = (&x[(b * e.steps + t) * width..][..width], &share[b * width..][..width]);
                    let sum = |k: usize| x[k] + h[k] + bias[k];
                    for j in 0..n {
                        match self.cell {
                            Cell::Gru => {
                                let (r, z) = (sigmoid(sum(j)), sigmoid(sum(n + j)));
                                let k = 2 * n + j;
                                let new = (x[k] + r * (h[k] + bias[k])).tanh();
                                state[j] = (T::ONE - z) * new + z * state[j];
                            }
                            Cell::Lstm => {
                                let new = sigmoid(sum(j)) * sum(2 * n + j).tanh();
                                state[n + j] = sigmoid(sum(n + j)) * state[n + j] + new;
                                state[j] = sigmoid(sum(3 * n + j)) * state[n + j].tanh();
                            }
                        }
                    }
                }
                out[(b * e.steps + t) * size..][..size].copy_from_slice(state);
            }
        }
    }
}
