//! A model of several modalities by name.

use super::family::Family;
use super::nets::Net;
use super::numbers::Of;
use super::parts::LikelihoodSpec;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::tensor::Shape;
use crate::vae::{Alignment, DiagonalGaussian, Joint, Modality, Model, Multimodal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the posteriors of the modalities become one, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JointSpec {
    /// The product of all that are present.
    #[default]
    Product,
    /// The mixture of the single ones.
    Mixture,
    /// The mixture of the products of all subsets.
    MixtureOfProducts,
}

/// What draws the posteriors of single modalities together, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AlignmentSpec {
    /// Nothing.
    #[default]
    None,
    /// The KL from that of all.
    Kl {
        /// Its weight.
        weight: f32,
    },
    /// Finding the partner among the batch.
    Contrast {
        /// Its weight.
        weight: f32,
    },
}

/// A modality by the names of its parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModalitySpec {
    /// From x to features. A picture without channels is one of a single channel.
    pub encoder: Net,
    /// From z to x; the encoder's mirror where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<Net>,
    /// p(x|z).
    pub likelihood: LikelihoodSpec,
    /// Weight of its reconstruction in the loss.
    #[serde(default = "one")]
    pub weight: f32,
}

fn one() -> f32 {
    1.0
}

/// The parts of a [`Multimodal`] by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultimodalSpec {
    /// Latent dimensions.
    pub latent: usize,
    /// The joint posterior.
    #[serde(default)]
    pub joint: JointSpec,
    /// What else holds the posteriors together.
    #[serde(default)]
    pub alignment: AlignmentSpec,
    /// By column.
    pub modalities: BTreeMap<String, ModalitySpec>,
}

impl MultimodalSpec {
    pub(super) fn build(&self, train: &Dataset) -> Result<Multimodal> {
        if self.modalities.is_empty() {
            return Err(Error::Config(
                "a model of several modalities needs a table model.modalities.COLUMN for each".into(),
            ));
        }
        let modality = |(column, spec): (&String, &ModalitySpec)| {
            let shape = viewed(train.example(column)?);
            let likelihood = spec.likelihood.build();
            let decoder = spec.decoder.as_ref().unwrap_or(&spec.encoder).decoder(&shape, likelihood.width())?;
            Ok(Modality {
                column: column.clone(),
                encoder: Box::new(spec.encoder.encoder(&shape)?),
                decoder: Box::new(decoder),
                likelihood,
                weight: spec.weight,
                shape,
            })
        };
        Ok(Multimodal {
            modalities: self.modalities.iter().map(modality).collect::<Result<_>>()?,
            expert: DiagonalGaussian::new(self.latent),
            joint: match self.joint {
                JointSpec::Product => Joint::Product,
                JointSpec::Mixture => Joint::Mixture,
                JointSpec::MixtureOfProducts => Joint::MixtureOfProducts,
            },
            alignment: match self.alignment {
                AlignmentSpec::None => Alignment::None,
                AlignmentSpec::Kl { weight } => Alignment::Kl(weight),
                AlignmentSpec::Contrast { weight } => Alignment::Contrast(weight),
            },
        })
    }
}

impl Family for MultimodalSpec {
    fn model(&self, train: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.build(train)?))
    }
    fn likelihoods(&self) -> Vec<Of<'_>> {
        let key = |column: &str| format!("model.modalities.{column}.likelihood");
        self.modalities.iter().map(|(column, spec)| (key(column), column.as_str(), spec.likelihood)).collect()
    }
}

/// [H, W] as a picture of one channel; others as they are.
fn viewed(shape: Shape) -> Shape {
    match *shape.dims() {
        [height, width] => [height, width, 1].into(),
        _ => shape,
    }
}
