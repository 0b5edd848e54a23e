//! Semi-supervised models (Kingma 2014, arXiv 1406.5298): few examples have a label, all have something to say about x.
//!
//! | | model | classes by |
//! |---|---|---|
//! | M1 | [`Stacked`] of a [`Vae`] and a [`Classifier`] | a classifier of codes |
//! | M2 | [`M2`] | q(y\|x), part of the bound |
//! | M1+M2 | [`Stacked`] of a [`Vae`] and an [`M2`] | q(y\|z₁) of codes z₁ |
//!
//! The column `label` is read where the column `labelled` is 1; without that column every example has its label.

mod classifier;
mod m2;
mod stacked;

use super::{Batch, Draws, Forward, Latent, Model, Player, Terms, Vae};
use crate::error::Result;
use crate::graph::{Graph, Value};

pub use classifier::Classifier;
pub use m2::M2;
pub use stacked::{Above, Stacked};

/// What is known of the classes of a batch.
struct Known {
    /// 1 where the label may be used, else 0: [B, 1].
    mask: Value,
    /// The label, one-hot; 0 where it may not be used: [B, C].
    label: Value,
}

impl Known {
    fn of(g: &mut Graph, batch: &Batch, classes: usize) -> Result<Self> {
        let size = batch.size();
        if !batch.has("label") {
            return Ok(Self { mask: g.full([size, 1], 0.0)?, label: g.full([size, classes], 0.0)? });
        }
        let label = batch.get(g, "label")?;
        let label = g.one_hot(label, classes)?;
        if !batch.has("labelled") {
            return Ok(Self { mask: g.full([size, 1], 1.0)?, label });
        }
        let labelled = batch.get(g, "labelled")?;
        let flags = g.one_hot(labelled, 2)?;
        let mask = g.slice(flags, 1, 1..2)?;
        Ok(Self { mask, label: g.mul(label, mask)? })
    }

    /// −ln q(y|x) of the labels, the mean over the examples that have one and 0 without any: a scalar.
    fn cross_entropy(&self, g: &mut Graph, log_q: Value) -> Result<Value> {
        let each = g.mul(self.label, log_q)?;
        let (sum, count) = (g.sum_all(each)?, g.sum_all(self.mask)?);
        let one = g.full([], 1.0)?;
        let count = g.maximum(count, one)?;
        let mean = g.div(sum, count)?;
        g.scale(mean, -1.0)
    }
}
