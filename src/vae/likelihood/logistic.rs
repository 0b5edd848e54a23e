//! Pixels as bins.

use super::{Likelihood, parts};
use crate::dist::{DiscretizedLogistic, LogisticMixture};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};

/// Independent pixels of `bins` gray values 0, 1/(bins − 1), … 1, each a mixture of discretized logistic distributions
/// (Salimans 2017, arXiv 1701.05517, without its dependence between channels). Bits per dimension are then those of the
/// bytes themselves. The decoder yields all πₖ, then all μₖ (through a sigmoid), then all ln sₖ; for one component no π.
#[derive(Clone, Copy, Debug)]
pub struct DiscretizedLogisticPixels {
    /// K, 1 or more.
    pub components: usize,
    /// Gray values: 256 for bytes.
    pub bins: usize,
}

impl DiscretizedLogisticPixels {
    /// The mixture, with a last axis of components.
    fn mixture(&self, g: &mut Graph, decoded: Value) -> Result<LogisticMixture> {
        if self.components == 0 || self.bins < 2 {
            let message = format!("{} components of {} bins: give 1 or more of 2 or more", self.components, self.bins);
            return Err(Error::Config(message));
        }
        let parts = parts(g, decoded, self.width())?;
        let mut stack = |from: usize| {
            let columns = (from..from + self.components).map(|k| {
                let dims = [g.shape(parts[k]).dims(), &[1]].concat();
                g.reshape(parts[k], dims)
            });
            let columns = columns.collect::<Result<Vec<_>>>()?;
            let axis = g.shape(columns[0]).rank() - 1;
            g.concat(&columns, axis)
        };
        let k = self.components;
        let [mu, logscale] = if k == 1 { [stack(0)?, stack(1)?] } else { [stack(k)?, stack(2 * k)?] };
        let logits = if k == 1 { None } else { Some(stack(0)?) };
        let logits = match logits {
            Some(logits) => logits,
            None => g.full(g.shape(mu).clone(), 0.0)?,
        };
        let mu = g.sigmoid(mu)?;
        Ok(LogisticMixture { logits, component: DiscretizedLogistic { mu, logscale, bins: self.bins } })
    }
}

impl Likelihood for DiscretizedLogisticPixels {
    fn width(&self) -> usize {
        if self.components == 1 { 2 } else { 3 * self.components }
    }
    fn log_prob(&self, g: &mut Graph, decoded: Value, x: Value) -> Result<Value> {
        self.mixture(g, decoded)?.log_prob(g, x)
    }
    fn mean(&self, g: &mut Graph, decoded: Value) -> Result<Value> {
        self.mixture(g, decoded)?.mean(g)
    }
}
