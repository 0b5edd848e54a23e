//! How a recipe trains.

use crate::ops::optimizer::Adam;
use crate::train::{Beta, Config, Optimizer, Rate};
use serde::{Deserialize, Serialize};

/// A number that changes over the training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ScheduleSpec {
    /// Always the same.
    Constant {
        /// The number.
        value: f32,
    },
    /// From 0 to `to` over `steps` steps.
    Linear {
        /// The final number.
        to: f32,
        /// Steps until then.
        steps: u64,
    },
    /// In every `period` steps from 0 to `to` over the first `ramp` share.
    Cyclical {
        /// The number at the top.
        to: f32,
        /// Steps of a cycle.
        period: u64,
        /// Share that rises.
        ramp: f32,
    },
}

impl From<ScheduleSpec> for Beta {
    fn from(spec: ScheduleSpec) -> Self {
        match spec {
            ScheduleSpec::Constant { value } => Self::Constant(value),
            ScheduleSpec::Linear { to, steps } => Self::Linear { to, steps },
            ScheduleSpec::Cyclical { to, period, ramp } => Self::Cyclical { to, period, ramp },
        }
    }
}

/// Steps, batches, rates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSpec {
    /// Steps.
    pub steps: u64,
    /// Passes over the training set instead of `steps`, where above 0.
    pub epochs: u64,
    /// Examples a step.
    pub batch: usize,
    /// Fixes weights, batches and noise.
    pub seed: u64,
    /// The highest learning rate of Adam.
    pub rate: f32,
    /// Steps of warm-up.
    pub warmup: u64,
    /// What remains of the rate at the end, as a share.
    pub floor: f32,
    /// The stages of Burda 2015 (stage i of 3ⁱ passes at rate · 10^(−i/7)), this many, instead of a warm-up and a cosine and
    /// instead of `steps`; 0 for none.
    pub stages: u32,
    /// Adam's ε.
    pub eps: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Global norm of the gradient; 0 for no clipping.
    pub clip: f32,
    /// Weight of the KL.
    pub beta: ScheduleSpec,
    /// What an objective with a capacity aims at, in nats.
    pub capacity: ScheduleSpec,
    /// Steps between validations; 0 for one at the end.
    pub validate_every: u64,
}

impl Default for TrainSpec {
    fn default() -> Self {
        Self {
            steps: 1000,
            epochs: 0,
            batch: 64,
            seed: 0,
            rate: 1e-3,
            warmup: 20,
            floor: 0.1,
            stages: 0,
            eps: 1e-8,
            weight_decay: 0.0,
            clip: 0.0,
            beta: ScheduleSpec::Constant { value: 1.0 },
            capacity: ScheduleSpec::Constant { value: 0.0 },
            validate_every: 0,
        }
    }
}

impl TrainSpec {
    /// The settings of a training on `examples` examples.
    pub fn config(&self, examples: usize) -> Config {
        let per_epoch = (examples / self.batch.max(1)).max(1) as u64;
        let passes = (0..self.stages).map(|i| 3u64.pow(i)).sum::<u64>();
        let steps = match (self.stages, self.epochs) {
            (0, 0) => self.steps,
            (0, epochs) => epochs * per_epoch,
            _ => passes * per_epoch,
        };
        let rate = match self.stages {
            0 => Rate::Cosine { peak: self.rate, warmup: self.warmup, floor: self.floor },
            stages => Rate::Stages { first: self.rate, stages, epoch: per_epoch },
        };
        let adam = Adam { eps: self.eps, weight_decay: self.weight_decay, ..Adam::default() };
        Config {
            steps,
            batch: self.batch,
            seed: self.seed,
            optimizer: Optimizer::Adam(adam),
            rate,
            beta: self.beta.into(),
            capacity: self.capacity.into(),
            clip: self.clip,
            validate_every: self.validate_every,
            ..Config::default()
        }
    }
}
