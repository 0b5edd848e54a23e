//! A model on the codes of another.

use super::{Batch, Classifier, M2, Model, Player, Terms, Vae};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::nn::Mode;

/// What models the codes.
#[derive(Debug)]
pub enum Above {
    /// p(y|z₁): M1.
    Classifier(Classifier),
    /// p(y) p(z₂) p(z₁|y, z₂): M1+M2.
    M2(M2),
}

/// A [`Vae`] of all examples and a model on its codes z₁, in the scope `above` (Kingma 2014, arXiv 1406.5298, section 2).
/// Each follows its own loss: no gradient goes from the codes' model into the codes, so the two could as well be trained
/// one after the other, as in the paper; here the upper one follows the codes while they become what they will be. It is
/// trained on samples of q(z₁|x) and classifies by the means. What is reported is the lower model's bound.
#[derive(Debug)]
pub struct Stacked {
    /// The model of x.
    pub below: Vae,
    /// The model of its codes.
    pub above: Above,
}

const SCOPE: &str = "above";

impl Stacked {
    fn above(&self) -> &dyn Model {
        match &self.above {
            Above::Classifier(classifier) => classifier,
            Above::M2(m2) => m2,
        }
    }
}

impl Model for Stacked {
    fn terms(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> Result<Terms> {
        let mut terms = self.below.terms(g, batch, mode)?;
        if mode == Mode::Train {
            let codes = g.detach(terms.latent.z)?;
            let codes = g.slice(codes, 0, 0..batch.size())?; // of several samples the first
            let upper = batch.with(g, "x", codes);
            let above = g.scoped(SCOPE, |g| self.above().terms(g, &upper, mode))?;
            let inner = above.players.into_iter();
            terms.players.extend(inner.map(|p| Player { scope: format!("{SCOPE}.{}", p.scope), loss: p.loss }));
            terms.players.push(Player { scope: SCOPE.into(), loss: above.loss });
            terms.figures.push((SCOPE, above.loss));
            terms.figures.extend(above.figures);
        }
        Ok(terms)
    }
    fn latent(&self) -> usize {
        self.below.latent()
    }
    fn bounded(&self) -> bool {
        self.below.bounded()
    }
    fn decode(&self, g: &mut Graph, z: Value, batch: &Batch) -> Result<Value> {
        self.below.decode(g, z, batch)
    }
    /// Codes from the upper model where it has any to give, E[z₁|y, z₂] of the column `label`; else from the lower prior.
    fn sample(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let Above::M2(m2) = &self.above else { return self.below.sample(g, batch) };
        let codes = g.full([batch.size(), self.latent()], 0.0)?; // for their shape
        let upper = batch.with(g, "x", codes);
        g.scoped(SCOPE, |g| {
            let z = m2.sample(g, &upper)?;
            m2.decode(g, z, &upper)
        })
    }
    fn log_weights(&self, g: &mut Graph, batch: &Batch, samples: usize) -> Result<Value> {
        self.below.log_weights(g, batch, samples)
    }
    fn classify(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let latent = self.below.encode(g, batch, 1, Mode::Eval)?;
        let upper = batch.with(g, "x", latent.mu);
        g.scoped(SCOPE, |g| self.above().classify(g, &upper))
    }
}
