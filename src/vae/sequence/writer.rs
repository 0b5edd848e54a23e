//! Autoregressive decoders of sequences: each element is told of those before and of the code.

use super::reader::{blocks, placed};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::nn::{Activation, Gru, Linear, Lstm, Mode, Module};

/// How a sequence is written. The code is given at every step, and makes the first state where there is one (Bowman
/// 2016, arXiv 1511.06349, section 2.1; Ha & Eck 2017, arXiv 1704.03477, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Writer {
    /// Gated recurrent units.
    Gru {
        /// Numbers of the state.
        hidden: usize,
    },
    /// Long short-term memory.
    Lstm {
        /// Numbers of the state.
        hidden: usize,
    },
    /// A causal transformer; the code is added to every element.
    Transformer {
        /// Blocks.
        layers: usize,
        /// Heads of each.
        heads: usize,
    },
}

/// A writer on its way through sequences, element by element.
pub(super) enum Pen {
    /// The state, [N, H] each.
    State(Vec<Value>),
    /// All that was told so far, [N, 1, D] each.
    Told(Vec<Value>),
}

impl Writer {
    /// What stands for the distribution of each element, [N, S, H], of prompts `x` [N, S, D] (what each element is
    /// told of the one before it) and codes `z` [N, L]. `most` is the longest S there is.
    ///
    /// # Errors
    /// Heads that do not divide D.
    pub fn write(&self, g: &mut Graph, x: Value, z: Value, most: usize, mode: Mode) -> Result<Value> {
        let first = self.first(g, z)?;
        self.run(g, x, z, &first, most, mode).map(|(outputs, _)| outputs)
    }

    /// A pen in front of the first element.
    pub(super) fn pen(&self, g: &mut Graph, z: Value) -> Result<Pen> {
        Ok(match self {
            Self::Transformer { .. } => Pen::Told(vec![]),
            _ => Pen::State(self.first(g, z)?),
        })
    }

    /// One element further: what `x` [N, D] is told, what stands for the element's distribution, [N, H].
    pub(super) fn next(&self, g: &mut Graph, pen: &mut Pen, x: Value, z: Value, most: usize) -> Result<Value> {
        let [rows, width] = [0, 1].map(|axis| g.shape(x).dims()[axis]);
        let x = g.reshape(x, [rows, 1, width])?;
        let outputs = match pen {
            Pen::State(state) => {
                let (outputs, next) = self.run(g, x, z, state, most, Mode::Eval)?;
                *state = next;
                outputs
            }
            Pen::Told(told) => {
                told.push(x);
                let all = g.concat(told, 1)?;
                let outputs = self.run(g, all, z, &[], most, Mode::Eval)?.0;
                g.slice(outputs, 1, told.len() - 1..told.len())?
            }
        };
        let hidden = g.shape(outputs).last();
        g.reshape(outputs, [rows, hidden])
    }

    /// The state that codes [N, L] start from.
    fn first(&self, g: &mut Graph, z: Value) -> Result<Vec<Value>> {
        let (hidden, names) = match *self {
            Self::Gru { hidden } => (hidden, &["hidden"][..]),
            Self::Lstm { hidden } => (hidden, &["hidden", "cell"][..]),
            Self::Transformer { .. } => return Ok(vec![]),
        };
        let state = |name: &&str| {
            let state = g.scoped(name, |g| Linear::new(hidden).forward(g, z, Mode::Eval))?;
            Activation::Tanh.forward(g, state, Mode::Eval)
        };
        names.iter().map(state).collect()
    }

    /// Outputs [N, S, H] and the state after them.
    fn run(
        &self,
        g: &mut Graph,
        x: Value,
        z: Value,
        first: &[Value],
        most: usize,
        mode: Mode,
    ) -> Result<(Value, Vec<Value>)> {
        let [rows, steps, width] = [0, 1, 2].map(|axis| g.shape(x).dims()[axis]);
        let latent = g.shape(z).last();
        let z = g.reshape(z, [rows, 1, latent])?;
        let joined = |g: &mut Graph| {
            let each = g.expand(z, [rows, steps, latent])?;
            g.concat(&[x, each], 2)
        };
        Ok(match (*self, first) {
            (Self::Gru { hidden }, first) => {
                let x = joined(g)?;
                let run = g.scoped("gru", |g| Gru::new(hidden).run(g, x, None, first.first().copied()))?;
                (run.outputs, vec![run.last])
            }
            (Self::Lstm { hidden }, first) => {
                let x = joined(g)?;
                let run = g.scoped("lstm", |g| Lstm::new(hidden).run(g, x, None, first.try_into().ok()))?;
                (run.outputs, [Some(run.last), run.last_cell].into_iter().flatten().collect())
            }
            (Self::Transformer { layers, heads }, _) => {
                let code = g.scoped("code", |g| Linear::new(width).forward(g, z, mode))?;
                let x = g.add(x, code)?;
                let x = placed(g, x, most, mode)?;
                (blocks(g, x, None, (layers, heads, true), mode)?, vec![])
            }
        })
    }
}
