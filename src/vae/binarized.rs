//! Pixels drawn as bits.

use super::{Batch, Discrete, Model, Terms};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::nn::Mode;

/// A model that sees each number of `x` as the probability of a 1 and draws the bits anew every time, in training and in
/// evaluation (dynamic binarization, Burda 2015, arXiv 1509.00519, section 5).
#[derive(Debug)]
pub struct Binarized {
    /// The model of bits.
    pub inner: Box<dyn Model>,
}

impl Binarized {
    fn drawn(&self, g: &mut Graph, batch: &Batch) -> Result<Batch> {
        let x = batch.get(g, "x")?;
        let rng = g.noise_state()?;
        let uniform = g.uniform(rng, g.shape(x).clone())?;
        let one = g.full([], 1.0)?;
        // 1 − [u ≥ x]: a pixel of 0 is never drawn, a pixel of 1 always, for u is in [0, 1).
        let off = g.where_at_least(uniform, x, one)?;
        let bits = g.sub(one, off)?;
        let bits = g.detach(bits)?;
        Ok(batch.with(g, "x", bits))
    }
}

impl Model for Binarized {
    fn terms(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> Result<Terms> {
        let batch = self.drawn(g, batch)?;
        self.inner.terms(g, &batch, mode)
    }
    fn latent(&self) -> usize {
        self.inner.latent()
    }
    fn bounded(&self) -> bool {
        self.inner.bounded()
    }
    fn decode(&self, g: &mut Graph, z: Value, batch: &Batch) -> Result<Value> {
        self.inner.decode(g, z, batch)
    }
    fn draw(&self, g: &mut Graph, z: Value, batch: &Batch, temperature: f32) -> Result<Value> {
        self.inner.draw(g, z, batch, temperature)
    }
    fn sample(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        self.inner.sample(g, batch)
    }
    fn log_weights(&self, g: &mut Graph, batch: &Batch, samples: usize) -> Result<Value> {
        let batch = self.drawn(g, batch)?;
        self.inner.log_weights(g, &batch, samples)
    }
    fn discrete(&self) -> Option<&dyn Discrete> {
        self.inner.discrete()
    }
    fn classify(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let batch = self.drawn(g, batch)?;
        self.inner.classify(g, &batch)
    }
}
