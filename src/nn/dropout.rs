//! Dropout.

use super::{Mode, Module};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};

/// In training, each element is 0 with probability `p` and multiplied by 1/(1 − p) otherwise (Srivastava 2014, JMLR 15); in
/// evaluation, the identity. Draws from the graph's noise state, a stream of its own each ([`Graph::noise_state`]).
#[derive(Clone, Copy, Debug)]
pub struct Dropout(pub f32);

impl Module for Dropout {
    fn forward(&self, g: &mut Graph, x: Value, mode: Mode) -> Result<Value> {
        let Self(p) = *self;
        if !(0.0..1.0).contains(&p) {
            return Err(Error::Config(format!("dropout takes a probability in [0, 1), not {p}")));
        }
        if p == 0.0 || mode == Mode::Eval {
            return Ok(x);
        }
        let rng = g.noise_state()?;
        let kept = g.bernoulli(rng, g.shape(x).clone(), 1.0 - p)?;
        let kept = g.scale(kept, 1.0 / (1.0 - p))?;
        g.mul(x, kept)
    }
}
