//! Vector-quantized models by name.

use super::act::{Act, start};
use super::family::Family;
use super::nets::halved;
use super::parts::LikelihoodSpec;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::nn::{Activation, Conv, ConvTranspose, Residual, Sequential};
use crate::vae::{CodePrior, Codebook, Model, VectorQuantized};
use serde::{Deserialize, Serialize};

/// The parts of a [`VectorQuantized`] by name: convolutions that halve the image, residual blocks, and their mirror.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantizedSpec {
    /// Vectors in the table.
    pub codes: usize,
    /// Numbers in a vector.
    pub width: usize,
    /// Channels after each halving.
    pub channels: Vec<usize>,
    /// Residual blocks at the grid's size, in the encoder and in the decoder.
    #[serde(default)]
    pub blocks: usize,
    /// Between layers.
    #[serde(default)]
    pub activation: Act,
    /// p(x|e).
    pub likelihood: LikelihoodSpec,
    /// β, the weight of the encoder's distance to its codes.
    #[serde(default = "commitment")]
    pub commitment: f32,
    /// What remains of the table's running sums after a step.
    #[serde(default = "decay")]
    pub decay: f32,
    /// The share of the mean count below which a code is drawn anew.
    #[serde(default = "restart")]
    pub restart: f32,
    /// The trained prior of codes; uniform without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<CodePriorSpec>,
}

/// A [`CodePrior`] by its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodePriorSpec {
    /// Numbers at a place.
    pub width: usize,
    /// Transformer blocks.
    pub blocks: usize,
    /// Heads of each.
    pub heads: usize,
}

fn commitment() -> f32 {
    0.25
}
fn decay() -> f32 {
    0.99
}
fn restart() -> f32 {
    0.1
}

impl QuantizedSpec {
    /// The model for the training set `train`.
    ///
    /// # Errors
    /// Where it does not fit the data.
    pub fn build(&self, train: &Dataset) -> Result<VectorQuantized> {
        let [height, width, channels] = halved(&train.example("x")?, self.channels.len())?;
        let likelihood = self.likelihood.build();
        Ok(VectorQuantized {
            encoder: Box::new(self.encoder()),
            grid: [height, width],
            codebook: Codebook { codes: self.codes, width: self.width, decay: self.decay, restart: self.restart },
            commitment: self.commitment,
            decoder: Box::new(self.decoder(channels * likelihood.width())?),
            likelihood,
            prior: self.prior.map(|CodePriorSpec { width, blocks, heads }| CodePrior { width, blocks, heads }),
        })
    }

    fn encoder(&self) -> Sequential {
        let act = Activation::from(self.activation);
        let mut net = Sequential::new();
        for (i, &out) in (1..).zip(&self.channels) {
            let conv = Conv::new(out, 4).stride(2).pad(1).start(start(self.activation));
            net = net.then(format!("conv{i}"), conv).then(format!("act{i}"), act);
        }
        self.residual(net)
    }

    fn decoder(&self, out: usize) -> Result<Sequential> {
        let act = Activation::from(self.activation);
        let none = || Error::Config("a quantized model halves the image at least once; give it channels".into());
        let top = *self.channels.last().ok_or_else(none)?;
        let net = Sequential::new().then("conv", Conv::new(top, 3).pad(1).start(start(self.activation)));
        let mut net = self.residual(net).then("act", act);
        for (i, &out) in (1..).zip(self.channels.iter().rev().skip(1)) {
            let conv = ConvTranspose::new(out, 4).stride(2).pad(1).start(start(self.activation));
            net = net.then(format!("conv{i}"), conv).then(format!("act{i}"), act);
        }
        Ok(net.then("out", ConvTranspose::new(out, 4).stride(2).pad(1)))
    }

    /// Activation, 3×3, activation, 1×1 (van den Oord 2017, section 4.1).
    fn residual(&self, mut net: Sequential) -> Sequential {
        let act = Activation::from(self.activation);
        let Some(&top) = self.channels.last() else { return net };
        for i in 1..=self.blocks {
            let wide = Conv::new((top / 2).max(1), 3).pad(1).start(start(self.activation));
            let inner = Sequential::new().then("act1", act).then("conv1", wide);
            net =
                net.then(format!("block{i}"), Residual::new(inner.then("act2", act).then("conv2", Conv::new(top, 1))));
        }
        net
    }
}

impl Family for QuantizedSpec {
    fn model(&self, train: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.build(train)?))
    }
    fn likelihood(&self) -> Option<LikelihoodSpec> {
        Some(self.likelihood)
    }
}
