//! The Gaussian mixture prior.

use super::{Prior, PriorContext, log_weights, mixture_log_prob, mixture_sample};
use crate::dist::Normal;
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};

/// K trained Gaussians with trained weights: clusters without labels (as in Jiang 2017, arXiv 1611.05148, with the KL
/// estimated from the sample).
#[derive(Clone, Copy, Debug)]
pub struct MixturePrior {
    /// K.
    pub components: usize,
}

impl MixturePrior {
    /// The components [K, L] and ln πₖ \[K\].
    pub fn parts(&self, g: &mut Graph, latent: usize) -> Result<(Normal, Value)> {
        let k = self.components;
        if k == 0 {
            return Err(Error::Config("a mixture prior needs 1 component or more".into()));
        }
        let (mu, logvar, logits) = g.scoped("prior", |g| -> Result<_> {
            let mu = g.param("mu", [k, latent], Init::Normal(1.0))?;
            let logvar = g.param("logvar", [k, latent], Init::Constant(0.0))?;
            Ok((mu, logvar, g.param("logits", [k], Init::Constant(0.0))?))
        })?;
        let logvar = g.clamp(logvar, -12.0, 6.0)?;
        Ok((Normal { mu, logvar }, log_weights(g, logits)?))
    }
}

impl Prior for MixturePrior {
    fn log_prob(&self, g: &mut Graph, z: Value, context: &PriorContext<'_>) -> Result<Value> {
        let (components, weights) = self.parts(g, context.latent)?;
        mixture_log_prob(g, z, components, weights)
    }
    fn sample(&self, g: &mut Graph, rng: Value, count: usize, context: &PriorContext<'_>) -> Result<Value> {
        let (components, weights) = self.parts(g, context.latent)?;
        mixture_sample(g, rng, count, components, weights)
    }
}
