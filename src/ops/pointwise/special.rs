//! The logarithm of the gamma function and its derivative: what counts need.

use super::{function, no_second_derivative};
use crate::cpu::Real;
use crate::error::Result;
use crate::graph::{Graph, Value};

/// Arguments are moved up to here by Γ(x + 1) = x·Γ(x), where the asymptotic series are exact to rounding.
pub(super) const FAR: f64 = 10.0;
/// ½ ln 2π.
pub(super) const HALF_LN_2PI: f64 = 0.918_938_533_204_672_8;

/// ln Γ(x) for x > 0: Stirling's series (Abramowitz & Stegun 6.1.41).
pub(crate) fn lgamma<T: Real>(x: T) -> T {
    let (mut y, mut product) = (x, T::ONE);
    while y < T::of(FAR) {
        product *= y;
        y += T::ONE;
    }
    (y - T::of(0.5)) * y.ln() - y + T::of(HALF_LN_2PI) + stirling_series(y) - product.ln()
}

/// The error of Stirling's formula, for y from [`FAR`] on.
pub(super) fn stirling_series<T: Real>(y: T) -> T {
    let r = T::ONE / y;
    let r2 = r * r;
    let terms = [1.0 / 1188.0, -1.0 / 1680.0, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0];
    terms.iter().fold(T::ZERO, |sum, &c| sum * r2 + T::of(c)) * r
}

/// ψ(x) = d/dx ln Γ(x) for x > 0 (Abramowitz & Stegun 6.3.18).
pub(super) fn digamma<T: Real>(x: T) -> T {
    let (mut y, mut shift) = (x, T::ZERO);
    while y < T::of(FAR) {
        shift += T::ONE / y;
        y += T::ONE;
    }
    let r = T::ONE / y;
    let r2 = r * r;
    let terms = [1.0 / 132.0, -1.0 / 240.0, 1.0 / 252.0, -1.0 / 120.0, 1.0 / 12.0];
    let series = terms.iter().fold(T::ZERO, |sum, &c| sum * r2 + T::of(c));
    y.ln() - T::of(0.5) * r - series * r2 - shift
}

function!(/// ln Γ(x), for x > 0; smaller x are taken as 10⁻³⁰.
LGAMMA = "lgamma"(x), 60, lgamma(x.max(T::of(1e-30))), |g, at, _, _| {
    let slope = g.map(&DIGAMMA, &[], &[at.inputs[0]])?;
    g.mul(at.dout, slope).map(Some)
});
function!(/// ψ(x), for x > 0; smaller x are taken as 10⁻³⁰.
    DIGAMMA = "digamma"(x), 60, digamma(x.max(T::of(1e-30))), no_second_derivative);

impl Graph {
    /// ln Γ(x) element by element, x > 0.
    pub fn lgamma(&mut self, x: Value) -> Result<Value> {
        self.map(&LGAMMA, &[], &[x])
    }
}
