//! How a recipe trains.

use crate::graph::Recompute;
use crate::lower::Precision;
use crate::ops::optimizer::Adam;
use crate::train::{Config, Group, Optimizer, Rate, Schedule};
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
        /// Share that rises, above 0.
        ramp: f32,
    },
}

impl From<ScheduleSpec> for Schedule {
    fn from(spec: ScheduleSpec) -> Self {
        match spec {
            ScheduleSpec::Constant { value } => Self::Constant(value),
            ScheduleSpec::Linear { to, steps } => Self::Linear { to, steps },
            ScheduleSpec::Cyclical { to, period, ramp } => Self::Cyclical { to, period, ramp },
        }
    }
}

/// Parameters with an Adam of their own; what is not given is as for the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Dotted path: all parameters at it or below it.
    pub scope: String,
    /// The highest learning rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f32>,
    /// Adam's β₁.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta1: Option<f32>,
    /// Adam's β₂.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta2: Option<f32>,
    /// Decoupled weight decay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f32>,
}

/// How large tensors of the training step are stored, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrecisionWord {
    /// Four bytes.
    #[default]
    F32,
    /// Two bytes for activations, where the device has such numbers.
    F16,
}

/// Which forward values the backward pass computes again, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecomputeWord {
    /// None.
    #[default]
    Nothing,
    /// Cheap ones.
    Cheap,
    /// All but those at the cuts between segments.
    Segments,
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
    /// The stages of Burda 2015 (stage i of 3ⁱ passes at rate · 10^(−i/(stages − 1))), this many, instead of a warm-up and a
    /// cosine and instead of `steps`; 0 for none.
    pub stages: u32,
    /// Adam's β₁.
    pub beta1: f32,
    /// Adam's β₂.
    pub beta2: f32,
    /// Adam's ε.
    pub eps: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Norm that the gradients of each group, and all others together, are clipped to; 0 for no clipping.
    pub clip: f32,
    /// Weight of the KL.
    pub beta: ScheduleSpec,
    /// What an objective with a capacity aims at, in nats.
    pub capacity: ScheduleSpec,
    /// Steps between validations, after which the weights are kept; 0 for a tenth of the training, but at least 100.
    pub validate_every: u64,
    /// How large tensors of the training step are stored.
    pub precision: PrecisionWord,
    /// Forward values that are computed again to save memory.
    pub recompute: RecomputeWord,
    /// Parameters with an optimizer of their own.
    #[serde(rename = "group", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupSpec>,
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
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            clip: 0.0,
            beta: ScheduleSpec::Constant { value: 1.0 },
            capacity: ScheduleSpec::Constant { value: 0.0 },
            validate_every: 0,
            precision: PrecisionWord::F32,
            recompute: RecomputeWord::Nothing,
            groups: vec![],
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
        let rate = |peak: f32| match self.stages {
            0 => Rate::Cosine { peak, warmup: self.warmup, floor: self.floor },
            stages => Rate::Stages { first: peak, stages, epoch: per_epoch },
        };
        let adam = Adam { beta1: self.beta1, beta2: self.beta2, eps: self.eps, weight_decay: self.weight_decay };
        let group = |spec: &GroupSpec| Group {
            scope: spec.scope.clone(),
            optimizer: Optimizer::Adam(Adam {
                beta1: spec.beta1.unwrap_or(adam.beta1),
                beta2: spec.beta2.unwrap_or(adam.beta2),
                weight_decay: spec.weight_decay.unwrap_or(adam.weight_decay),
                ..adam
            }),
            rate: rate(spec.rate.unwrap_or(self.rate)),
        };
        Config {
            steps,
            batch: self.batch,
            seed: self.seed,
            optimizer: Optimizer::Adam(adam),
            rate: rate(self.rate),
            groups: self.groups.iter().map(group).collect(),
            beta: self.beta.into(),
            capacity: self.capacity.into(),
            clip: self.clip,
            validate_every: if self.validate_every > 0 { self.validate_every } else { steps.div_ceil(10).max(100) },
            precision: match self.precision {
                PrecisionWord::F32 => Precision::F32,
                PrecisionWord::F16 => Precision::F16,
            },
            recompute: match self.recompute {
                RecomputeWord::Nothing => Recompute::Nothing,
                RecomputeWord::Cheap => Recompute::Cheap,
                RecomputeWord::Segments => Recompute::Segments,
            },
            ..Config::default()
        }
    }
}
