//! Hierarchies of latent levels by name.

use super::act::Act;
use super::family::Family;
use super::nets::Net;
use super::parts::LikelihoodSpec;
use crate::data::Dataset;
use crate::error::Result;
use crate::vae::{Ladder, Level, Model};
use serde::{Deserialize, Serialize};

/// The parts of a [`Ladder`] by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LadderSpec {
    /// From the data upwards.
    pub levels: Vec<LevelSpec>,
    /// From x to the features of the first level.
    pub encoder: Net,
    /// From the first level's code and state to x; the encoder's mirror where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<Net>,
    /// Between the levels.
    #[serde(default)]
    pub activation: Act,
    /// p(x|z).
    pub likelihood: LikelihoodSpec,
    /// Nats of KL that a latent dimension has for free.
    #[serde(default)]
    pub free_bits: f32,
}

/// A level by its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelSpec {
    /// Latent dimensions.
    pub latent: usize,
    /// Units of the layer above it in either direction; of no use at the top.
    #[serde(default = "hidden")]
    pub hidden: usize,
}

fn hidden() -> usize {
    64
}

impl LadderSpec {
    /// The model for the training set `train`.
    ///
    /// # Errors
    /// Where it does not fit the data.
    pub fn build(&self, train: &Dataset) -> Result<Ladder> {
        let shape = train.example("x")?;
        let likelihood = self.likelihood.build();
        let decoder = self.decoder.as_ref().unwrap_or(&self.encoder).decoder(&shape, likelihood.width())?;
        Ok(Ladder {
            encoder: Box::new(self.encoder.encoder(&shape)?),
            levels: self.levels.iter().map(|&LevelSpec { latent, hidden }| Level { latent, hidden }).collect(),
            activation: self.activation.into(),
            decoder: Box::new(decoder),
            likelihood,
            free_bits: self.free_bits,
        })
    }
}

impl Family for LadderSpec {
    fn model(&self, train: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.build(train)?))
    }
    fn likelihood(&self) -> Option<LikelihoodSpec> {
        Some(self.likelihood)
    }
    fn free_bits(&self) -> f32 {
        self.free_bits
    }
}
