//! Mixtures of Gaussians over pairs of numbers.

use super::Categorical;
use crate::error::Result;
use crate::graph::{Graph, Value};
use std::f32::consts::{LN_2, PI};

/// ln σ is limited to ± this.
const SCALES: f32 = 7.0;
/// artanh ρ is limited to ± this, |ρ| to 0.9993.
const SKEWS: f32 = 4.0;

/// Σₖ πₖ · N(x; μₖ, Σₖ) over pairs of numbers, with correlations; the components along the last axis (Graves 2013, arXiv
/// 1308.0850, equations 23 to 25; Ha & Eck 2017, arXiv 1704.03477, equation 3).
#[derive(Clone, Copy, Debug)]
pub struct BivariateMixture {
    /// ln πₖ up to a constant, [..., K].
    pub logits: Value,
    /// μ of either number, [..., K] each.
    pub mu: [Value; 2],
    /// ln σ of either number, [..., K] each; limited to [−7, 7].
    pub logsigma: [Value; 2],
    /// artanh ρ, [..., K]; limited to [−4, 4].
    pub skew: Value,
}

impl BivariateMixture {
    /// ln p(x) for pairs of `x` [...], [...], nats.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn log_prob(&self, g: &mut Graph, x: [Value; 2]) -> Result<Value> {
        let dims = g.shape(x[0]).dims().to_vec();
        let axis = dims.len();
        let x = [0, 1].map(|k| g.reshape(x[k], [dims.as_slice(), &[1]].concat()));
        let [x, y] = x;
        let each = self.each(g, [x?, y?])?;
        let weight = Categorical { logits: self.logits }.log_probs(g)?;
        let joint = g.add(each, weight)?;
        g.logsumexp(joint, &[axis])
    }

    /// ln N(x; μₖ, Σₖ) of each component. With standardized numbers u, v and r = artanh ρ the square form is
    /// (u² + v² − 2ρuv)/(1 − ρ²) = ¼·((u − v)²·(1 + e^2r) + (u + v)²·(1 + e^−2r)), and −½·ln(1 − ρ²) = ln cosh r: nothing
    /// cancels where |ρ| is near 1.
    fn each(&self, g: &mut Graph, x: [Value; 2]) -> Result<Value> {
        let [[u, s], [v, t]] = [self.standardized(g, x, 0)?, self.standardized(g, x, 1)?];
        let twice = self.limited_skew(g, 2.0)?;
        let (apart, along) = (g.sub(u, v)?, g.add(u, v)?);
        let weighed = |g: &mut Graph, distance: Value, sign: f32| {
            let distance = g.square(distance)?;
            let grows = g.scale(twice, sign)?;
            let grows = g.exp(grows)?;
            let weight = g.affine(grows, 1.0, 1.0)?;
            g.mul(distance, weight)
        };
        let (apart, along) = (weighed(g, apart, 1.0)?, weighed(g, along, -1.0)?);
        let square = g.add(apart, along)?;
        let square = g.scale(square, -0.125)?;
        let log_cosh = self.log_cosh(g)?;
        let scales = g.add(s, t)?;
        let normalizer = g.sub(log_cosh, scales)?;
        let log_p = g.add(square, normalizer)?;
        g.affine(log_p, 1.0, -(2.0 * PI).ln())
    }

    /// (x − μ)/σ and ln σ of number `k`.
    fn standardized(&self, g: &mut Graph, x: [Value; 2], k: usize) -> Result<[Value; 2]> {
        let logsigma = g.clamp(self.logsigma[k], -SCALES, SCALES)?;
        let narrow = g.scale(logsigma, -1.0)?;
        let narrow = g.exp(narrow)?;
        let off = g.sub(x[k], self.mu[k])?;
        Ok([g.mul(off, narrow)?, logsigma])
    }

    fn limited_skew(&self, g: &mut Graph, by: f32) -> Result<Value> {
        let skew = g.clamp(self.skew, -SKEWS, SKEWS)?;
        g.scale(skew, by)
    }

    /// ln cosh r, which is −½·ln(1 − ρ²).
    fn log_cosh(&self, g: &mut Graph) -> Result<Value> {
        let (twice, once) = (self.limited_skew(g, 2.0)?, self.limited_skew(g, 1.0)?);
        let soft = g.softplus(twice)?;
        let log_cosh = g.sub(soft, once)?;
        g.affine(log_cosh, 1.0, -LN_2)
    }

    /// The mixture at `temperature` τ: its weights to the power of 1/τ, its variances times τ, though no
    /// smaller than the limit (Ha & Eck 2017, equation 8).
    ///
    /// # Errors
    /// None that these shapes can cause.
    pub fn tempered(&self, g: &mut Graph, temperature: f32) -> Result<Self> {
        let wider = |g: &mut Graph, logsigma| {
            let logsigma = g.clamp(logsigma, -SCALES, SCALES)?;
            g.affine(logsigma, 1.0, 0.5 * temperature.ln())
        };
        Ok(Self {
            logits: g.scale(self.logits, temperature.recip())?,
            logsigma: [wider(g, self.logsigma[0])?, wider(g, self.logsigma[1])?],
            ..*self
        })
    }

    /// The mean of the component with the largest weight, [...] each.
    ///
    /// # Errors
    /// None that these shapes can cause.
    pub fn mode(&self, g: &mut Graph) -> Result<[Value; 2]> {
        let component = Categorical { logits: self.logits }.mode(g)?;
        Ok([self.of(g, component, self.mu[0])?, self.of(g, component, self.mu[1])?])
    }

    /// A sample, [...] each; `rng` is the graph's noise state. Not differentiable.
    ///
    /// # Errors
    /// None that these shapes can cause.
    pub fn sample(&self, g: &mut Graph, rng: Value) -> Result<[Value; 2]> {
        let component = Categorical { logits: self.logits }.sample(g, rng)?;
        let (skew, log_cosh) = (self.limited_skew(g, 1.0)?, self.log_cosh(g)?);
        let (skew, log_cosh) = (self.of(g, component, skew)?, self.of(g, component, log_cosh)?);
        let (rho, alone) = (g.tanh(skew)?, g.scale(log_cosh, -1.0)?);
        let alone = g.exp(alone)?; // √(1 − ρ²)
        let shape = g.shape(rho).clone();
        let u = g.normal(rng, shape.clone())?;
        let own = g.normal(rng, shape)?;
        let (shared, own) = (g.mul(u, rho)?, g.mul(own, alone)?);
        let v = g.add(shared, own)?;
        let place = |g: &mut Graph, k: usize, noise| {
            let logsigma = g.clamp(self.logsigma[k], -SCALES, SCALES)?;
            let logsigma = self.of(g, component, logsigma)?;
            let sigma = g.exp(logsigma)?;
            let (off, mu) = (g.mul(sigma, noise)?, self.of(g, component, self.mu[k])?);
            g.add(mu, off)
        };
        Ok([place(g, 0, u)?, place(g, 1, v)?])
    }

    /// What `numbers` [..., K] are of each row's `component` (U32 [...]): [...].
    fn of(&self, g: &mut Graph, component: Value, numbers: Value) -> Result<Value> {
        let (axis, components) = (g.shape(component).rank(), g.shape(numbers).last());
        let hot = g.one_hot(component, components)?;
        let own = g.mul(hot, numbers)?;
        g.sum(own, &[axis])
    }
}
