//! Schedules: numbers that change from step to step. They are data, written each step, never a new graph.

/// A number that a schedule moves: the weight β of the KL, a capacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// Always the same.
    Constant(f32),
    /// From 0 to `to` over `steps` steps, then constant (Bowman 2016, arXiv 1511.06349).
    Linear {
        /// The final number.
        to: f32,
        /// Steps until it is reached.
        steps: u64,
    },
    /// In every `period` steps: from 0 to `to` over the first `ramp` share, then constant (Fu 2019, arXiv 1903.10145).
    Cyclical {
        /// The number at the top.
        to: f32,
        /// Steps of a cycle.
        period: u64,
        /// Share of a cycle that rises, in (0, 1].
        ramp: f32,
    },
}

impl Schedule {
    /// The number at `step`, counted from 0.
    pub fn at(&self, step: u64) -> f32 {
        match *self {
            Self::Constant(beta) => beta,
            Self::Linear { to, steps } => to * (step as f32 / steps.max(1) as f32).min(1.0),
            Self::Cyclical { to, period, ramp } => {
                let phase = (step % period.max(1)) as f32 / period.max(1) as f32;
                to * (phase / ramp.max(f32::MIN_POSITIVE)).min(1.0)
            }
        }
    }
}

/// The learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// A linear warm-up, then a cosine from `peak` to `peak · floor` at the last step.
    Cosine {
        /// The highest rate.
        peak: f32,
        /// Steps of warm-up.
        warmup: u64,
        /// What remains at the end, as a share of the peak; 1 keeps the rate constant.
        floor: f32,
    },
    /// Stage i = 0, 1, … of 3ⁱ epochs at `first` · 10^(−i / (`stages` − 1)) (Burda 2015, arXiv 1509.00519, section 5, which has
    /// eight of them, 3280 epochs).
    Stages {
        /// The rate of the first stage.
        first: f32,
        /// How many.
        stages: u32,
        /// Steps of an epoch.
        epoch: u64,
    },
}

impl Rate {
    /// A constant rate.
    pub fn constant(rate: f32) -> Self {
        Self::Cosine { peak: rate, warmup: 0, floor: 1.0 }
    }
    /// The rate at `step` of `steps`, both counted from 0.
    pub fn at(&self, step: u64, steps: u64) -> f32 {
        match *self {
            Self::Cosine { peak, warmup, .. } if step < warmup => peak * (step + 1) as f32 / warmup as f32,
            Self::Cosine { peak, warmup, floor } => {
                let span = steps.saturating_sub(warmup + 1).max(1) as f32;
                let done = ((step - warmup) as f32 / span).min(1.0);
                let cosine = 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
                peak * (floor + (1.0 - floor) * cosine)
            }
            Self::Stages { first, stages, epoch } => {
                let done = step / epoch.max(1);
                let ends = (0..stages).scan(0, |end, i| {
                    *end += 3u64.saturating_pow(i);
                    Some(*end)
                });
                let stage = ends.filter(|&end| end <= done).count().min(stages.saturating_sub(1) as usize);
                first * 10f32.powf(-(stage as f32) / stages.saturating_sub(1).max(1) as f32)
            }
        }
    }
}
