//! Encoders and decoders by name.

use super::act::{Act, start};
use super::series;
use crate::error::{Error, Result};
use crate::nn::{
    Activation, BatchNorm, Conv, ConvTranspose, Flatten, GroupNorm, Gru, ImageAttention, LastState, Linear, Lstm,
    MeanStep, Residual, Sequential, Start, Transformer, Unflatten, Upsample,
};
use crate::tensor::Shape;
use serde::{Deserialize, Serialize};

/// A normalization by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormSpec {
    /// None.
    #[default]
    None,
    /// Over the batch.
    Batch,
    /// Over a group for every 8 channels: of 8 or more, all of one size.
    Group,
}

/// An encoder, or the decoder that mirrors it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Net {
    /// Dense layers.
    Mlp {
        /// Units of each hidden layer; none for a linear map.
        hidden: Vec<usize>,
        /// Between them.
        #[serde(default)]
        activation: Act,
    },
    /// Convolutions of 4×4 and stride 2, one for each entry, then a dense layer where `dense` is above 0.
    Conv {
        /// Channels of each, from the images on.
        channels: Vec<usize>,
        /// After each.
        #[serde(default)]
        norm: NormSpec,
        /// After that.
        #[serde(default)]
        activation: Act,
        /// Units of a dense layer between convolutions and codes; 0 for none.
        #[serde(default)]
        dense: usize,
    },
    /// Residual blocks of two 3×3 convolutions with group norm, each followed by halving (pooling) or doubling.
    Residual {
        /// Channels of each block, from the images on.
        channels: Vec<usize>,
        /// Inside of the blocks.
        #[serde(default)]
        activation: Act,
        /// Whether the pixels of the smallest image see each other: a block of self-attention there.
        #[serde(default)]
        attention: bool,
    },
    /// Of series: convolutions of 4 and stride 2 along time, one for each entry, then a dense layer where `dense` is above
    /// 0.
    Conv1d {
        /// Channels of each, from the series on.
        channels: Vec<usize>,
        /// After each.
        #[serde(default)]
        activation: Act,
        /// Units of a dense layer between convolutions and codes; 0 for none.
        #[serde(default)]
        dense: usize,
    },
    /// Of series: gated recurrent units.
    Gru {
        /// Numbers of the state.
        hidden: usize,
        /// Whether others read and write from the end, too.
        #[serde(default)]
        bidirectional: bool,
    },
    /// Of series: long short-term memory.
    Lstm {
        /// Numbers of the state.
        hidden: usize,
        /// Whether others read and write from the end, too.
        #[serde(default)]
        bidirectional: bool,
    },
    /// Of series: transformer blocks in which every step sees all others, with a learned vector for each position.
    Transformer {
        /// Numbers of a step inside.
        width: usize,
        /// Blocks.
        layers: usize,
        /// Heads of each, which divide the width.
        heads: usize,
    },
}

fn normed(net: Sequential, norm: NormSpec, channels: usize, i: usize) -> Sequential {
    match norm {
        NormSpec::None => net,
        NormSpec::Batch => net.then(format!("norm{i}"), BatchNorm::default()),
        NormSpec::Group => net.then(format!("norm{i}"), GroupNorm::new((channels / 8).max(1))),
    }
}

/// Height and width of an image of `shape`, and its channels, halved `times` times.
pub(super) fn halved(shape: &Shape, times: usize) -> Result<[usize; 3]> {
    let &[height, width, channels] = shape.dims() else {
        return Err(Error::Config(format!("convolutions take images [H, W, C], not examples of {shape}")));
    };
    let whole = 1usize.checked_shl(times as u32).filter(|&by| height % by == 0 && width % by == 0 && times > 0);
    match whole {
        Some(by) => Ok([height / by, width / by, channels]),
        None => Err(Error::Config(format!("images of {height}×{width} cannot be halved {times} times"))),
    }
}

fn block(out: usize, activation: Activation) -> Residual {
    let mut inner = Sequential::new();
    for i in 1..=2 {
        inner = inner
            .then(format!("norm{i}"), GroupNorm::new(1))
            .then(format!("act{i}"), activation)
            .then(format!("conv{i}"), Conv::new(out, 3).pad(1));
    }
    Residual::new(inner)
}

impl Net {
    /// From examples of `shape` to features [B, F].
    ///
    /// # Errors
    /// Where it does not fit the examples.
    pub fn encoder(&self, shape: &Shape) -> Result<Sequential> {
        let mut net = Sequential::new();
        match self {
            Self::Mlp { hidden, activation } => {
                net = net.then("flatten", Flatten);
                for (i, &units) in (1..).zip(hidden) {
                    net = net.then(format!("fc{i}"), Linear::new(units).start(start(*activation)));
                    net = net.then(format!("act{i}"), Activation::from(*activation));
                }
            }
            Self::Conv { channels, norm, activation, dense } => {
                halved(shape, channels.len())?;
                for (i, &out) in (1..).zip(channels) {
                    let conv = Conv::new(out, 4).stride(2).pad(1).start(start(*activation));
                    // A batch norm takes the mean out again: a bias before it would have no gradient.
                    let conv = if *norm == NormSpec::Batch { conv.no_bias() } else { conv };
                    net = net.then(format!("conv{i}"), conv);
                    net = normed(net, *norm, out, i).then(format!("act{i}"), Activation::from(*activation));
                }
                net = net.then("flatten", Flatten);
                if *dense > 0 {
                    net = net.then("fc", Linear::new(*dense)).then("act", Activation::from(*activation));
                }
            }
            Self::Residual { channels, activation, attention } => {
                halved(shape, channels.len())?;
                net = net.then("conv", Conv::new(channels[0], 3).pad(1));
                for (i, &out) in (1..).zip(channels) {
                    net = net.then(format!("block{i}"), block(out, (*activation).into()));
                    net = net.then(format!("pool{i}"), crate::nn::AvgPool(2));
                }
                if *attention {
                    net = net.then("attention", ImageAttention::new(1));
                }
                net = net.then("act", Activation::from(*activation)).then("flatten", Flatten);
            }
            Self::Conv1d { channels, activation, dense } => {
                net = series::conv_encoder(shape, channels, *activation, *dense)?;
            }
            &Self::Gru { hidden, bidirectional } => {
                net = series::encoder(shape, net.then("gru", LastState(Gru { hidden, bidirectional })))?;
            }
            &Self::Lstm { hidden, bidirectional } => {
                net = series::encoder(shape, net.then("lstm", LastState(Lstm { hidden, bidirectional })))?;
            }
            &Self::Transformer { width, layers, heads } => {
                let blocks = Transformer { width, layers, heads };
                net = series::encoder(shape, net.then("transformer", blocks).then("mean", MeanStep))?;
            }
        }
        Ok(net)
    }

    /// From codes to examples of `shape` with `width` numbers for each of theirs.
    ///
    /// # Errors
    /// Where it does not fit the examples.
    pub fn decoder(&self, shape: &Shape, width: usize) -> Result<Sequential> {
        let mut net = Sequential::new();
        let mut dims = shape.dims().to_vec();
        let Some(last) = dims.last_mut() else {
            return Err(Error::Config("examples of single numbers have no last axis; give them one".into()));
        };
        *last *= width;
        match self {
            Self::Mlp { hidden, activation } => {
                for (i, &units) in (1..).zip(hidden.iter().rev()) {
                    net = net.then(format!("fc{i}"), Linear::new(units).start(start(*activation)));
                    net = net.then(format!("act{i}"), Activation::from(*activation));
                }
                let out = Linear::new(dims.iter().product()).start(Start::Xavier);
                net = net.then("out", out).then("shape", Unflatten { dims });
            }
            Self::Conv { channels, norm, activation, dense } => {
                let [height, wide, _] = halved(shape, channels.len())?;
                let act = Activation::from(*activation);
                if *dense > 0 {
                    net = net.then("fc0", Linear::new(*dense)).then("act0", act);
                }
                let top = channels[channels.len() - 1];
                net = net.then("fc", Linear::new(height * wide * top)).then("act", act);
                net = net.then("image", Unflatten::image(height, wide, top));
                for (i, &out) in (1..).zip(channels.iter().rev().skip(1)) {
                    let conv = ConvTranspose::new(out, 4).stride(2).pad(1).start(start(*activation));
                    let conv = if *norm == NormSpec::Batch { conv.no_bias() } else { conv };
                    net = net.then(format!("conv{i}"), conv);
                    net = normed(net, *norm, out, i).then(format!("act{i}"), act);
                }
                net = net.then("out", ConvTranspose::new(dims[2], 4).stride(2).pad(1));
            }
            Self::Residual { channels, activation, attention } => {
                let [height, wide, _] = halved(shape, channels.len())?;
                let top = channels[channels.len() - 1];
                net = net.then("fc", Linear::new(height * wide * top));
                net = net.then("image", Unflatten::image(height, wide, top));
                if *attention {
                    net = net.then("attention", ImageAttention::new(1));
                }
                for (i, &out) in (1..).zip(channels.iter().rev()) {
                    net = net.then(format!("block{i}"), block(out, (*activation).into()));
                    net = net.then(format!("up{i}"), Upsample(2));
                }
                net = net.then("norm", GroupNorm::new(1)).then("act", Activation::from(*activation));
                net = net.then("out", Conv::new(dims[2], 3).pad(1));
            }
            Self::Conv1d { channels, activation, dense } => {
                let out = dims[dims.len() - 1];
                net = series::conv_decoder(shape, channels, *activation, *dense, out)?;
            }
            &Self::Gru { hidden, bidirectional } => {
                net = series::decoder(shape, "gru", Gru { hidden, bidirectional }, dims[dims.len() - 1])?;
            }
            &Self::Lstm { hidden, bidirectional } => {
                net = series::decoder(shape, "lstm", Lstm { hidden, bidirectional }, dims[dims.len() - 1])?;
            }
            &Self::Transformer { width, layers, heads } => {
                let blocks = Transformer { width, layers, heads };
                net = series::decoder(shape, "transformer", blocks, dims[dims.len() - 1])?;
            }
        }
        Ok(net)
    }
}
