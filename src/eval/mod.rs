//! What can be said of a trained model from its codes and scores: which latent dimensions are used and what they hold,
//! how well examples are told apart, ranked and found. Plain host arithmetic in f64; no graphs, no devices.

mod attribute;
mod check;
mod collapse;
mod compress;
mod disentangle;
mod kmeans;
mod latent;
mod likelihood;
mod linear;
mod mixture;
mod moments;
mod neighbours;
mod path;
mod propagate;
mod quality;
mod ranking;
mod retrieval;

pub use attribute::{LinearProbe, attribute_vector};
pub use collapse::{Pressure, Usage, latent_usage};
pub use compress::{Compressed, Quantizer};
pub use disentangle::{Dci, FactorKind, FactorVotes, Factors, dci, factor_vae_score, mig, mig_of_each, sap};
pub use latent::{Bins, active_units, histogram, mean_squared_error, variance_of_means};
pub use likelihood::{ImportanceSampling, Likelihood, Values, bits_per_dimension};
pub use mixture::{Covariance, GaussianMixture, MixtureFit, class_means};
pub use moments::Moments;
pub use neighbours::neighbour_accuracy;
pub use path::{Path, code_values, interpolate, normal_quantile, normal_values, traverse};
pub use propagate::propagated_classes;
pub use quality::{psnr, ssim};
pub use ranking::{Confusion, auroc, average_precision, classification_error};
pub use retrieval::{Similarity, mutual_evidence, recall_at_k, recall_by};
