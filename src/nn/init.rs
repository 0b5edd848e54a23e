//! Standard initialisations.

use crate::graph::Init;

/// How a layer's weight starts. `fan_in` is the number of inputs that an output is summed over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Start {
    /// Uniform in ±1/√fan_in: PyTorch's default for linear and convolution layers (Kaiming uniform with a = √5).
    #[default]
    Default,
    /// Normal with σ = √(2/fan_in), for relu (He 2015, arXiv 1502.01852, equation 10).
    Kaiming,
    /// Uniform in ±√(6/(fan_in + fan_out)), for tanh (Glorot 2010, equation 16).
    Xavier,
    /// Zeros: the layer starts as the identity of a residual sum.
    Zeros,
}

impl Start {
    /// The distribution for these fans.
    pub fn init(self, fan_in: usize, fan_out: usize) -> Init {
        let fan_in = fan_in.max(1) as f32;
        match self {
            Self::Default => Init::Uniform(fan_in.sqrt().recip()),
            Self::Kaiming => Init::Normal((2.0 / fan_in).sqrt()),
            Self::Xavier => Init::Uniform((6.0 / (fan_in + fan_out as f32)).sqrt()),
            Self::Zeros => Init::Constant(0.0),
        }
    }
    /// The distribution of the bias beside such a weight.
    pub fn bias(self, fan_in: usize) -> Init {
        match self {
            Self::Default => Init::Uniform((fan_in.max(1) as f32).sqrt().recip()),
            _ => Init::Constant(0.0),
        }
    }
}
