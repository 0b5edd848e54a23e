//! What can be said of a trained model from its codes: which latent dimensions are used, which attributes and classes they
//! hold, and in which direction an attribute lies. Plain host arithmetic in f64 on μ; no graphs, no devices.

mod attribute;
mod latent;
mod neighbours;

pub use attribute::{LinearProbe, attribute_vector};
pub use latent::{active_units, mean_squared_error, variance_of_means};
pub use neighbours::neighbour_accuracy;
