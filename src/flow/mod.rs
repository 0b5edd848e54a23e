//! Normalizing flows: invertible maps z → f(z) with ln |det ∂f/∂z|. They only build graph; a posterior runs a sample
//! through them (Rezende & Mohamed 2015, arXiv 1505.05770), a prior scores one.
//!
//! `forward` is the direction that draws: from the base distribution's sample to the flow's. A density at a given point
//! needs `inverse`. Where one of the two must go dimension by dimension, the graph holds one copy of the network for each.

mod autoregressive;
mod coupling;
mod made;
mod planar;
mod radial;

use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use std::fmt::Debug;

pub use autoregressive::{InverseAutoregressive, MaskedAutoregressive};
pub use coupling::Coupling;
pub use made::Made;
pub use planar::Planar;
pub use radial::Radial;

/// An invertible map of vectors.
pub trait Flow: Debug + Send + Sync {
    /// f(z) [B, L] and ln |det ∂f/∂z| \[B\] for `z` [B, L].
    fn forward(&self, g: &mut Graph, z: Value) -> Result<(Value, Value)>;
    /// f⁻¹(y) [B, L] and ln |det ∂f⁻¹/∂y| \[B\] for `y` [B, L].
    ///
    /// # Errors
    /// Where there is no closed form.
    fn inverse(&self, g: &mut Graph, y: Value) -> Result<(Value, Value)> {
        let _ = (g, y);
        Err(Error::Config(format!("{self:?} has no inverse in closed form: use it for posteriors only")))
    }
}

/// Flows one after another, each in the scope of its number.
#[derive(Debug, Default)]
pub struct Chain {
    flows: Vec<Box<dyn Flow>>,
}

impl Chain {
    /// An empty chain: the identity.
    pub fn new() -> Self {
        Self::default()
    }
    /// Appends `flow`.
    pub fn then(mut self, flow: impl Flow + 'static) -> Self {
        self.flows.push(Box::new(flow));
        self
    }
}

/// Runs `step` for each flow and adds up the logarithms of the determinants.
fn run<'a>(
    g: &mut Graph,
    z: Value,
    flows: impl Iterator<Item = (usize, &'a Box<dyn Flow>)>,
    step: impl Fn(&dyn Flow, &mut Graph, Value) -> Result<(Value, Value)>,
) -> Result<(Value, Value)> {
    dimensions(g, z, "flow")?;
    let batch = g.shape(z).dims()[0];
    let mut at = (z, g.full([batch], 0.0)?);
    for (k, flow) in flows {
        let (z, log_det) = g.scoped(&format!("flow{}", k + 1), |g| step(flow.as_ref(), g, at.0))?;
        at = (z, g.add(at.1, log_det)?);
    }
    Ok(at)
}

impl Flow for Chain {
    fn forward(&self, g: &mut Graph, z: Value) -> Result<(Value, Value)> {
        run(g, z, self.flows.iter().enumerate(), |flow, g, z| flow.forward(g, z))
    }
    fn inverse(&self, g: &mut Graph, y: Value) -> Result<(Value, Value)> {
        run(g, y, self.flows.iter().enumerate().rev(), |flow, g, y| flow.inverse(g, y))
    }
}

/// L of `z` [B, L].
fn dimensions(g: &Graph, z: Value, what: &str) -> Result<usize> {
    match *g.shape(z).dims() {
        [_, dims] => Ok(dims),
        _ => Err(Error::shape(what, format!("takes vectors [B, L], not {}", g.shape(z)))),
    }
}
