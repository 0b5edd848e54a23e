//! The layers of encoders and decoders of series [B, T, C].

use super::act::{Act, start};
use crate::error::{Error, Result};
use crate::nn::{Activation, Conv1d, ConvTranspose1d, Flatten, Linear, Module, Repeat, Sequential, Start, Unflatten};
use crate::tensor::Shape;

/// Steps and channels of a series of `shape`.
fn series(shape: &Shape) -> Result<[usize; 2]> {
    <[usize; 2]>::try_from(shape.dims())
        .map_err(|_| Error::Config(format!("this net takes series [T, C], not examples of {shape}")))
}

/// Steps of a series of `shape`, halved `times` times.
fn halved(shape: &Shape, times: usize) -> Result<usize> {
    let [steps, _] = series(shape)?;
    let whole = 1usize.checked_shl(times as u32).filter(|&by| steps % by == 0 && times > 0);
    whole.map(|by| steps / by).ok_or_else(|| Error::Config(format!("{steps} steps cannot be halved {times} times")))
}

/// Convolutions of 4 and stride 2 along time, then a dense layer.
pub(super) fn conv_encoder(shape: &Shape, channels: &[usize], activation: Act, dense: usize) -> Result<Sequential> {
    halved(shape, channels.len())?;
    let mut net = Sequential::new();
    for (i, &out) in (1..).zip(channels) {
        net = net.then(format!("conv{i}"), Conv1d::new(out, 4).stride(2).pad(1).start(start(activation)));
        net = net.then(format!("act{i}"), Activation::from(activation));
    }
    net = net.then("flatten", Flatten);
    if dense > 0 {
        net = net.then("fc", Linear::new(dense)).then("act", Activation::from(activation));
    }
    Ok(net)
}

/// The mirror of [`conv_encoder`], with `out` numbers a step.
pub(super) fn conv_decoder(
    shape: &Shape,
    channels: &[usize],
    activation: Act,
    dense: usize,
    out: usize,
) -> Result<Sequential> {
    let (steps, act) = (halved(shape, channels.len())?, Activation::from(activation));
    let mut net = Sequential::new();
    if dense > 0 {
        net = net.then("fc0", Linear::new(dense)).then("act0", act);
    }
    let top = channels[channels.len() - 1];
    net = net.then("fc", Linear::new(steps * top)).then("act", act);
    net = net.then("series", Unflatten { dims: vec![steps, top] });
    for (i, &out) in (1..).zip(channels.iter().rev().skip(1)) {
        let conv = ConvTranspose1d::new(out, 4).stride(2).pad(1).start(start(activation));
        net = net.then(format!("conv{i}"), conv).then(format!("act{i}"), act);
    }
    Ok(net.then("out", ConvTranspose1d::new(out, 4).stride(2).pad(1).start(Start::Xavier)))
}

/// A net for which the shape of an example is [T, C].
pub(super) fn encoder(shape: &Shape, net: Sequential) -> Result<Sequential> {
    series(shape).map(|_| net)
}

/// The code at every step, through the layer `net`, to `out` numbers a step.
pub(super) fn decoder(shape: &Shape, name: &str, net: impl Module + 'static, out: usize) -> Result<Sequential> {
    let [steps, _] = series(shape)?;
    let net = Sequential::new().then("repeat", Repeat { steps }).then(name, net);
    Ok(net.then("out", Linear::new(out).start(Start::Xavier)))
}
