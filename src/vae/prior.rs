//! Priors p(z).

use super::Latent;
use crate::error::Result;
use crate::graph::{Graph, Value};
use std::fmt::Debug;

/// What the posterior is held against.
pub trait Prior: Debug + Send + Sync {
    /// KL(q ‖ p) of each example and dimension, [B, L], nats. 0 for a point posterior.
    fn kl(&self, g: &mut Graph, latent: &Latent) -> Result<Value>;
}

/// N(0, I).
#[derive(Clone, Copy, Debug)]
pub struct StandardNormal;

impl Prior for StandardNormal {
    fn kl(&self, g: &mut Graph, latent: &Latent) -> Result<Value> {
        match latent.q {
            Some(q) => q.kl_standard(g),
            None => g.full(g.shape(latent.mu).clone(), 0.0),
        }
    }
}
