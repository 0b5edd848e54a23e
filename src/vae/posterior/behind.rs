//! Posteriors behind further layers.

use super::{Draws, Latent, Posterior};
use crate::dist::Normal;
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::nn::{Mode, Module};

/// A posterior of what a network makes of the features and of what stands beside them. In a conditional model it is where
/// features and class meet: without it the class only moves μ and ln σ² by something that x has no say in.
#[derive(Debug)]
pub struct Behind {
    /// Features [B, F] → [B, F'], the same in training and in evaluation; its parameters are in the scope `joint`.
    pub net: Box<dyn Module>,
    /// The posterior of that.
    pub base: Box<dyn Posterior>,
}

impl Behind {
    fn join(&self, g: &mut Graph, features: Value) -> Result<Value> {
        g.scoped("joint", |g| self.net.forward(g, features, Mode::Eval))
    }
}

impl Posterior for Behind {
    fn infer(&self, g: &mut Graph, features: Value, draws: Draws) -> Result<Latent> {
        let joined = self.join(g, features)?;
        self.base.infer(g, joined, draws)
    }
    fn distribution(&self, g: &mut Graph, features: Value) -> Result<Option<Normal>> {
        let joined = self.join(g, features)?;
        self.base.distribution(g, joined)
    }
    fn latent(&self) -> usize {
        self.base.latent()
    }
    fn has_density(&self) -> bool {
        self.base.has_density()
    }
}
