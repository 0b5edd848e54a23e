//! Models by name.

mod act;
mod family;
mod ladder;
mod multimodal;
mod nets;
mod numbers;
mod parts;
mod quantized;
mod semi;
mod sequence;
mod series;
mod vae;

use super::data::Binarize;
use crate::data::Dataset;
use crate::error::Result;
use crate::vae::{Binarized, Model};
use serde::{Deserialize, Serialize};

pub(super) use family::Family;

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
    /// What a run asks of the model's family.
    pub(super) fn family(&self) -> &dyn Family {
        match self {
            Self::Vae(spec) => spec,
            Self::Ladder(spec) => spec,
            Self::Quantized(spec) => spec,
            Self::M1(spec) => spec,
            Self::M2(spec) => spec,
            Self::M1M2(spec) => spec,
            Self::Text(spec) => spec,
            Self::Sketch(spec) => spec,
            Self::Multimodal(spec) => spec,
        }
    }

    /// The model for the training set `train`.
    ///
    /// # Errors
    /// Where it does not fit the data.
    pub fn build(&self, train: &Dataset, binarize: Binarize) -> Result<Box<dyn Model>> {
        self.fit(train, binarize)?;
        Ok(binarized(self.family().model(train)?, binarize))
    }

    /// Whether `set` holds numbers that the likelihoods are of, and that bits can be drawn for.
    ///
    /// # Errors
    /// Where it does not; which key, what the column holds, what would fit.
    pub(super) fn fit(&self, set: &Dataset, binarize: Binarize) -> Result<()> {
        if binarize == Binarize::Dynamic {
            numbers::probabilities(set)?;
        }
        numbers::fit(&self.family().likelihoods(), set)
    }

    /// A plain classifier of the same size: the way from x to the classes in this model.
    ///
    /// # Errors
    /// Where there is no such way, or it does not fit the data.
    pub fn classifier(&self, train: &Dataset, binarize: Binarize) -> Result<Box<dyn Model>> {
        Ok(binarized(Box::new(self.family().classifier(train)?), binarize))
    }
}

fn binarized(model: Box<dyn Model>, binarize: Binarize) -> Box<dyn Model> {
    match binarize {
        Binarize::Dynamic => Box::new(Binarized { inner: model }),
        _ => model,
    }
}
