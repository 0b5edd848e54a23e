//! What can be said of a trained model from its codes and scores: which latent dimensions are used and what they hold,
//! how well examples are told apart, ranked and found. Plain host arithmetic in f64; no graphs, no devices.

mod attribute;
mod check;
mod disentangle;
mod latent;
mod neighbours;

pub use attribute::{LinearProbe, attribute_vector};
pub use disentangle::{Dci, FactorKind, FactorVotes, Factors, dci, factor_vae_score, mig, sap};
pub use latent::{active_units, mean_squared_error, variance_of_means};
pub use neighbours::neighbour_accuracy;
