//! Ranges, ticks and number labels of one axis.

/// Values beyond this are treated like infinities: spans and logarithms of the others cannot overflow.
const HUGE: f64 = 1e150;

/// Whether a value can be placed on an axis.
pub(super) fn plottable(v: f64) -> bool {
    v.abs() <= HUGE
}

/// One axis: the interval it shows and its scale.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// Ends of the interval, in exponents of ten on a logarithmic axis.
    lo: f64,
    hi: f64,
    log: bool,
}

impl Axis {
    /// An axis that shows all plottable `values` with `margin` (a fraction of the span) on either side.
    pub(super) fn linear(values: impl Iterator<Item = f64>, margin: f64) -> Self {
        let (lo, hi) = extent(values.filter(|v| plottable(*v))).unwrap_or((0.0, 1.0));
        let (lo, hi) = widen(lo, hi);
        let pad = (hi - lo) * margin;
        Self { lo: lo - pad, hi: hi + pad, log: false }
    }

    /// A logarithmic axis over the positive plottable `values`.
    pub(super) fn log(values: impl Iterator<Item = f64>, margin: f64) -> Self {
        let positive = values.filter(|v| *v > 0.0 && plottable(*v)).map(f64::log10);
        let (lo, hi) = extent(positive).unwrap_or((0.0, 1.0));
        let (lo, hi) = if hi - lo < 1e-6 { (lo - 0.5, hi + 0.5) } else { (lo, hi) };
        let pad = (hi - lo) * margin;
        Self { lo: lo - pad, hi: hi + pad, log: true }
    }

    /// A linear axis over exactly the interval between `a` and `b` (widened where it is empty).
    pub(super) fn between(a: f64, b: f64) -> Self {
        Self::linear([a, b].into_iter(), 0.0)
    }

    /// Length of the interval.
    pub(super) fn span(&self) -> f64 {
        self.hi - self.lo
    }

    /// The same centre with another span.
    pub(super) fn with_span(&self, span: f64) -> Self {
        let centre = (self.lo + self.hi) / 2.0;
        Self { lo: centre - span / 2.0, hi: centre + span / 2.0, log: self.log }
    }

    /// Where `v` lies: 0 at the low end, 1 at the high end. `None` where it has no place on the axis.
    pub(super) fn place(&self, v: f64) -> Option<f64> {
        if !plottable(v) || self.log && v <= 0.0 {
            return None;
        }
        let v = if self.log { v.log10() } else { v };
        Some((v - self.lo) / (self.hi - self.lo))
    }

    /// Round values inside the interval, about `target` of them, with labels.
    pub(super) fn ticks(&self, target: usize) -> Vec<(f64, String)> {
        let target = target.max(2);
        if !self.log {
            return linear_ticks(self.lo, self.hi, target);
        }
        let decades = self.hi - self.lo;
        if decades < 1.0 {
            let mut ticks = linear_ticks(10f64.powf(self.lo), 10f64.powf(self.hi), target);
            ticks.retain(|(v, _)| *v > 0.0);
            return ticks;
        }
        let stride = (decades / target as f64).ceil().max(1.0) as i32;
        let factors: &[f64] = if decades <= target as f64 / 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let mut ticks = Vec::new();
        for e in (self.lo.floor() as i32..=self.hi.ceil() as i32).filter(|e| e.rem_euclid(stride) == 0) {
            for f in factors {
                let v = f * 10f64.powi(e);
                if (self.lo - 1e-9..=self.hi + 1e-9).contains(&v.log10()) {
                    ticks.push((v, label(v, v)));
                }
            }
        }
        ticks
    }
}

/// Least and greatest of the values.
fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((lo, hi)) => Some((f64::min(lo, v), f64::max(hi, v))),
    })
}

/// Opens an interval that is empty, or so short that floats cannot divide it.
fn widen(lo: f64, hi: f64) -> (f64, f64) {
    let scale = lo.abs().max(hi.abs());
    if hi - lo > scale * 1e-9 && hi - lo > 1e-150 {
        return (lo, hi);
    }
    let pad = if scale > 1e-150 { scale * 0.1 } else { 1.0 };
    (lo - pad, hi + pad)
}

fn linear_ticks(lo: f64, hi: f64, target: usize) -> Vec<(f64, String)> {
    let raw = (hi - lo) / target as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].iter().map(|m| m * power).find(|s| *s >= raw * 0.999).unwrap_or(10.0 * power);
    let first = (lo / step - 1e-9).ceil();
    let count = ((hi / step + 1e-9).floor() - first).clamp(0.0, 64.0) as usize;
    let ticks = (0..=count).map(|i| (first + i as f64) * step);
    // `+ 0.0` turns −0 into 0.
    ticks.map(|v| v + 0.0).map(|v| (v, label(v, step))).collect()
}

/// Writes `v` with the digits that steps of `step` need; thousands as `k`, millions as `M`.
pub(super) fn label(v: f64, step: f64) -> String {
    if v == 0.0 {
        return "0".into();
    }
    let (size, step) = (v.abs(), step.abs());
    let digits = |unit: f64| {
        // Enough decimals that the step is a whole number of the last digit.
        (0..4).find(|d| {
            ((step / unit) * 10f64.powi(*d)).fract().min(1.0 - ((step / unit) * 10f64.powi(*d)).fract()) < 1e-6
        })
    };
    let fixed = |unit: f64, suffix: &str| {
        let decimals = digits(unit).unwrap_or(4) as usize;
        format!("{:.*}{suffix}", decimals, v / unit)
    };
    match size {
        s if !(0.999e-3..1e9).contains(&s) => format!("{v:.1e}").replace(".0e", "e"),
        s if s >= 0.999e6 => fixed(1e6, "M"),
        s if s >= 0.999e4 => fixed(1e3, "k"),
        _ => fixed(1.0, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, target: usize) -> Vec<String> {
        axis.ticks(target).into_iter().map(|t| t.1).collect()
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(labels(&Axis::between(0.0, 1.0), 5), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Axis::between(-3.0, 3.0), 6), ["-3", "-2", "-1", "0", "1", "2", "3"]);
        assert_eq!(labels(&Axis::between(0.0, 20_000.0), 4), ["0", "5000", "10k", "15k", "20k"]);
        assert_eq!(labels(&Axis::log([0.01, 100.0].into_iter(), 0.0), 6), ["0.01", "0.1", "1", "10", "100"]);
    }

    #[test]
    fn odd_ranges_give_a_usable_axis() {
        let sets: [&[f64]; 8] = [
            &[],
            &[5.0],
            &[0.0, 0.0],
            &[f64::NAN, 1.0],
            &[1e300, 2.0],
            &[1e15, 1e15 + 0.25],
            &[-1e149, 1e149],
            &[-1e308, 1e308, 3.0],
        ];
        for values in sets {
            for axis in [Axis::linear(values.iter().copied(), 0.05), Axis::log(values.iter().copied(), 0.05)] {
                assert!(axis.span() > 0.0 && axis.span().is_finite(), "{values:?}: {axis:?}");
                assert!(axis.ticks(6).len() <= 66, "{values:?}");
                for v in values.iter().filter_map(|v| axis.place(*v)) {
                    assert!((-1e-9..=1.0 + 1e-9).contains(&v), "{values:?}: {v}");
                }
            }
        }
    }
}
