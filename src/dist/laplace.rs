//! The Laplace distribution.

use crate::error::Result;
use crate::graph::{Graph, Value};

/// Laplace(μ, b) by its mean and log scale, which broadcast together.
#[derive(Clone, Copy, Debug)]
pub struct Laplace {
    /// μ.
    pub mu: Value,
    /// ln b.
    pub logscale: Value,
}

impl Laplace {
    /// ln p(x) = −|x − μ|/b − ln 2b, element by element, nats.
    pub fn log_prob(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let d = g.sub(x, self.mu)?;
        let d = g.abs(d)?;
        let negative = g.scale(self.logscale, -1.0)?;
        let rate = g.exp(negative)?;
        let scaled = g.mul(d, rate)?;
        let size = g.affine(self.logscale, 1.0, std::f32::consts::LN_2)?;
        let sum = g.add(scaled, size)?;
        g.scale(sum, -1.0)
    }
}
