//! How to train.

use super::optimizer::hyper_input;
use super::{Group, Optimizer, Rate, Schedule};
use crate::error::Result;
use crate::graph::Recompute;
use crate::lower::Precision;
use crate::tensor::Array;

/// What to do when a step's gradient is not finite. The weights are safe either way: such an update, of all
/// parameters or of a [`Group`], is never applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnNonFinite {
    /// Stop with an error that names the first value that is not finite.
    #[default]
    Abort,
    /// Say so and go on.
    Skip,
}

/// How to train.
#[derive(Clone, Debug)]
pub struct Config {
    /// Steps.
    pub steps: u64,
    /// Examples a step.
    pub batch: usize,
    /// Fixes initial weights, batches and noise.
    pub seed: u64,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Its rate.
    pub rate: Rate,
    /// Parameters with an optimizer of their own.
    pub groups: Vec<Group>,
    /// Weight of the KL.
    pub beta: Schedule,
    /// Nats of KL that an objective with a capacity aims at.
    pub capacity: Schedule,
    /// Norm that the gradients of each group, and all others together, are clipped to; 0 for no clipping.
    pub clip: f32,
    /// Steps between validations; 0 for one at the end only.
    pub validate_every: u64,
    /// Non-finite values.
    pub non_finite: OnNonFinite,
    /// How large tensors of the training step are stored; half precision comes with loss scaling. Evaluation is in f32.
    pub precision: Precision,
    /// Forward values that the backward pass computes again, which trades memory for time.
    pub recompute: Recompute,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            steps: 1000,
            batch: 64,
            seed: 0,
            optimizer: Optimizer::default(),
            rate: Rate::Cosine { peak: 1e-3, warmup: 20, floor: 0.1 },
            groups: vec![],
            beta: Schedule::Constant(1.0),
            capacity: Schedule::Constant(0.0),
            clip: 0.0,
            validate_every: 0,
            non_finite: OnNonFinite::Abort,
            precision: Precision::F32,
            recompute: Recompute::Nothing,
        }
    }
}

impl Config {
    /// What the host writes before step `step` (from 0), by input: the optimizers' numbers, the schedules', the noise state.
    pub(super) fn numbers(&self, step: u64) -> Result<Vec<(String, Array)>> {
        let clip = if self.clip > 0.0 { self.clip } else { f32::MAX };
        let state = vec![self.seed as u32, (self.seed >> 32) as u32, step as u32, (step >> 32) as u32];
        let mut numbers = vec![
            ("beta".to_string(), Array::f32([], vec![self.beta.at(step)])?),
            ("capacity".to_string(), Array::f32([], vec![self.capacity.at(step)])?),
            ("rng".to_string(), Array::u32([4], state)?),
        ];
        let groups = self.groups.iter().map(|group| (&group.optimizer, &group.rate));
        for (k, (optimizer, rate)) in [(&self.optimizer, &self.rate)].into_iter().chain(groups).enumerate() {
            let hyper = optimizer.hyper(rate.at(step, self.steps), step + 1, clip);
            numbers.push((hyper_input(k), Array::f32([4], hyper.to_vec())?));
        }
        Ok(numbers)
    }
}
