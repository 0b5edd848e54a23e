//! The model: a fully connected encoder and its mirror image, so that images of any size fit.

use wavae::nn::{Activation, Flatten, Linear, Sequential, Start, Unflatten};
use wavae::vae::{BernoulliLogits, DiagonalGaussian, Vae};

/// Widths of the encoder's hidden layers; the decoder's are the same in reverse.
const WIDTHS: [usize; 3] = [512, 256, 128];

fn layers(widths: impl Iterator<Item = usize>, mut stack: Sequential) -> Sequential {
    for (i, width) in widths.enumerate() {
        let layer = Linear::new(width).start(Start::Kaiming);
        stack = stack.then(format!("fc{}", i + 1), layer).then(format!("act{}", i + 1), Activation::Relu);
    }
    stack
}

/// A VAE for grey images of `height`×`width` pixels, each a Bernoulli variable whose mean is the grey value.
pub fn model(latent: usize, height: usize, width: usize) -> Vae {
    let encoder = layers(WIDTHS.into_iter(), Sequential::new().then("flatten", Flatten));
    let decoder = layers(WIDTHS.into_iter().rev(), Sequential::new())
        .then("out", Linear::new(height * width))
        .then("unflatten", Unflatten::image(height, width, 1));
    Vae::new(encoder, DiagonalGaussian::new(latent), decoder, BernoulliLogits)
}
