//! Posterior collapse: whether latent dimensions are left unused, and what to change about it.

use super::check;
use crate::error::{Error, Result};

/// A dimension whose mean KL is below this many nats carries nothing.
const LEAST_KL: f64 = 0.01;
/// A posterior mean that varies by no more than this over the data tells no two examples apart (Burda 2016, section 5).
const LEAST_VARIANCE: f64 = 0.01;

/// What of a training decides whether the latent is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    /// The weight of the KL at the end of training.
    pub beta: f64,
    /// Whether it rose from near 0.
    pub annealed: bool,
    /// Floor of the KL by dimension in nats; 0 where there is none.
    pub free_bits: f64,
    /// Whether the decoder also sees what it has put out so far (text, pixel by pixel).
    pub autoregressive: bool,
    /// The standard deviation of a Gaussian likelihood that does not learn it.
    pub fixed_sigma: Option<f64>,
}

impl Default for Pressure {
    /// The plain VAE: β of 1 from the start, no free bits.
    fn default() -> Self {
        Self { beta: 1.0, annealed: false, free_bits: 0.0, autoregressive: false, fixed_sigma: None }
    }
}

/// How the latent dimensions are used.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// Sum of the KL by dimension, in nats per example.
    pub kl: f64,
    /// Dimensions that carry 0.01 nats or more *and* whose posterior mean varies by more than 0.01.
    pub active: Vec<usize>,
    /// Dimensions whose KL is below 0.01 nats.
    pub unused: Vec<usize>,
    /// Dimensions that pay KL for a posterior which is the same for every example.
    pub constant: Vec<usize>,
    /// One sentence where half of the dimensions or more are of no use: how many, and what to change.
    pub warning: Option<String>,
}

/// Usage of the latent from the mean KL of each dimension over the data (\[L\], nats) and the variance of its posterior
/// mean (\[L\], see [`variance_of_means`](super::variance_of_means)). The remedies are lower or annealed β (Bowman 2016,
/// arXiv 1511.06349, section 3.1), free bits (Kingma 2016, arXiv 1606.04934, section C.8), word dropout (Bowman 2016,
/// section 3.2), and a smaller or learned σ (Lucas 2019, arXiv 1911.02469).
///
/// # Errors
/// [`Error::Config`] where the two differ in length or are empty, [`Error::NonFinite`] for a figure that is not finite.
///
/// ```
/// use wavae::eval::{Pressure, latent_usage};
/// let usage = latent_usage(&[2.1, 0.001, 0.002], &[0.9, 0.0, 0.0], &Pressure { beta: 4.0, ..Pressure::default() })?;
/// assert_eq!(usage.active, [0]);
/// let wanted = "2 of 3 latent dimensions carry under 0.01 nats: lower beta from 4, anneal it from 0, or give free bits";
/// assert_eq!(usage.warning.as_deref(), Some(wanted));
/// # Ok::<(), wavae::Error>(())
/// ```
pub fn latent_usage(kl: &[f64], variance: &[f64], pressure: &Pressure) -> Result<Usage> {
    check::same("KL and variance by dimension", kl.len(), variance.len())?;
    if let Some(at) = kl.iter().zip(variance).position(|(k, v)| !k.is_finite() || !v.is_finite()) {
        let message = format!("latent dimension {at}: KL {}, variance {}; the model diverged", kl[at], variance[at]);
        return Err(Error::NonFinite(message));
    }
    let (used, unused): (Vec<usize>, Vec<usize>) = (0..kl.len()).partition(|&j| kl[j] >= LEAST_KL);
    let (active, constant): (Vec<usize>, Vec<usize>) = used.into_iter().partition(|&j| variance[j] > LEAST_VARIANCE);
    let total = kl.iter().sum();
    let mut usage = Usage { kl: total, active, unused, constant, warning: None };
    if 2 * usage.active.len() <= kl.len() {
        usage.warning = Some(format!("{}: {}", usage.finding(), usage.remedy(pressure)));
    }
    Ok(usage)
}

impl Usage {
    fn finding(&self) -> String {
        let all = self.active.len() + self.unused.len() + self.constant.len();
        let dimensions = if all == 1 { "dimension" } else { "dimensions" };
        let mut parts = Vec::new();
        if !self.unused.is_empty() {
            let carry = if self.unused.len() == 1 { "carries" } else { "carry" };
            parts.push(format!("{} of {all} latent {dimensions} {carry} under {LEAST_KL} nats", self.unused.len()));
        }
        if !self.constant.is_empty() {
            let pay = if self.constant.len() == 1 { "pays" } else { "pay" };
            let of = if parts.is_empty() { format!("{all} latent {dimensions}") } else { all.to_string() };
            parts.push(format!("{} of {of} {pay} KL for the same code whatever the example", self.constant.len()));
        }
        let prefix = if self.active.is_empty() { "posterior collapse, the decoder ignores z: " } else { "" };
        format!("{prefix}{}", parts.join(" and "))
    }

    fn remedy(&self, pressure: &Pressure) -> String {
        let mut ways = Vec::new();
        if pressure.beta > 1.0 {
            ways.push(format!("lower beta from {}", pressure.beta));
        }
        if !pressure.annealed {
            ways.push(format!("anneal {} from 0", if ways.is_empty() { "beta" } else { "it" }));
        }
        if pressure.free_bits == 0.0 {
            ways.push("give free bits".into());
        }
        if pressure.autoregressive {
            ways.push("drop more of the decoder's own input".into());
        }
        if let Some(sigma) = pressure.fixed_sigma {
            ways.push(format!("learn the likelihood's sigma or lower it from {sigma}"));
        }
        if ways.is_empty() {
            let way = if self.active.is_empty() { "weaken the decoder" } else { "take fewer dimensions" };
            ways.push(way.into());
        }
        match ways.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, [first])) => format!("{first} or {last}"),
            Some((last, first)) => format!("{}, or {last}", first.join(", ")),
            None => String::new(),
        }
    }
}
