//! The VampPrior.

use super::{Prior, PriorContext, mixture_log_prob, mixture_sample};
use crate::dist::Normal;
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};

/// 1/K · Σₖ q(z|uₖ) for K trained pseudo-inputs uₖ, which lie where the data do: the mixture of posteriors (Tomczak & Welling
/// 2018, arXiv 1705.07120, equation 9). Pseudo-inputs are encoded as in evaluation, so that batch norms see data only. They
/// are of no class: a conditional model has another prior.
#[derive(Clone, Copy, Debug)]
pub struct VampPrior {
    /// K.
    pub pseudo_inputs: usize,
    /// Where their numbers lie.
    pub range: Pseudo,
}

/// Where the numbers of pseudo-inputs lie: trained numbers s, N(0, 1) at the start, become these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pseudo {
    /// In (0, 1), as pixels and bits do: 1 / (1 + e⁻ˢ).
    #[default]
    Unit,
    /// Above 0, as counts do: ln(1 + eˢ).
    NotNegative,
    /// Anywhere: s.
    Real,
}

impl VampPrior {
    fn components(&self, g: &mut Graph, context: &PriorContext<'_>) -> Result<(Normal, Value)> {
        let k = self.pseudo_inputs;
        if k == 0 {
            return Err(Error::Config("a VampPrior needs 1 pseudo-input or more".into()));
        }
        let shape = [&[k], context.data.dims()].concat();
        let raw = g.scoped("prior", |g| g.param("pseudo_inputs", shape, Init::Normal(1.0)))?;
        let u = match self.range {
            Pseudo::Unit => g.sigmoid(raw)?,
            Pseudo::NotNegative => g.softplus(raw)?,
            Pseudo::Real => raw,
        };
        let components = (context.encode)(g, u)?;
        let weights = g.full([k], -(k as f32).ln())?;
        Ok((components, weights))
    }
}

impl Prior for VampPrior {
    fn log_prob(&self, g: &mut Graph, z: Value, context: &PriorContext<'_>) -> Result<Value> {
        let (components, weights) = self.components(g, context)?;
        mixture_log_prob(g, z, components, weights)
    }
    fn sample(&self, g: &mut Graph, rng: Value, count: usize, context: &PriorContext<'_>) -> Result<Value> {
        let (components, weights) = self.components(g, context)?;
        mixture_sample(g, rng, count, components, weights)
    }
}
