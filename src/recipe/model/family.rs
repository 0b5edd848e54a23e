//! What a run asks of a family of models. Each implements it in its own file; `ModelSpec` only says which there are.

use super::numbers::Of;
use super::parts::LikelihoodSpec;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::vae::{Classifier, Corruption, Model};

/// The settings of a model.
pub(in crate::recipe) trait Family {
    /// The model for the training set `train`.
    ///
    /// # Errors
    /// Where it does not fit the data.
    fn model(&self, train: &Dataset) -> Result<Box<dyn Model>>;

    /// A plain classifier of the same size: the way from x to the classes in this model.
    ///
    /// # Errors
    /// Where there is no such way, or it does not fit the data.
    fn classifier(&self, _train: &Dataset) -> Result<Classifier> {
        Err(Error::Config("this model tells no classes apart; take another figure".into()))
    }

    /// The likelihood of `x`, where it is one of those that single numbers can have.
    fn likelihood(&self) -> Option<LikelihoodSpec> {
        None
    }

    /// The likelihoods that are held to columns of the data.
    fn likelihoods(&self) -> Vec<Of<'_>> {
        self.likelihood().map(|likelihood| ("model.likelihood".into(), "x", likelihood)).into_iter().collect()
    }

    /// Whether the model is built for the classes of its data.
    fn conditional(&self) -> bool {
        false
    }

    /// What the model does to its inputs in training.
    fn corruption(&self) -> Option<Corruption> {
        None
    }

    /// Nats of KL that a latent dimension has for free.
    fn free_bits(&self) -> f32 {
        0.0
    }

    /// Whether the decoder sees what comes before, and so can do without a code.
    fn autoregressive(&self) -> bool {
        false
    }
}
