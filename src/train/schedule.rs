//! Schedules: numbers that change from step to step. They are data, written each step, never a new graph.

/// The weight β of the KL term.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Beta {
    /// Always the same.
    Constant(f32),
    /// From 0 to `to` over `steps` steps, then constant (Bowman 2016, arXiv 1511.06349).
    Linear {
        /// The final weight.
        to: f32,
        /// Steps until it is reached.
        steps: u64,
    },
    /// In every `period` steps: from 0 to `to` over the first `ramp` share, then constant (Fu 2019, arXiv 1903.10145).
    Cyclical {
        /// The weight at the top.
        to: f32,
        /// Steps of a cycle.
        period: u64,
        /// Share of a cycle that rises, in (0, 1].
        ramp: f32,
    },
}

impl Beta {
    /// β at `step`, counted from 0.
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

/// The learning rate: a linear warm-up, then a cosine from `peak` to `peak · floor` at the last step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The highest rate.
    pub peak: f32,
    /// Steps of warm-up.
    pub warmup: u64,
    /// What remains at the end, as a share of the peak; 1 keeps the rate constant.
    pub floor: f32,
}

impl Rate {
    /// A constant rate.
    pub fn constant(rate: f32) -> Self {
        Self { peak: rate, warmup: 0, floor: 1.0 }
    }
    /// The rate at `step` of `steps`, both counted from 0.
    pub fn at(&self, step: u64, steps: u64) -> f32 {
        if step < self.warmup {
            return self.peak * (step + 1) as f32 / self.warmup as f32;
        }
        let span = steps.saturating_sub(self.warmup + 1).max(1) as f32;
        let done = ((step - self.warmup) as f32 / span).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
        self.peak * (self.floor + (1.0 - self.floor) * cosine)
    }
}
