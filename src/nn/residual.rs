//! Residual blocks.

use super::{Conv, Mode, Module, Sequential};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = shortcut(x) + inner(x) (He 2015, arXiv 1512.03385). Where `inner` changes the channels the shortcut is a 1×1
/// convolution (`shortcut`), else the identity. `inner`'s parameters are under the block's own scope.
#[derive(Debug)]
pub struct Residual {
    /// The branch.
    pub inner: Sequential,
}

impl Residual {
    /// A block around `inner`.
    pub fn new(inner: Sequential) -> Self {
        Self { inner }
    }
}

impl Module for Residual {
    fn forward(&self, g: &mut Graph, x: Value, mode: Mode) -> Result<Value> {
        let y = self.inner.forward(g, x, mode)?;
        let (from, to) = (g.shape(x).last(), g.shape(y).last());
        let shortcut = match from == to {
            true => x,
            false => g.scoped("shortcut", |g| Conv::new(to, 1).forward(g, x, mode))?,
        };
        g.add(y, shortcut)
    }
}
