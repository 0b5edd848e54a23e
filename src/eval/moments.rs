//! Mean and spread of many decodes, as they come.

use crate::error::{Error, Result};

/// Mean and standard deviation of each of `len` values over many passes (Welford 1962): pixels decoded from many z give a
/// mean picture and a map of what the code leaves open.
///
/// ```
/// let mut moments = wavae::eval::Moments::new(2);
/// moments.add(&[1.0, 5.0])?;
/// moments.add(&[3.0, 5.0])?;
/// assert_eq!((moments.mean(), moments.deviation()), (vec![2.0, 5.0], vec![2f32.sqrt(), 0.0]));
/// # Ok::<(), wavae::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Moments {
    count: f64,
    mean: Vec<f64>,
    /// Σ (x − mean)².
    squares: Vec<f64>,
}

impl Moments {
    /// No passes yet over `len` values.
    pub fn new(len: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; len], squares: vec![0.0; len] }
    }

    /// Adds one pass.
    ///
    /// # Errors
    /// [`Error::Config`] where it has another number of values.
    pub fn add(&mut self, values: &[f32]) -> Result<()> {
        if values.len() != self.mean.len() {
            let (len, wanted) = (values.len(), self.mean.len());
            return Err(Error::Config(format!("a pass of {len} values does not fit moments of {wanted}")));
        }
        self.count += 1.0;
        for ((m, s), &x) in self.mean.iter_mut().zip(&mut self.squares).zip(values) {
            let before = f64::from(x) - *m;
            *m += before / self.count;
            *s += before * (f64::from(x) - *m);
        }
        Ok(())
    }

    /// The mean of each value; 0 before the first pass.
    pub fn mean(&self) -> Vec<f32> {
        self.mean.iter().map(|&m| m as f32).collect()
    }

    /// The standard deviation of each value, of n − 1 degrees of freedom; 0 before the second pass.
    pub fn deviation(&self) -> Vec<f32> {
        let freedom = (self.count - 1.0).max(1.0);
        self.squares.iter().map(|s| (s / freedom).sqrt() as f32).collect()
    }
}
