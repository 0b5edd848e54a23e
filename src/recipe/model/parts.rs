//! Posteriors, priors, likelihoods, objectives and corruptions by name.

use super::nets::Net;
use crate::error::Result;
use crate::flow::{Chain, Coupling, Flow, InverseAutoregressive, Made, MaskedAutoregressive, Planar, Radial};
use crate::tensor::Shape;
use crate::vae::objective::{Adversarial, BetaTc, CodeDiscriminator, Dip, Factor, InfoVae, Iwae, Kernel, VaeGan};
use crate::vae::{
    BernoulliLogits, ClassPrior, Corruption, Delta, DiagonalGaussian, DiscretizedLogisticPixels, Elbo, FlowPrior,
    Flowed, GaussianPixels, GaussianReals, LaplacePixels, LaplaceReals, Likelihood, MixturePrior,
    NegativeBinomialCounts, Objective, PoissonCounts, Posterior, Prior, Pseudo, Spread, StandardNormal, VampPrior,
};
use serde::{Deserialize, Serialize};

/// A flow by name: `layers` of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FlowSpec {
    /// Planar.
    Planar {
        /// How many.
        layers: usize,
    },
    /// Radial.
    Radial {
        /// How many.
        layers: usize,
    },
    /// Affine couplings, swapping halves.
    Coupling {
        /// How many.
        layers: usize,
        /// Units of their networks.
        hidden: usize,
    },
    /// Inverse autoregressive, reversing the order from one to the next.
    Iaf {
        /// How many.
        layers: usize,
        /// Units of their networks.
        hidden: usize,
    },
    /// Masked autoregressive, reversing the order from one to the next: for priors.
    Maf {
        /// How many.
        layers: usize,
        /// Units of their networks.
        hidden: usize,
    },
}

impl FlowSpec {
    fn build(&self) -> Box<dyn Flow> {
        let chain = |layers: usize, with: &dyn Fn(Chain, bool) -> Chain| {
            Box::new((0..layers).fold(Chain::new(), |chain, i| with(chain, i % 2 == 1)))
        };
        match *self {
            Self::Planar { layers } => chain(layers, &|chain, _| chain.then(Planar)),
            Self::Radial { layers } => chain(layers, &|chain, _| chain.then(Radial)),
            Self::Coupling { layers, hidden } => chain(layers, &|chain, swap| chain.then(Coupling { hidden, swap })),
            Self::Iaf { layers, hidden } => {
                chain(layers, &|chain, reverse| chain.then(InverseAutoregressive { net: Made { hidden, reverse } }))
            }
            Self::Maf { layers, hidden } => {
                chain(layers, &|chain, reverse| chain.then(MaskedAutoregressive { net: Made { hidden, reverse } }))
            }
        }
    }
}

/// How a Gaussian's σ comes out of the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviationWord {
    /// As ln σ².
    #[default]
    LogVar,
    /// As s of σ = ln(1 + eˢ).
    Softplus,
}

/// q(z|x) by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PosteriorSpec {
    /// A diagonal Gaussian.
    Gaussian {
        /// How σ comes out of the network.
        #[serde(default)]
        sigma: DeviationWord,
    },
    /// The same through a flow.
    Flow {
        /// Which.
        flow: FlowSpec,
    },
    /// A point: an autoencoder.
    Point,
}

impl Default for PosteriorSpec {
    fn default() -> Self {
        Self::Gaussian { sigma: DeviationWord::LogVar }
    }
}

impl PosteriorSpec {
    pub(super) fn build(&self, latent: usize) -> Box<dyn Posterior> {
        match self {
            Self::Gaussian { sigma: DeviationWord::LogVar } => Box::new(DiagonalGaussian::new(latent)),
            Self::Gaussian { sigma: DeviationWord::Softplus } => Box::new(DiagonalGaussian::softplus(latent)),
            Self::Flow { flow } => Box::new(Flowed { base: DiagonalGaussian::new(latent), flow: flow.build() }),
            Self::Point => Box::new(Delta { latent }),
        }
    }
}

/// p(z) by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PriorSpec {
    /// N(0, I).
    #[default]
    Normal,
    /// A Gaussian for each class, for conditional models.
    Class,
    /// Gaussians with weights.
    Mixture {
        /// How many.
        components: usize,
    },
    /// The mixture of posteriors of trained inputs.
    Vamp {
        /// How many.
        pseudo_inputs: usize,
    },
    /// N(0, I) through a flow.
    Flow {
        /// Which.
        flow: FlowSpec,
    },
}

impl PriorSpec {
    /// The prior of a model of numbers that lie where `range` says.
    pub(super) fn build(&self, range: Pseudo) -> Box<dyn Prior> {
        match self {
            Self::Normal => Box::new(StandardNormal),
            Self::Class => Box::new(ClassPrior),
            Self::Mixture { components } => Box::new(MixturePrior { components: *components }),
            Self::Vamp { pseudo_inputs } => Box::new(VampPrior { pseudo_inputs: *pseudo_inputs, range }),
            Self::Flow { flow } => Box::new(FlowPrior { flow: flow.build() }),
        }
    }
}

/// A spread: a number, or how it is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SpreadSpec {
    /// Given.
    Fixed(f32),
    /// Trained.
    Trained(SpreadWord),
}

/// How a spread is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpreadWord {
    /// One number for all.
    Learned,
    /// A number for each, by the decoder.
    Each,
}

impl From<SpreadSpec> for Spread {
    fn from(spec: SpreadSpec) -> Self {
        match spec {
            SpreadSpec::Fixed(spread) => Self::Fixed(spread),
            SpreadSpec::Trained(SpreadWord::Learned) => Self::Learned,
            SpreadSpec::Trained(SpreadWord::Each) => Self::PerPixel,
        }
    }
}

/// p(x|z) by name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LikelihoodSpec {
    /// Bits.
    Bernoulli,
    /// Gaussian numbers in [0, 1].
    GaussianPixels {
        /// σ.
        sigma: SpreadSpec,
    },
    /// Gaussian numbers.
    Gaussian {
        /// σ.
        sigma: SpreadSpec,
    },
    /// Laplace numbers in [0, 1].
    LaplacePixels {
        /// b.
        scale: SpreadSpec,
    },
    /// Laplace numbers.
    Laplace {
        /// b.
        scale: SpreadSpec,
    },
    /// Bytes by mixtures of discretized logistics.
    Logistic {
        /// Logistics in a mixture.
        components: usize,
    },
    /// Counts.
    Poisson,
    /// Counts with a spread of their own.
    NegativeBinomial {
        /// Whether the decoder yields a dispersion for each number of each example; otherwise one is learned for each place.
        dispersion_of_each: bool,
    },
}

impl LikelihoodSpec {
    pub(super) fn build(self) -> Box<dyn Likelihood> {
        match self {
            Self::Bernoulli => Box::new(BernoulliLogits),
            Self::GaussianPixels { sigma } => Box::new(GaussianPixels { sigma: sigma.into() }),
            Self::Gaussian { sigma } => Box::new(GaussianReals { sigma: sigma.into() }),
            Self::LaplacePixels { scale } => Box::new(LaplacePixels { scale: scale.into() }),
            Self::Laplace { scale } => Box::new(LaplaceReals { scale: scale.into() }),
            Self::Logistic { components } => Box::new(DiscretizedLogisticPixels { components, bins: 256 }),
            Self::Poisson => Box::new(PoissonCounts),
            Self::NegativeBinomial { dispersion_of_each } => Box::new(NegativeBinomialCounts { dispersion_of_each }),
        }
    }
}

/// An objective by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ObjectiveSpec {
    /// The bound.
    Elbo {
        /// Nats of KL that a latent dimension has for free.
        #[serde(default)]
        free_bits: f32,
        /// γ of a capacity, 0 for none.
        #[serde(default)]
        capacity: f32,
    },
    /// The importance-weighted bound.
    Iwae {
        /// K.
        samples: usize,
        /// With the doubly reparameterized gradient.
        #[serde(default)]
        dreg: bool,
    },
    /// The KL in three parts.
    BetaTc {
        /// Weight of the mutual information.
        alpha: f32,
        /// Weight of the dimensions' KL.
        gamma: f32,
    },
    /// A covariance held to the identity.
    Dip {
        /// Weight of what is beside the diagonal.
        off_diagonal: f32,
        /// Weight of the diagonal.
        diagonal: f32,
        /// The second variant.
        second: bool,
    },
    /// Total correlation by a discriminator.
    Factor {
        /// Its weight.
        gamma: f32,
        /// Units of the discriminator's layers.
        hidden: usize,
        /// Its layers.
        layers: usize,
    },
    /// KL and maximum mean discrepancy.
    Info {
        /// α.
        alpha: f32,
        /// λ.
        lambda: f32,
        /// `rbf`, else the sum of inverse multiquadratics.
        rbf: bool,
    },
    /// Codes that a discriminator cannot tell from the prior.
    Adversarial {
        /// Weight of fooling it.
        weight: f32,
        /// Units of its layers.
        hidden: usize,
        /// Its layers.
        layers: usize,
    },
    /// Images that a discriminator cannot tell from data, compared in its features.
    VaeGan {
        /// Weight of the comparison for the decoder.
        gamma: f32,
        /// The discriminator's features.
        features: Net,
        /// Weight of −ln p(x|z) beside.
        #[serde(default)]
        pixels: f32,
    },
}

impl Default for ObjectiveSpec {
    fn default() -> Self {
        Self::Elbo { free_bits: 0.0, capacity: 0.0 }
    }
}

impl ObjectiveSpec {
    /// The objective for `examples` training examples of `shape`.
    pub(super) fn build(&self, examples: usize, shape: &Shape) -> Result<Box<dyn Objective>> {
        Ok(match *self {
            Self::Elbo { free_bits, capacity } => {
                Box::new(Elbo { free_bits, capacity: Some(capacity).filter(|gamma| *gamma > 0.0) })
            }
            Self::Iwae { samples, dreg } => Box::new(Iwae { samples, dreg }),
            Self::BetaTc { alpha, gamma } => Box::new(BetaTc { alpha, gamma, examples }),
            Self::Dip { off_diagonal, diagonal, second } => Box::new(Dip { off_diagonal, diagonal, second }),
            Self::Factor { gamma, hidden, layers } => {
                Box::new(Factor { gamma, discriminator: CodeDiscriminator { hidden, layers } })
            }
            Self::Info { alpha, lambda, rbf } => {
                let kernel = if rbf { Kernel::Rbf { scale: 1.0 } } else { Kernel::Imq };
                Box::new(InfoVae { alpha, lambda, kernel })
            }
            Self::Adversarial { weight, hidden, layers } => {
                Box::new(Adversarial { weight, discriminator: CodeDiscriminator { hidden, layers } })
            }
            Self::VaeGan { gamma, ref features, pixels } => {
                Box::new(VaeGan { gamma, features: Box::new(features.encoder(shape)?), pixels })
            }
        })
    }
}

/// Noise on inputs by name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CorruptionSpec {
    /// Added noise.
    Gaussian {
        /// σ.
        sigma: f32,
    },
    /// Zeros.
    Mask {
        /// With this probability.
        probability: f32,
    },
    /// Zeros and ones.
    SaltAndPepper {
        /// Probability that a pixel is replaced, by either.
        probability: f32,
    },
}

impl From<CorruptionSpec> for Corruption {
    fn from(spec: CorruptionSpec) -> Self {
        match spec {
            CorruptionSpec::Gaussian { sigma } => Self::Gaussian(sigma),
            CorruptionSpec::Mask { probability } => Self::Mask(probability),
            CorruptionSpec::SaltAndPepper { probability } => Self::SaltAndPepper(probability),
        }
    }
}
