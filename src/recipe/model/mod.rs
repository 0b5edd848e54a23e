//! Models by name.

mod act;
mod ladder;
mod multimodal;
mod nets;
mod parts;
mod quantized;
mod semi;
mod sequence;
mod series;
mod vae;

use super::data::Binarize;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::vae::{Binarized, Corruption, Model};
use serde::{Deserialize, Serialize};

pub use act::Act;
pub use ladder::{LadderSpec, LevelSpec};
pub use multimodal::{AlignmentSpec, JointSpec, ModalitySpec, MultimodalSpec};
pub use nets::{Net, NormSpec};
pub use parts::{
    CorruptionSpec, DeviationWord, FlowSpec, LikelihoodSpec, ObjectiveSpec, PosteriorSpec, PriorSpec, SpreadSpec,
    SpreadWord,
};
pub use quantized::{CodePriorSpec, QuantizedSpec};
pub use semi::{M1M2Spec, M1Spec, M2Spec};
pub use sequence::{ReaderSpec, SketchSpec, TextSpec, WriterSpec};
pub use vae::VaeSpec;

/// A model by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ModelSpec {
    /// Encoder × posterior × prior × decoder × likelihood × objective.
    Vae(VaeSpec),
    /// Levels of latents.
    Ladder(LadderSpec),
    /// Codes from a table of vectors.
    Quantized(QuantizedSpec),
    /// A classifier of the codes of a VAE.
    M1(M1Spec),
    /// The class as a latent variable that is sometimes seen.
    M2(M2Spec),
    /// That on the codes of a VAE.
    #[serde(rename = "m1m2")]
    M1M2(M1M2Spec),
    /// Sentences, word by word.
    Text(TextSpec),
    /// Sketches, movement by movement.
    Sketch(SketchSpec),
    /// Several modalities with one code.
    Multimodal(MultimodalSpec),
}

impl ModelSpec {
    /// The model for the training set `train`.
    ///
    /// # Errors
    /// Where it does not fit the data.
    pub fn build(&self, train: &Dataset, binarize: Binarize) -> Result<Box<dyn Model>> {
        let model: Box<dyn Model> = match self {
            Self::Vae(spec) => Box::new(spec.build(train)?),
            Self::Ladder(spec) => Box::new(spec.build(train)?),
            Self::Quantized(spec) => Box::new(spec.build(train)?),
            Self::M1(spec) => Box::new(spec.build(train)?),
            Self::M2(spec) => Box::new(spec.build(&train.example("x")?, train.classes)?),
            Self::M1M2(spec) => Box::new(spec.build(train)?),
            Self::Text(spec) => Box::new(spec.build(train)?),
            Self::Sketch(spec) => Box::new(spec.build(train)?),
            Self::Multimodal(spec) => Box::new(spec.build(train)?),
        };
        Ok(binarized(model, binarize))
    }

    /// A plain classifier of the same size: the way from x to the classes in this model.
    ///
    /// # Errors
    /// Where there is no such way, or it does not fit the data.
    pub fn classifier(&self, train: &Dataset, binarize: Binarize) -> Result<Box<dyn Model>> {
        let classifier = match self {
            Self::M1(spec) => spec.plain(train)?,
            Self::M2(spec) => spec.plain(&train.example("x")?, train.classes)?,
            Self::M1M2(spec) => spec.plain(train)?,
            _ => return Err(Error::Config("this model tells no classes apart; take another figure".into())),
        };
        Ok(binarized(Box::new(classifier), binarize))
    }
}

fn binarized(model: Box<dyn Model>, binarize: Binarize) -> Box<dyn Model> {
    match binarize {
        Binarize::Dynamic => Box::new(Binarized { inner: model }),
        _ => model,
    }
}

impl ModelSpec {
    /// The likelihood of `x`, where the model has one of those that single numbers can have.
    pub fn likelihood(&self) -> Option<LikelihoodSpec> {
        match self {
            Self::Vae(spec) => Some(spec.likelihood),
            Self::Ladder(spec) => Some(spec.likelihood),
            Self::Quantized(spec) => Some(spec.likelihood),
            Self::M2(spec) => Some(spec.likelihood),
            Self::M1(M1Spec { below, .. }) | Self::M1M2(M1M2Spec { below, .. }) => Some(below.likelihood),
            Self::Text(_) | Self::Sketch(_) | Self::Multimodal(_) => None,
        }
    }

    /// Whether the model is built for the classes of its data.
    pub fn conditional(&self) -> bool {
        match self {
            Self::Vae(spec) => spec.conditional,
            Self::M1(_) | Self::M2(_) | Self::M1M2(_) => true,
            _ => false,
        }
    }

    /// What the model does to its inputs in training.
    pub fn corruption(&self) -> Option<Corruption> {
        match self {
            Self::Vae(spec) => spec.corruption.map(Into::into),
            _ => None,
        }
    }
}
