//! Activations as layers.

use super::{Mode, Module};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x where x > 0, else a·x.
    LeakyRelu(f32),
    /// x where x > 0, else e^x − 1.
    Elu,
    /// x·sigmoid(x).
    Silu,
    /// The tanh form of GELU.
    Gelu,
    /// tanh x.
    Tanh,
    /// 1/(1 + e^−x).
    Sigmoid,
    /// ln(1 + e^x).
    Softplus,
}

impl Module for Activation {
    fn forward(&self, g: &mut Graph, x: Value, _: Mode) -> Result<Value> {
        match *self {
            Self::Relu => g.relu(x),
            Self::LeakyRelu(a) => g.leaky_relu(x, a),
            Self::Elu => g.elu(x, 1.0),
            Self::Silu => g.silu(x),
            Self::Gelu => g.gelu(x),
            Self::Tanh => g.tanh(x),
            Self::Sigmoid => g.sigmoid(x),
            Self::Softplus => g.softplus(x),
        }
    }
}
