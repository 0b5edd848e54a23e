//! Training: optimizers and schedules, the loop, metrics, checkpoints, evaluation over a set. The only place with a loop
//! over steps; what a step computes is a graph built by [`crate::vae`].

mod checkpoint;
mod config;
mod diagnose;
mod evaluator;
mod metrics;
mod optimizer;
mod progress;
mod scaling;
mod schedule;
mod source;
mod trainer;

pub use checkpoint::{load, save};
pub use config::{Config, OnNonFinite};
pub use evaluator::{Bound, Evaluator, Figures};
pub use metrics::{Metrics, Record};
pub use optimizer::{Group, Optimizer};
pub use progress::Progress;
pub use schedule::{Rate, Schedule};
pub use source::Source;
pub use trainer::Trainer;
