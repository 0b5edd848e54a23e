//! Distributions as graph builders: `rsample`, `log_prob`, `kl`. A distribution holds the values of its parameters;
//! every figure is in nats, element by element, until [`Graph::per_example`] sums it.

mod bernoulli;
mod bivariate;
mod categorical;
mod counts;
mod laplace;
mod logistic;
mod normal;

use crate::error::Result;
use crate::graph::{Graph, Value};

pub use bernoulli::Bernoulli;
pub use bivariate::BivariateMixture;
pub use categorical::Categorical;
pub use counts::{NegativeBinomial, Poisson};
pub use laplace::Laplace;
pub use logistic::{DiscretizedLogistic, LogisticMixture};
pub use normal::Normal;

impl Graph {
    /// Sums all axes but the first: [B, …] → \[B\].
    pub fn per_example(&mut self, x: Value) -> Result<Value> {
        let axes: Vec<usize> = (1..self.shape(x).rank()).collect();
        if axes.is_empty() { Ok(x) } else { self.sum(x, &axes) }
    }
}
