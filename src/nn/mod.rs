//! Layers. A layer is a description: [`Module::forward`] declares its parameters under the graph's current scope and
//! appends its nodes; input sizes are read off the graph, so only output sizes are given. Layers own no tensors and know
//! no devices. Parameter names follow PyTorch: `encoder.conv1.weight`, `.bias`.

mod activation;
mod attention;
mod conv;
mod conv1d;
mod dropout;
mod embedding;
mod init;
mod linear;
mod norm;
mod recurrent;
mod residual;
mod shape;
mod transformer;

use crate::error::Result;
use crate::graph::{Graph, Value};
use std::fmt::Debug;

pub use activation::Activation;
pub use attention::{ImageAttention, SelfAttention};
pub use conv::{Conv, ConvTranspose};
pub use conv1d::{AvgPool1d, Conv1d, ConvTranspose1d, Upsample1d};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use init::Start;
pub use linear::{Linear, MaskedLinear};
pub use norm::{BatchNorm, GroupNorm, LayerNorm};
pub use recurrent::{Gru, LastState, Lstm, Recurrence};
pub use residual::Residual;
pub use shape::{AvgPool, Flatten, MeanStep, Repeat, Unflatten, Upsample};
pub use transformer::{Positions, Transformer, TransformerBlock};

/// Whether a layer that behaves differently in training is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics, which also update the running ones.
    Train,
    /// Running statistics; nothing is updated.
    Eval,
}

/// A layer or a stack of layers: one tensor in, one out.
pub trait Module: Debug + Send + Sync {
    /// Appends the layer applied to `x`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) with the layer's dotted path where `x` does not fit.
    fn forward(&self, g: &mut Graph, x: Value, mode: Mode) -> Result<Value>;
}

/// Layers one after another, each in the scope of its name.
#[derive(Debug, Default)]
pub struct Sequential {
    layers: Vec<(String, Box<dyn Module>)>,
}

impl Sequential {
    /// An empty stack: the identity.
    pub fn new() -> Self {
        Self::default()
    }
    /// Appends `layer` under `name`.
    pub fn then(mut self, name: impl Into<String>, layer: impl Module + 'static) -> Self {
        self.layers.push((name.into(), Box::new(layer)));
        self
    }
}

impl Module for Sequential {
    fn forward(&self, g: &mut Graph, mut x: Value, mode: Mode) -> Result<Value> {
        for (name, layer) in &self.layers {
            x = g.scoped(name, |g| layer.forward(g, x, mode))?;
        }
        Ok(x)
    }
}
