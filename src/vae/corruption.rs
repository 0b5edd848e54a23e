//! Noise on the inputs of denoising models.

use crate::error::{Error, Result};
use crate::graph::{Graph, Value};

/// What is done to x before it is encoded (Vincent 2010, "Stacked denoising autoencoders", section 3.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Corruption {
    /// x + σ·ε.
    Gaussian(f32),
    /// Each number is 0 with this probability.
    Mask(f32),
    /// Each number is 0 or 1, either as often, with this probability together.
    SaltAndPepper(f32),
}

impl Corruption {
    /// The expected squared error of a corrupted `x`.
    pub fn mean_square(self, x: f64) -> f64 {
        match self {
            Self::Gaussian(sigma) => f64::from(sigma).powi(2),
            Self::Mask(p) => f64::from(p) * x * x,
            Self::SaltAndPepper(p) => f64::from(p) * 0.5 * (x * x + (1.0 - x).powi(2)),
        }
    }

    /// `x` [B, …] with fresh noise.
    ///
    /// # Errors
    /// [`Error::Config`] for a probability outside of [0, 1] or a σ that is negative or not finite.
    pub fn apply(self, g: &mut Graph, x: Value) -> Result<Value> {
        let (amount, legal) = match self {
            Self::Gaussian(sigma) => (sigma, sigma.is_finite() && sigma >= 0.0),
            Self::Mask(p) | Self::SaltAndPepper(p) => (p, (0.0..=1.0).contains(&p)),
        };
        if !legal {
            return Err(Error::Config(format!("{self:?}: {amount} is out of range")));
        }
        let (rng, shape) = (g.noise_state()?, g.shape(x).clone());
        match self {
            Self::Gaussian(sigma) => {
                let noise = g.normal(rng, shape)?;
                let noise = g.scale(noise, sigma)?;
                g.add(x, noise)
            }
            Self::Mask(p) => {
                let kept = g.bernoulli(rng, shape, 1.0 - p)?;
                g.mul(x, kept)
            }
            Self::SaltAndPepper(p) => {
                let kept = g.bernoulli(rng, shape.clone(), 1.0 - p)?;
                let salt = g.bernoulli(rng, shape, 0.5)?;
                let flaw = g.sub(x, salt)?; // x kept: salt + (x − salt)
                let flaw = g.mul(flaw, kept)?;
                g.add(salt, flaw)
            }
        }
    }
}
