//! Activations by name.

use crate::nn::{Activation, Start};
use serde::{Deserialize, Serialize};

/// An activation by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// max(x, 0).
    #[default]
    Relu,
    /// With slope 0.2 below 0.
    LeakyRelu,
    /// x where x > 0, else eˣ − 1.
    Elu,
    /// x·sigmoid(x).
    Silu,
    /// The tanh form of GELU.
    Gelu,
    /// tanh x.
    Tanh,
    /// ln(1 + eˣ).
    Softplus,
}

impl From<Act> for Activation {
    fn from(act: Act) -> Self {
        match act {
            Act::Relu => Self::Relu,
            Act::LeakyRelu => Self::LeakyRelu(0.2),
            Act::Elu => Self::Elu,
            Act::Silu => Self::Silu,
            Act::Gelu => Self::Gelu,
            Act::Tanh => Self::Tanh,
            Act::Softplus => Self::Softplus,
        }
    }
}

/// The start that suits an activation.
pub(super) fn start(activation: Act) -> Start {
    match activation {
        Act::Relu | Act::LeakyRelu | Act::Elu | Act::Silu | Act::Gelu => Start::Kaiming,
        Act::Tanh | Act::Softplus => Start::Xavier,
    }
}
