//! The importance-weighted bound.

use super::{Loss, Objective, Pass};
use crate::dist::Normal;
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::vae::Player;

/// −ln 1/K Σₖ wₖ with wₖ = p(x, zₖ) / q(zₖ|x) (Burda 2015, arXiv 1509.00519, equation 8). The input `beta` weighs
/// ln p(z) − ln q(z|x), for warm-up; at 1 this is the bound.
#[derive(Clone, Copy, Debug)]
pub struct Iwae {
    /// K.
    pub samples: usize,
    /// Whether the encoder follows the doubly reparameterized gradient Σₖ w̃ₖ² ∂ln wₖ/∂zₖ · ∂zₖ/∂φ, whose noise does not
    /// drown it as K grows (Tucker 2018, arXiv 1810.04152, equation 8). It needs a posterior without a flow, and estimates the
    /// same gradient only at β = 1.
    pub dreg: bool,
}

impl Objective for Iwae {
    fn samples(&self) -> usize {
        self.samples.max(1)
    }
    fn loss(&self, g: &mut Graph, pass: &Pass<'_>) -> Result<Loss> {
        if self.samples == 0 {
            return Err(Error::Config("the importance-weighted bound needs 1 sample or more".into()));
        }
        let beta = pass.beta(g)?;
        let log_weights = pass.log_weights(g, Some(beta))?;
        let total = g.logsumexp(log_weights, &[0])?;
        let bound = g.mean_all(total)?;
        let loss = g.affine(bound, -1.0, (pass.samples as f32).ln())?;
        let bound = g.scale(loss, -1.0)?;
        let mut loss = Loss { figures: vec![("iwae", bound)], ..loss.into() };
        if self.dreg {
            let surrogate = doubly_reparameterized(g, pass, beta)?;
            let player = |scope: &str| Player { scope: scope.into(), loss: surrogate };
            loss.players = vec![player("encoder"), player("posterior")];
        }
        Ok(loss)
    }
}

/// A scalar whose gradient with respect to the encoder is the doubly reparameterized one.
fn doubly_reparameterized(g: &mut Graph, pass: &Pass<'_>, beta: Value) -> Result<Value> {
    let latent = pass.latent;
    let (Some(q), None) = (latent.q, latent.log_q_flowed) else {
        return Err(Error::Config(
            "the doubly reparameterized gradient needs a Gaussian posterior without a flow".into(),
        ));
    };
    // ln q depends on φ through z alone.
    let held = Normal { mu: g.detach(q.mu)?, logvar: g.detach(q.logvar)? };
    let log_q = held.log_prob(g, latent.z)?;
    let log_q = g.per_example(log_q)?;
    let log_p = pass.model.prior.log_prob(g, latent.z, pass.context)?;
    let ratio = g.sub(log_p, log_q)?;
    let ratio = g.mul(ratio, beta)?;
    let log_w = g.sub(ratio, pass.reconstruction_each)?; // [K·B]
    let (rows, batch) = (g.shape(log_w).len(), pass.batch.size());
    let grid = g.reshape(log_w, [pass.samples, batch])?;
    let total = g.logsumexp(grid, &[0])?;
    let normalized = g.sub(grid, total)?;
    let weights = g.exp(normalized)?;
    let weights = g.reshape(weights, [rows])?;
    let weights = g.detach(weights)?;
    let weighted = g.mul(weights, log_w)?;
    let weighted = g.sum_all(weighted)?;
    let loss = g.scale(weighted, -1.0 / batch as f32)?;
    let dz = g.grad(loss, &[latent.z])?[0]; // w̃ ∂ln w/∂z
    let column = g.reshape(weights, [rows, 1])?;
    let pull = g.mul(dz, column)?;
    let pull = g.detach(pull)?;
    let along = g.mul(pull, latent.z)?;
    let along = g.sum_all(along)?;
    // A prior of encoded inputs depends on φ besides: Σₖ w̃ₖ ∂ln p(zₖ)/∂φ with z held, of which there is nothing to save.
    let held = g.detach(latent.z)?;
    let log_p = pass.model.prior.log_prob(g, held, pass.context)?;
    let log_p = g.mul(log_p, beta)?;
    let own = g.mul(weights, log_p)?;
    let own = g.sum_all(own)?;
    let own = g.scale(own, -1.0 / batch as f32)?;
    g.add(along, own)
}
