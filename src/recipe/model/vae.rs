//! The parts of a VAE by name.

use super::family::Family;
use super::nets::Net;
use super::parts::{CorruptionSpec, LikelihoodSpec, ObjectiveSpec, PosteriorSpec, PriorSpec};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::vae::{Corruption, Model, Vae};
use serde::{Deserialize, Serialize};

/// The parts of a [`Vae`] by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaeSpec {
    /// Latent dimensions.
    pub latent: usize,
    /// From x to features.
    pub encoder: Net,
    /// From z to x; the encoder's mirror where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<Net>,
    /// p(x|z).
    pub likelihood: LikelihoodSpec,
    /// q(z|x).
    #[serde(default)]
    pub posterior: PosteriorSpec,
    /// p(z).
    #[serde(default)]
    pub prior: PriorSpec,
    /// What is minimised.
    #[serde(default)]
    pub objective: ObjectiveSpec,
    /// Whether the model is given the class of each example.
    #[serde(default)]
    pub conditional: bool,
    /// Noise on inputs in training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corruption: Option<CorruptionSpec>,
}

impl VaeSpec {
    pub(super) fn build(&self, train: &Dataset) -> Result<Vae> {
        let shape = train.example("x")?;
        let likelihood = self.likelihood.build();
        let decoder = self.decoder.as_ref().unwrap_or(&self.encoder).decoder(&shape, likelihood.width())?;
        let classes = match (self.conditional, train.classes) {
            (false, _) => None,
            (true, 0) => return Err(Error::Config("a conditional model needs data with labels".into())),
            (true, classes) => Some(classes),
        };
        Ok(Vae {
            encoder: Box::new(self.encoder.encoder(&shape)?),
            posterior: self.posterior.build(self.latent),
            prior: self.prior.build(self.likelihood.pseudo()),
            decoder: Box::new(decoder),
            likelihood,
            objective: self.objective.build(train.len(), &shape)?,
            classes,
            corruption: self.corruption.map(Into::into),
        })
    }
}

impl Family for VaeSpec {
    fn model(&self, train: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.build(train)?))
    }
    fn likelihood(&self) -> Option<LikelihoodSpec> {
        Some(self.likelihood)
    }
    fn conditional(&self) -> bool {
        self.conditional
    }
    fn corruption(&self) -> Option<Corruption> {
        self.corruption.map(Into::into)
    }
    fn free_bits(&self) -> f32 {
        match self.objective {
            ObjectiveSpec::Elbo { free_bits, .. } => free_bits,
            _ => 0.0,
        }
    }
}
