//! Recurrent layers over sequences, in one direction or both.

use super::{Mode, Module};
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use crate::ops::recurrent::Cell;

/// Gated recurrent units (Cho 2014, arXiv 1406.1078) over x [B, T, D], with PyTorch's equations and order of gates (r, z, n):
/// `weight_ih` [D, 3·H], `weight_hh` [H, 3·H], `bias_ih`, `bias_hh` \[3·H\], all uniform in ±1/√H at first (PyTorch's weights
/// are these transposed); the second direction's end in `_reverse`.
#[derive(Clone, Copy, Debug)]
pub struct Gru {
    /// H, numbers of the hidden state.
    pub hidden: usize,
    /// Whether a second set of units reads from the end.
    pub bidirectional: bool,
}

/// Long short-term memory (Hochreiter & Schmidhuber 1997, doi 10.1162/neco.1997.9.8.1735; the forget gate is Gers 2000's) over
/// x [B, T, D], with PyTorch's order of gates (i, f, g, o): parameters as those of [`Gru`], with 4·H for 3·H.
#[derive(Clone, Copy, Debug)]
pub struct Lstm {
    /// H, numbers of the hidden state, and as many of the cell's.
    pub hidden: usize,
    /// Whether a second set of units reads from the end.
    pub bidirectional: bool,
}

/// What a recurrent layer yields; R is 2 where it is bidirectional (the forward direction's numbers first), else 1.
#[derive(Clone, Copy, Debug)]
pub struct Recurrence {
    /// The hidden state after each step, 0 past an example's length: [B, T, R·H].
    pub outputs: Value,
    /// The hidden state after the last step within an example's length (the first, of the direction that reads from the end):
    /// [B, R·H].
    pub last: Value,
    /// An LSTM's cell there: [B, R·H].
    pub last_cell: Option<Value>,
}

impl Gru {
    /// `hidden` units, in one direction.
    pub fn new(hidden: usize) -> Self {
        Self { hidden, bidirectional: false }
    }
    /// In both directions.
    pub fn bidirectional(mut self) -> Self {
        self.bidirectional = true;
        self
    }
    /// Reads x [B, T, D] from the hidden state `first` [B, R·H] (zeros where absent), each example to its own length (`lengths`,
    /// U32 \[B\]; T where absent). With T = 1 it is one step of a sampler.
    ///
    /// # Errors
    /// [`Error::Shape`] where the shapes do not fit.
    pub fn run(&self, g: &mut Graph, x: Value, lengths: Option<Value>, first: Option<Value>) -> Result<Recurrence> {
        let layer = Layer { cell: Cell::Gru, hidden: self.hidden, bidirectional: self.bidirectional };
        layer.run(g, x, lengths, &Vec::from_iter(first))
    }
}

impl Lstm {
    /// `hidden` units, in one direction.
    pub fn new(hidden: usize) -> Self {
        Self { hidden, bidirectional: false }
    }
    /// In both directions.
    pub fn bidirectional(mut self) -> Self {
        self.bidirectional = true;
        self
    }
    /// [`Gru::run`], from hidden state and cell, [B, R·H] each.
    ///
    /// # Errors
    /// [`Error::Shape`] where the shapes do not fit.
    pub fn run(
        &self,
        g: &mut Graph,
        x: Value,
        lengths: Option<Value>,
        first: Option<[Value; 2]>,
    ) -> Result<Recurrence> {
        let layer = Layer { cell: Cell::Lstm, hidden: self.hidden, bidirectional: self.bidirectional };
        layer.run(g, x, lengths, &first.map_or(vec![], Vec::from))
    }
}

impl Module for Gru {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        Ok(self.run(g, x, None, None)?.outputs)
    }
}

impl Module for Lstm {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        Ok(self.run(g, x, None, None)?.outputs)
    }
}

/// The state after the last step, as features: [B, T, D] → [B, R·H].
#[derive(Clone, Copy, Debug)]
pub struct LastState<R>(pub R);

impl Module for LastState<Gru> {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        Ok(self.0.run(g, x, None, None)?.last)
    }
}

impl Module for LastState<Lstm> {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        Ok(self.0.run(g, x, None, None)?.last)
    }
}

/// What both have in common.
struct Layer {
    cell: Cell,
    hidden: usize,
    bidirectional: bool,
}

impl Layer {
    fn run(&self, g: &mut Graph, x: Value, lengths: Option<Value>, first: &[Value]) -> Result<Recurrence> {
        let &[batch, steps, _] = g.shape(x).dims() else {
            return Err(Error::shape("recurrent", format!("takes [B, T, D], not {}", g.ty(x))));
        };
        let directions = if self.bidirectional { 2 } else { 1 };
        for &state in first {
            let wanted = [batch, directions * self.hidden];
            if g.shape(state).dims() != wanted {
                let message = format!("the first state must be {wanted:?}, not {}", g.ty(state));
                return Err(Error::shape("recurrent", message));
            }
        }
        let (mut outputs, mut last) = (vec![], vec![vec![]; self.cell.states()]);
        for reverse in [false, true].into_iter().take(directions) {
            let states = self.direction(g, x, lengths, first, reverse)?;
            outputs.push(g.slice(states, 2, 0..self.hidden)?);
            let end = if reverse { 0 } else { steps - 1 };
            let at_end = g.slice(states, 1, end..end + 1)?;
            let at_end = g.reshape(at_end, [batch, self.cell.states() * self.hidden])?;
            for (s, last) in last.iter_mut().enumerate() {
                last.push(g.slice(at_end, 1, s * self.hidden..(s + 1) * self.hidden)?);
            }
        }
        let mut outputs = g.concat(&outputs, 2)?;
        if let Some(lengths) = lengths {
            let mask = g.length_mask(lengths, steps)?;
            let mask = g.reshape(mask, [batch, steps, 1])?;
            outputs = g.mul(outputs, mask)?;
        }
        let last = last.iter().map(|parts| g.concat(parts, 1)).collect::<Result<Vec<_>>>()?;
        Ok(Recurrence { outputs, last: last[0], last_cell: last.get(1).copied() })
    }

    /// The states of one direction, [B, T, S·H].
    fn direction(
        &self,
        g: &mut Graph,
        x: Value,
        lengths: Option<Value>,
        first: &[Value],
        reverse: bool,
    ) -> Result<Value> {
        let (inputs, hidden, batch) = (g.shape(x).last(), self.hidden, g.shape(x).dims()[0]);
        let width = self.cell.gates() * hidden;
        let init = || Init::Uniform((hidden.max(1) as f32).sqrt().recip());
        let name = |name: &str| if reverse { format!("{name}_reverse") } else { name.to_string() };
        let weight_ih = g.param(&name("weight_ih"), [inputs, width], init())?;
        let weight_hh = g.param(&name("weight_hh"), [hidden, width], init())?;
        let bias_ih = g.param(&name("bias_ih"), [width], init())?;
        let bias_hh = g.param(&name("bias_hh"), [width], init())?;
        let from = usize::from(reverse) * hidden;
        let first: Vec<Value> =
            first.iter().map(|&state| g.slice(state, 1, from..from + hidden)).collect::<Result<_>>()?;
        let first = match first[..] {
            [] => g.full([batch, self.cell.states() * hidden], 0.0)?,
            _ => g.concat(&first, 1)?,
        };
        let share = g.linear(x, weight_ih, Some(bias_ih))?;
        g.recurrent(self.cell, reverse, [share, weight_hh, bias_hh, first], lengths)
    }
}
