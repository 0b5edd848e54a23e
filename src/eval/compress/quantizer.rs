//! Latents as whole numbers of steps.

use super::check;
use crate::error::{Error, Result};

/// A uniform grid for each dimension: latent = centre + step × whole number.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantizer {
    pub(super) step: Vec<f32>,
    pub(super) centre: Vec<f32>,
}

impl Quantizer {
    /// Grids of `step` \[L\] through `centre` \[L\].
    ///
    /// # Errors
    /// [`Error::Config`] where the two differ in length, are empty or not finite, or a step is not above 0.
    pub fn new(step: Vec<f32>, centre: Vec<f32>) -> Result<Self> {
        check::same("steps and centres", step.len(), centre.len())?;
        if let Some(j) = (0..step.len()).find(|&j| !(step[j].is_normal() && step[j] > 0.0 && centre[j].is_finite())) {
            let (step, centre) = (step[j], centre[j]);
            let message = format!("dimension {j} cannot be quantized by steps of {step} around {centre}");
            return Err(Error::Config(message));
        }
        Ok(Self { step, centre })
    }

    /// Grids through the mean of `codes` [N, `latent`]; `step` has one number for all dimensions or one for each. A step of
    /// the posterior's mean σ in each dimension loses about as much as sampling z does; finer ones cost log₂ of the ratio in
    /// bits for each dimension.
    ///
    /// # Errors
    /// As for [`Self::new`]; [`Error::NonFinite`] for a code that is not finite.
    pub fn centred(codes: &[f32], latent: usize, step: &[f32]) -> Result<Self> {
        let count = check::rows("codes", codes, latent)? as f64;
        let mean = |j: usize| codes.iter().skip(j).step_by(latent).map(|&x| f64::from(x)).sum::<f64>() / count;
        let step = if step.len() == 1 { vec![step[0]; latent] } else { step.to_vec() };
        Self::new(step, (0..latent).map(|j| mean(j) as f32).collect())
    }

    /// The number of dimensions L.
    pub fn latent(&self) -> usize {
        self.step.len()
    }

    /// The nearest whole number of steps for each of `codes` [N, L].
    ///
    /// # Errors
    /// [`Error::Config`] where codes are no rows of L or lie 2³⁰ steps or more from the centre, [`Error::NonFinite`] for a
    /// code that is not finite.
    pub fn quantize(&self, codes: &[f32]) -> Result<Vec<i32>> {
        check::rows("codes", codes, self.latent())?;
        let number = |(at, &x): (usize, &f32)| {
            let j = at % self.latent();
            let steps = ((f64::from(x) - f64::from(self.centre[j])) / f64::from(self.step[j])).round();
            if steps.abs() < f64::from(1 << 30) {
                return Ok(steps as i32);
            }
            let (row, step) = (at / self.latent(), self.step[j]);
            Err(Error::Config(format!(
                "dimension {j} of code {row} is {x}: too far for steps of {step}; take larger ones"
            )))
        };
        codes.iter().enumerate().map(number).collect()
    }

    /// The latents of `numbers` [N, L].
    pub fn dequantize(&self, numbers: &[i32]) -> Vec<f32> {
        let place = |(at, &n): (usize, &i32)| {
            let j = at % self.latent();
            (f64::from(self.centre[j]) + f64::from(self.step[j]) * f64::from(n)) as f32
        };
        numbers.iter().enumerate().map(place).collect()
    }
}
