//! Independent numbers: Bernoulli, Gaussian, Laplace.

use super::{Likelihood, parts};
use crate::dist::{Bernoulli, Laplace, Normal};
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};

/// Independent Bernoulli pixels; the decoder yields logits.
#[derive(Clone, Copy, Debug)]
pub struct BernoulliLogits;

impl Likelihood for BernoulliLogits {
    fn log_prob(&self, g: &mut Graph, decoded: Value, x: Value) -> Result<Value> {
        Bernoulli { logits: decoded }.log_prob(g, x)
    }
    fn mean(&self, g: &mut Graph, decoded: Value) -> Result<Value> {
        Bernoulli { logits: decoded }.mean(g)
    }
}

/// The spread of pixels around their mean: σ of [`GaussianPixels`], b of [`LaplacePixels`]. What is trained is a logarithm:
/// ln σ² of the former, ln b of the latter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// Given: σ or b itself, positive and finite.
    Fixed(f32),
    /// One trained number for all pixels, ln σ² (`logvar`) or ln b (`logscale`), starting at 0: σ or b at 1 (Rybkin 2021,
    /// arXiv 2006.13202).
    Learned,
    /// A second number of the decoder for each pixel: ln σ² or ln b.
    PerPixel,
}

impl Spread {
    fn width(self) -> usize {
        if self == Self::PerPixel { 2 } else { 1 }
    }

    fn trained(self) -> bool {
        !matches!(self, Self::Fixed(_))
    }

    /// The mean's part of `decoded`, and a logarithm: of the spread where that is `Fixed`, else the one that is trained.
    /// `names` are those of the spread and of the trained number.
    fn split(self, g: &mut Graph, decoded: Value, names: [&str; 2]) -> Result<(Value, Value)> {
        let parts = parts(g, decoded, self.width())?;
        let log = match self {
            Self::Fixed(spread) if spread.is_finite() && spread > 0.0 => g.full([], spread.ln())?,
            Self::Fixed(spread) => {
                return Err(Error::Config(format!("{} {spread}: it must be positive and finite", names[0])));
            }
            Self::Learned => g.param(names[1], [], Init::Constant(0.0))?,
            Self::PerPixel => parts[1],
        };
        Ok((parts[0], log))
    }
}

/// Independent Gaussian pixels around the decoder's output, which goes through a sigmoid for data in [0, 1].
#[derive(Clone, Copy, Debug)]
pub struct GaussianPixels {
    /// σ; where it is trained, ln σ² is, within [−12, 6].
    pub sigma: Spread,
}

/// Independent Gaussian numbers around the decoder's output as it is.
#[derive(Clone, Copy, Debug)]
pub struct GaussianReals {
    /// σ; where it is trained, ln σ² is, within [−12, 6].
    pub sigma: Spread,
}

/// What the decoder yields for the mean, and ln σ².
fn gaussian(g: &mut Graph, sigma: Spread, decoded: Value) -> Result<(Value, Value)> {
    let (raw, log) = sigma.split(g, decoded, ["sigma", "logvar"])?;
    let logvar = match sigma {
        Spread::Fixed(_) => g.scale(log, 2.0)?,
        _ => g.clamp(log, -12.0, 6.0)?,
    };
    Ok((raw, logvar))
}

impl Likelihood for GaussianPixels {
    fn width(&self) -> usize {
        self.sigma.width()
    }
    fn log_prob(&self, g: &mut Graph, decoded: Value, x: Value) -> Result<Value> {
        let (raw, logvar) = gaussian(g, self.sigma, decoded)?;
        Normal { mu: g.sigmoid(raw)?, logvar }.log_prob(g, x)
    }
    fn mean(&self, g: &mut Graph, decoded: Value) -> Result<Value> {
        let raw = parts(g, decoded, self.width())?[0];
        g.sigmoid(raw)
    }
}

impl Likelihood for GaussianReals {
    fn width(&self) -> usize {
        self.sigma.width()
    }
    fn log_prob(&self, g: &mut Graph, decoded: Value, x: Value) -> Result<Value> {
        let (mu, logvar) = gaussian(g, self.sigma, decoded)?;
        Normal { mu, logvar }.log_prob(g, x)
    }
    fn mean(&self, g: &mut Graph, decoded: Value) -> Result<Value> {
        Ok(parts(g, decoded, self.width())?[0])
    }
}

/// Independent Laplace pixels around the decoder's output, which goes through a sigmoid for data in [0, 1]: an absolute
/// error instead of a squared one, so that medians are learned and edges stay sharp.
#[derive(Clone, Copy, Debug)]
pub struct LaplacePixels {
    /// b; where it is trained, ln b is, within [−7, 3].
    pub scale: Spread,
}

/// Independent Laplace numbers around the decoder's output as it is: heavier tails than [`GaussianReals`], so that few far
/// values pull less.
#[derive(Clone, Copy, Debug)]
pub struct LaplaceReals {
    /// b; where it is trained, ln b is, within [−7, 3].
    pub scale: Spread,
}

/// What the decoder yields for the median, and ln b.
fn laplace(g: &mut Graph, scale: Spread, decoded: Value) -> Result<(Value, Value)> {
    let (raw, log) = scale.split(g, decoded, ["scale", "logscale"])?;
    let logscale = if scale.trained() { g.clamp(log, -7.0, 3.0)? } else { log };
    Ok((raw, logscale))
}

impl Likelihood for LaplacePixels {
    fn width(&self) -> usize {
        self.scale.width()
    }
    fn log_prob(&self, g: &mut Graph, decoded: Value, x: Value) -> Result<Value> {
        let (raw, logscale) = laplace(g, self.scale, decoded)?;
        Laplace { mu: g.sigmoid(raw)?, logscale }.log_prob(g, x)
    }
    fn mean(&self, g: &mut Graph, decoded: Value) -> Result<Value> {
        let raw = parts(g, decoded, self.width())?[0];
        g.sigmoid(raw)
    }
}

impl Likelihood for LaplaceReals {
    fn width(&self) -> usize {
        self.scale.width()
    }
    fn log_prob(&self, g: &mut Graph, decoded: Value, x: Value) -> Result<Value> {
        let (mu, logscale) = laplace(g, self.scale, decoded)?;
        Laplace { mu, logscale }.log_prob(g, x)
    }
    fn mean(&self, g: &mut Graph, decoded: Value) -> Result<Value> {
        Ok(parts(g, decoded, self.width())?[0])
    }
}
