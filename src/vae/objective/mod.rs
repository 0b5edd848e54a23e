//! Objectives: how the terms of the bound become a loss. Each sees a [`Pass`], the model's forward computation, and yields
//! a [`Loss`]; `beta`, an input, is the weight that schedules move.

mod adversarial;
mod elbo;
mod iwae;
mod mmd;
mod total_correlation;

use super::{Batch, Latent, Player, PriorContext, Vae};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::Mode;
use crate::tensor::TensorType;
use std::fmt::Debug;

pub use adversarial::{Adversarial, CodeDiscriminator, Factor, VaeGan, shuffled};
pub use elbo::Elbo;
pub use iwae::Iwae;
pub use mmd::{InfoVae, Kernel};
pub use total_correlation::{BetaTc, Decomposition, Dip};

/// A forward computation of a [`Vae`] with K samples for each of B examples. Samples are the slow axis: rows 0..B are the
/// first sample of each example.
pub struct Pass<'a> {
    /// The model.
    pub model: &'a Vae,
    /// What the prior may ask.
    pub context: &'a PriorContext<'a>,
    /// The batch.
    pub batch: &'a Batch,
    /// Whether this is training.
    pub mode: Mode,
    /// K.
    pub samples: usize,
    /// q(z|x), one distribution and one sample a row, [K·B, L].
    pub latent: &'a Latent,
    /// The data, repeated K times, [K·B, …].
    pub x: Value,
    /// What the decoder yields, [K·B, …].
    pub decoded: Value,
    /// −ln p(x|z) of each row, \[K·B\], nats.
    pub reconstruction_each: Value,
    /// KL of each row in parts, [K·B, D].
    pub kl_each: Value,
    /// The mean of `reconstruction_each`, a scalar.
    pub reconstruction: Value,
    /// The mean KL, a scalar.
    pub kl: Value,
}

impl Pass<'_> {
    /// β, a scalar input.
    pub fn beta(&self, g: &mut Graph) -> Result<Value> {
        g.input("beta", TensorType::f32([]))
    }
    /// ln q(z|x) and ln p(z) of each row, \[K·B\] each.
    ///
    /// # Errors
    /// Where the posterior is a point.
    pub fn densities(&self, g: &mut Graph) -> Result<(Value, Value)> {
        let point = || Error::Config("this objective needs a posterior with a density, not a point".into());
        let log_q = self.latent.log_q(g)?.ok_or_else(point)?;
        Ok((log_q, self.model.prior.log_prob(g, self.latent.z, self.context)?))
    }
    /// ln p(x, z) − ln q(z|x) with weight β on what is not ln p(x|z), [K, B].
    ///
    /// # Errors
    /// As [`Pass::densities`].
    pub fn log_weights(&self, g: &mut Graph, beta: Option<Value>) -> Result<Value> {
        let (log_q, log_p) = self.densities(g)?;
        let mut ratio = g.sub(log_p, log_q)?;
        if let Some(beta) = beta {
            ratio = g.mul(ratio, beta)?;
        }
        let weights = g.sub(ratio, self.reconstruction_each)?;
        g.reshape(weights, [self.samples, self.batch.size()])
    }
}

/// What an objective makes of a pass.
#[derive(Clone, Debug)]
pub struct Loss {
    /// The scalar to minimise.
    pub loss: Value,
    /// Who minimises something else.
    pub players: Vec<Player>,
    /// Further scalars to watch.
    pub figures: Vec<(&'static str, Value)>,
}

impl From<Value> for Loss {
    fn from(loss: Value) -> Self {
        Self { loss, players: vec![], figures: vec![] }
    }
}

/// A training objective.
pub trait Objective: Debug + Send + Sync {
    /// Samples of z for each example in training, K.
    fn samples(&self) -> usize {
        1
    }
    /// The loss of a pass.
    ///
    /// # Errors
    /// Where the objective needs what the model's parts do not have.
    fn loss(&self, g: &mut Graph, pass: &Pass<'_>) -> Result<Loss>;
}
