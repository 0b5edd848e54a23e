//! W1 and W2 in burn, as `src/vae/zoo.rs` of wavae describes them. Images are NCHW, burn's layout.

use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::prelude::*;
use burn::tensor::Distribution;
use burn::tensor::activation::{log_sigmoid, relu, sigmoid};

/// Mean and logarithm of the variance, a draw from it, and the KL divergence from the standard normal, summed.
fn posterior(mu: Tensor<2>, logvar: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
    let logvar = logvar.clamp(-12.0, 6.0);
    let noise = mu.random_like(Distribution::Normal(0.0, 1.0));
    let z = mu.clone() + (logvar.clone() * 0.5).exp() * noise;
    let kl = (mu.clone() * mu + logvar.clone().exp() - 1.0 - logvar).sum() * 0.5;
    (z, kl)
}

/// W1: 784-512-(20, 20)-512-784, Bernoulli pixels.
#[derive(Module, Debug)]
pub struct Mlp {
    encoder: Linear,
    mu: Linear,
    logvar: Linear,
    decoder: Linear,
    output: Linear,
}

impl Mlp {
    pub fn new(device: &Device) -> Self {
        Self {
            encoder: LinearConfig::new(784, 512).init(device),
            mu: LinearConfig::new(512, 20).init(device),
            logvar: LinearConfig::new(512, 20).init(device),
            decoder: LinearConfig::new(20, 512).init(device),
            output: LinearConfig::new(512, 784).init(device),
        }
    }

    /// Negative ELBO, the mean over images `[n, 784]`.
    pub fn loss(&self, x: Tensor<2>) -> Tensor<1> {
        let images = x.dims()[0] as f64;
        let h = relu(self.encoder.forward(x.clone()));
        let (z, kl) = posterior(self.mu.forward(h.clone()), self.logvar.forward(h));
        let logits = self.output.forward(relu(self.decoder.forward(z)));
        // as burn's own BinaryCrossEntropyLoss, whose targets are integers
        let nll = ((x.neg() + 1.0) * logits.clone() - log_sigmoid(logits)).sum();
        (nll + kl) / images
    }
}

/// W2: four strided convolutions, 128 latent dimensions, four transposed convolutions, Gaussian pixels.
#[derive(Module, Debug)]
pub struct Conv {
    down: Vec<Conv2d>,
    down_norms: Vec<BatchNorm>,
    mu: Linear,
    logvar: Linear,
    decoder: Decoder,
}

/// W2's decoder, which is W5.
#[derive(Module, Debug)]
pub struct Decoder {
    linear: Linear,
    up: Vec<ConvTranspose2d>,
    norms: Vec<BatchNorm>,
}

impl Decoder {
    pub fn new(device: &Device) -> Self {
        let conv = |i: usize, o: usize| {
            ConvTranspose2dConfig::new([i, o], [4, 4])
                .with_stride([2, 2])
                .with_padding([1, 1])
                .with_bias(o == 3)
                .init(device)
        };
        Self {
            linear: LinearConfig::new(128, 4096).init(device),
            up: vec![conv(256, 128), conv(128, 64), conv(64, 32), conv(32, 3)],
            norms: [128, 64, 32].map(|n| BatchNormConfig::new(n).init(device)).to_vec(),
        }
    }

    /// Pixel means `[n, 3, 64, 64]` of codes `[n, 128]`.
    pub fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        let images = z.dims()[0];
        let mut x = self.linear.forward(z).reshape([images, 256, 4, 4]);
        for (conv, norm) in self.up.iter().zip(&self.norms) {
            x = relu(norm.forward(conv.forward(x)));
        }
        sigmoid(self.up[3].forward(x))
    }
}

impl Conv {
    pub fn new(device: &Device) -> Self {
        let conv = |i: usize, o: usize| {
            let padding = PaddingConfig2d::Explicit(1, 1, 1, 1);
            Conv2dConfig::new([i, o], [4, 4]).with_stride([2, 2]).with_padding(padding).with_bias(false).init(device)
        };
        Self {
            down: vec![conv(3, 32), conv(32, 64), conv(64, 128), conv(128, 256)],
            down_norms: [32, 64, 128, 256].map(|n| BatchNormConfig::new(n).init(device)).to_vec(),
            mu: LinearConfig::new(4096, 128).init(device),
            logvar: LinearConfig::new(4096, 128).init(device),
            decoder: Decoder::new(device),
        }
    }

    /// Negative ELBO, the mean over images `[n, 3, 64, 64]`.
    pub fn loss(&self, x: Tensor<4>) -> Tensor<1> {
        let images = x.dims()[0];
        let mut h = x.clone();
        for (conv, norm) in self.down.iter().zip(&self.down_norms) {
            h = relu(norm.forward(conv.forward(h)));
        }
        let h: Tensor<2> = h.reshape([images, 4096]);
        let (z, kl) = posterior(self.mu.forward(h.clone()), self.logvar.forward(h));
        let error = self.decoder.forward(z) - x;
        ((error.clone() * error).sum() * 50.0 + kl) / images as f64 // 1 / (2 σ²), σ = 0.1
    }
}
