//! Reference models of fixed shape, which benches and whole-model tests measure by.

use super::{BernoulliLogits, DiagonalGaussian, GaussianPixels, Spread, Vae};
use crate::nn::{Activation, BatchNorm, Conv, ConvTranspose, Flatten, Linear, Sequential, Unflatten};

/// W1, 28×28×1 images in [0, 1]: 784-512-(20 μ, 20 ln σ²)-512-784, relu, Bernoulli pixels.
pub fn mlp_mnist() -> Vae {
    let encoder =
        Sequential::new().then("flatten", Flatten).then("linear1", Linear::new(512)).then("relu1", Activation::Relu);
    let decoder = Sequential::new()
        .then("linear1", Linear::new(512))
        .then("relu1", Activation::Relu)
        .then("linear2", Linear::new(784))
        .then("unflatten", Unflatten::image(28, 28, 1));
    Vae::new(encoder, DiagonalGaussian::new(20), decoder, BernoulliLogits)
}

/// W2, 64×64×3 images in [0, 1]: four 4×4 convolutions of stride 2 (32, 64, 128, 256 channels), each with batch norm and
/// relu, dense heads, 128 latent dimensions; a dense layer to 4×4×256 and four transposed convolutions (128, 64, 32, 3
/// channels), batch norm and relu between them; Gaussian pixels with σ = 0.1. About 0.32 GFLOP an image forward and back.
pub fn conv_celeba64() -> Vae {
    conv_celeba64_wide(1)
}

/// W2 with `width` times the channels in every layer between the images, the same latent dimensions.
pub fn conv_celeba64_wide(width: usize) -> Vae {
    let width = width.max(1);
    let mut encoder = Sequential::new();
    for (i, channels) in [32, 64, 128, 256].into_iter().enumerate() {
        let conv = Conv::new(width * channels, 4).stride(2).pad(1).no_bias(); // the norm has a bias of its own
        encoder = encoder
            .then(format!("conv{}", i + 1), conv)
            .then(format!("norm{}", i + 1), BatchNorm::default())
            .then(format!("relu{}", i + 1), Activation::Relu);
    }
    let mut decoder = Sequential::new()
        .then("linear", Linear::new(4 * 4 * 256 * width))
        .then("unflatten", Unflatten::image(4, 4, 256 * width));
    for (i, channels) in [128, 64, 32].into_iter().enumerate() {
        let conv = ConvTranspose::new(width * channels, 4).stride(2).pad(1).no_bias();
        decoder = decoder
            .then(format!("conv{}", i + 1), conv)
            .then(format!("norm{}", i + 1), BatchNorm::default())
            .then(format!("relu{}", i + 1), Activation::Relu);
    }
    let (encoder, decoder) =
        (encoder.then("flatten", Flatten), decoder.then("conv4", ConvTranspose::new(3, 4).stride(2).pad(1)));
    Vae::new(encoder, DiagonalGaussian::new(128), decoder, GaussianPixels { sigma: Spread::Fixed(0.1) })
}
