//! Affine coupling.

use super::{Flow, dimensions};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::{Activation, Linear, Mode, Module, Sequential};

/// One half of z scales and shifts the other: y₂ = z₂·e^s(z₁) + t(z₁), y₁ = z₁ (RealNVP, Dinh 2017, arXiv 1605.08803,
/// equations 4 to 8). s goes through 2·tanh(s/2), so that no early step explodes. Both directions take one pass.
#[derive(Clone, Copy, Debug)]
pub struct Coupling {
    /// Width of the network's two hidden layers.
    pub hidden: usize,
    /// Whether the second half is the one that stays: alternate it from flow to flow.
    pub swap: bool,
}

/// What stays, what is moved, s and t.
struct Halves {
    fixed: Value,
    moved: Value,
    log_scale: Value,
    shift: Value,
}

impl Coupling {
    fn halves(&self, g: &mut Graph, z: Value) -> Result<Halves> {
        let dims = dimensions(g, z, "coupling")?;
        if dims < 2 {
            return Err(Error::Config(
                "coupling needs 2 latent dimensions or more: use a planar or radial flow".into(),
            ));
        }
        let cut = if self.swap { dims - dims / 2 } else { dims / 2 };
        let (low, high) = (g.slice(z, 1, 0..cut)?, g.slice(z, 1, cut..dims)?);
        let (fixed, moved, count) = if self.swap { (high, low, cut) } else { (low, high, dims - cut) };
        let net = Sequential::new()
            .then("fc1", Linear::new(self.hidden))
            .then("act1", Activation::Tanh)
            .then("fc2", Linear::new(self.hidden))
            .then("act2", Activation::Tanh)
            .then("out", Linear::new(2 * count));
        let out = net.forward(g, fixed, Mode::Train)?;
        let (raw, shift) = (g.slice(out, 1, 0..count)?, g.slice(out, 1, count..2 * count)?);
        Ok(Halves { fixed, moved, log_scale: limited(g, raw)?, shift })
    }

    fn join(&self, g: &mut Graph, fixed: Value, moved: Value) -> Result<Value> {
        if self.swap { g.concat(&[moved, fixed], 1) } else { g.concat(&[fixed, moved], 1) }
    }
}

/// 2·tanh(s/2): slope 1 at 0, within ±2.
pub(super) fn limited(g: &mut Graph, s: Value) -> Result<Value> {
    let half = g.scale(s, 0.5)?;
    let bent = g.tanh(half)?;
    g.scale(bent, 2.0)
}

impl Flow for Coupling {
    fn forward(&self, g: &mut Graph, z: Value) -> Result<(Value, Value)> {
        let Halves { fixed, moved, log_scale, shift } = self.halves(g, z)?;
        let scale = g.exp(log_scale)?;
        let scaled = g.mul(moved, scale)?;
        let moved = g.add(scaled, shift)?;
        Ok((self.join(g, fixed, moved)?, g.sum(log_scale, &[1])?))
    }
    fn inverse(&self, g: &mut Graph, y: Value) -> Result<(Value, Value)> {
        let Halves { fixed, moved, log_scale, shift } = self.halves(g, y)?;
        let back = g.sub(moved, shift)?;
        let negative = g.scale(log_scale, -1.0)?;
        let scale = g.exp(negative)?;
        let moved = g.mul(back, scale)?;
        Ok((self.join(g, fixed, moved)?, g.sum(negative, &[1])?))
    }
}
