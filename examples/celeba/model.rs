//! The model: four strided convolutions down, four transposed ones up, batch norm and relu between.

use wavae::nn::{Activation, BatchNorm, Conv, ConvTranspose, Flatten, Linear, Sequential, Start, Unflatten};
use wavae::vae::{DiagonalGaussian, GaussianPixels, Spread, Vae};

/// A VAE for 64×64 RGB images with `latent` dimensions, `width` channels at the images' end, eight times as many at the
/// codes' end, and Gaussian pixels of standard deviation `sigma`.
pub fn model(latent: usize, width: usize, sigma: f32) -> Vae {
    let mut encoder = Sequential::new();
    for (i, channels) in [width, 2 * width, 4 * width, 8 * width].into_iter().enumerate() {
        let block = Sequential::new()
            .then("conv", Conv::new(channels, 4).stride(2).pad(1).no_bias().start(Start::Kaiming))
            .then("norm", BatchNorm::default())
            .then("act", Activation::Relu);
        encoder = encoder.then(format!("block{}", i + 1), block);
    }
    let mut decoder = Sequential::new()
        .then("fc", Linear::new(4 * 4 * 8 * width).start(Start::Kaiming))
        .then("act", Activation::Relu)
        .then("unflatten", Unflatten::image(4, 4, 8 * width));
    for (i, channels) in [4 * width, 2 * width, width].into_iter().enumerate() {
        let block = Sequential::new()
            .then("conv", ConvTranspose::new(channels, 4).stride(2).pad(1).no_bias().start(Start::Kaiming))
            .then("norm", BatchNorm::default())
            .then("act", Activation::Relu);
        decoder = decoder.then(format!("block{}", i + 1), block);
    }
    let decoder = decoder.then("out", ConvTranspose::new(3, 4).stride(2).pad(1));
    let likelihood = GaussianPixels { sigma: Spread::Fixed(sigma) };
    Vae::new(encoder.then("flatten", Flatten), DiagonalGaussian::new(latent), decoder, likelihood)
}
