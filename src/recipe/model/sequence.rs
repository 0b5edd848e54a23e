//! Models of sequences by name.

use super::family::Family;
use super::parts::{PosteriorSpec, PriorSpec};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::tensor::DType;
use crate::vae::{Elbo, Model, Pseudo, Reader, SequenceVae, Strokes, Words, Writer};
use serde::{Deserialize, Serialize};

/// An encoder of sequences.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ReaderSpec {
    /// Gated recurrent units.
    Gru {
        /// Numbers of the state.
        hidden: usize,
        /// Whether others read from the end, too.
        #[serde(default)]
        bidirectional: bool,
    },
    /// Long short-term memory.
    Lstm {
        /// Numbers of the state.
        hidden: usize,
        /// Whether others read from the end, too.
        #[serde(default)]
        bidirectional: bool,
    },
    /// A transformer.
    Transformer {
        /// Blocks.
        layers: usize,
        /// Heads of each, which divide the width.
        heads: usize,
    },
}

/// A decoder of sequences, element by element.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum WriterSpec {
    /// Gated recurrent units.
    Gru {
        /// Numbers of the state.
        hidden: usize,
    },
    /// Long short-term memory.
    Lstm {
        /// Numbers of the state.
        hidden: usize,
    },
    /// A causal transformer.
    Transformer {
        /// Blocks.
        layers: usize,
        /// Heads of each, which divide the width.
        heads: usize,
    },
}

impl From<ReaderSpec> for Reader {
    fn from(spec: ReaderSpec) -> Self {
        match spec {
            ReaderSpec::Gru { hidden, bidirectional } => Self::Gru { hidden, bidirectional },
            ReaderSpec::Lstm { hidden, bidirectional } => Self::Lstm { hidden, bidirectional },
            ReaderSpec::Transformer { layers, heads } => Self::Transformer { layers, heads },
        }
    }
}

impl From<WriterSpec> for Writer {
    fn from(spec: WriterSpec) -> Self {
        match spec {
            WriterSpec::Gru { hidden } => Self::Gru { hidden },
            WriterSpec::Lstm { hidden } => Self::Lstm { hidden },
            WriterSpec::Transformer { layers, heads } => Self::Transformer { layers, heads },
        }
    }
}

/// A [`SequenceVae`] of [`Words`] by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSpec {
    /// Latent dimensions.
    pub latent: usize,
    /// Numbers of a word's vector.
    pub width: usize,
    /// From sentences to features.
    pub encoder: ReaderSpec,
    /// From codes to sentences.
    pub decoder: WriterSpec,
    /// Probability that a word is `<unk>` to the decoder, in training.
    #[serde(default)]
    pub word_dropout: f32,
    /// Nats of KL that a latent dimension has for free.
    #[serde(default)]
    pub free_bits: f32,
    /// q(z|x).
    #[serde(default)]
    pub posterior: PosteriorSpec,
    /// p(z).
    #[serde(default)]
    pub prior: PriorSpec,
}

impl TextSpec {
    /// The model for the training set `train`.
    ///
    /// # Errors
    /// Data that are no text.
    pub fn build(&self, train: &Dataset) -> Result<SequenceVae> {
        let x = train.column("x")?;
        let text = x.ty().dtype == DType::U32 && x.shape.rank() == 2 && x.shape.last() > 1;
        if !text || train.vocabulary.is_empty() {
            return Err(Error::Config(format!("a text model takes tokens [N, T], not {}; take sentences", x.ty())));
        }
        Ok(SequenceVae {
            elements: Box::new(Words { vocabulary: train.vocabulary.len(), width: self.width }),
            reader: self.encoder.into(),
            posterior: self.posterior.build(self.latent),
            prior: self.prior.build(Pseudo::Real),
            writer: self.decoder.into(),
            dropout: self.word_dropout,
            objective: Elbo { free_bits: self.free_bits, capacity: None },
        })
    }
}

/// A [`SequenceVae`] of [`Strokes`] by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SketchSpec {
    /// Latent dimensions.
    pub latent: usize,
    /// Gaussians of a movement.
    pub components: usize,
    /// From sketches to features.
    pub encoder: ReaderSpec,
    /// From codes to sketches.
    pub decoder: WriterSpec,
    /// Probability that a step is kept from the decoder, in training.
    #[serde(default)]
    pub dropout: f32,
    /// Nats of KL that a latent dimension has for free.
    #[serde(default)]
    pub free_bits: f32,
    /// q(z|x).
    #[serde(default)]
    pub posterior: PosteriorSpec,
    /// p(z).
    #[serde(default)]
    pub prior: PriorSpec,
}

impl SketchSpec {
    /// The model for the training set `train`, whose movements set the scale.
    ///
    /// # Errors
    /// Data that are no sketches.
    pub fn build(&self, train: &Dataset) -> Result<SequenceVae> {
        let x = train.column("x")?;
        if x.ty().dtype != DType::F32 || x.shape.rank() != 3 || x.shape.last() != 5 || x.shape.dims()[1] < 2 {
            return Err(Error::Config(format!("a sketch model takes steps [N, T, 5], not {}; take sketches", x.ty())));
        }
        Ok(SequenceVae {
            elements: Box::new(Strokes::like(train.floats("x")?, self.components)?),
            reader: self.encoder.into(),
            posterior: self.posterior.build(self.latent),
            prior: self.prior.build(Pseudo::Real),
            writer: self.decoder.into(),
            dropout: self.dropout,
            objective: Elbo { free_bits: self.free_bits, capacity: None },
        })
    }
}

impl Family for TextSpec {
    fn model(&self, train: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.build(train)?))
    }
    fn free_bits(&self) -> f32 {
        self.free_bits
    }
    fn autoregressive(&self) -> bool {
        true
    }
}

impl Family for SketchSpec {
    fn model(&self, train: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.build(train)?))
    }
    fn free_bits(&self) -> f32 {
        self.free_bits
    }
    fn autoregressive(&self) -> bool {
        true
    }
}
