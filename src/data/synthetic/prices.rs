//! Windows of a market: price, return and volume under regimes that switch, and windows that no regime explains.
//!
//! Within a window of T steps, u = t/T runs from 0 to 1. The market leaves one regime for another around a random
//! moment, and drift μ(u) and volatility σ(u) go over smoothly. Its return is μ + σ·w, where w is a cycle of random
//! frequency and phase; the price is the sum of the returns; the volume is high where the market is volatile and falls
//! as the cycle rises. A little noise lies on return and volume. So a window of a turbulent market is large and regular,
//! and a window with a small irregularity is the strange one: its largest value tells little, its structure does.

use super::{examples, floats, split};
use crate::data::dataset::Dataset;
use crate::error::{Error, Result};
use crate::rng::{Philox, normal};
use crate::tensor::Array;
use rand::RngExt;
use std::f32::consts::TAU;

/// Names of the regimes, the values of the factors `from` and `to`.
pub const REGIMES: [&str; 4] = ["calm", "bull", "bear", "turbulent"];
/// What happens in a window, the values of the factor `event`: nothing for 0.
pub const ANOMALIES: [&str; 6] = ["none", "spike", "flash crash", "volume burst", "frozen price", "broken correlation"];

/// Drift and volatility of each regime, per step.
const DRIFT: [f32; 4] = [0.0, 0.7, -0.9, 0.0];
const VOLATILITY: [f32; 4] = [0.8, 1.0, 1.3, 2.2];
/// Standard deviation of the noise on returns and on volume.
const NOISE: f32 = 0.22;
/// Mean and standard deviation of price, return and volume over windows without events.
const SCALE: [(f32, f32); 3] = [(-0.168, 2.205), (-0.042, 1.164), (1.267, 0.882)];
const FACTORS: [(&str, usize); 7] =
    [("from", 4), ("to", 4), ("switch", 0), ("cycles", 0), ("phase", 0), ("tone", 0), ("event", 6)];

struct Window {
    /// [T, 3].
    x: Vec<f32>,
    factors: [f32; 7],
}

/// Windows `0..n` of `seed`, `steps` long: `x` `F32` [N, T, 3] (price since the start of the window, return, volume, each of about zero
/// mean and unit variance), `label` the regime it ends in (see [`REGIMES`]), `factors` the regimes before and after the
/// switch, its moment in `0..1`, the cycle's frequency (cycles a window) and phase, the strength of the volume's daily
/// curve, and the event (see [`ANOMALIES`]). `anomaly` is 1 where the event is not 0, which happens to every second window of
/// [`Split::Test`](crate::data::Split::Test) and to no other.
///
/// ```
/// let set = wavae::data::price_series(20, 64, 0)?;
/// assert_eq!(set.example("x")?.dims(), [64, 3]);
/// assert_eq!(set.integers("anomaly")?[..9], [0; 9]);
/// # Ok::<(), wavae::Error>(())
/// ```
///
/// # Errors
/// When `n` is 0 or absurd, or `steps` is not in 16..=4096.
pub fn price_series(n: usize, steps: usize, seed: u64) -> Result<Dataset> {
    if !(16..=4096).contains(&steps) {
        return Err(Error::Config(format!("price windows of {steps} steps: choose from 16 to 4096")));
    }
    let all = examples(n, seed, steps * 12, |i, rng| window(i, steps, rng))?;
    let events = all.iter().map(|w| u32::from(w.factors[6] > 0.0)).collect();
    let mut set = Dataset::new("x", floats(&all, [steps, 3], |w| &w.x)?)?
        .with_labels(all.iter().map(|w| w.factors[1] as u32).collect(), REGIMES.len())?
        .with_factors(&FACTORS, all.iter().flat_map(|w| w.factors).collect())?
        .with("anomaly", Array::u32([n], events)?)?;
    set.class_names = REGIMES.map(String::from).to_vec();
    Ok(split(set))
}

fn window(i: usize, steps: usize, rng: &mut Philox) -> Window {
    let (from, to) = (rng.random_range(0..4usize), rng.random_range(0..4usize));
    let (switch, cycles): (f32, f32) = (rng.random_range(0.25..0.75), rng.random_range(2.0..4.0));
    let (phase, tone): (f32, f32) = (rng.random(), normal(rng).clamp(-2.5, 2.5));
    // Whether and what happens is drawn for every window, so that a window is the same whatever comes of it.
    let event = match rng.random_range(0..2 * (ANOMALIES.len() - 1)) {
        k if i % 10 == 9 && k + 1 < ANOMALIES.len() => k + 1,
        _ => 0,
    };
    let strength = [from, to].map(|k| (DRIFT[k], VOLATILITY[k] * (0.12 * normal(rng).clamp(-2.0, 2.0)).exp()));
    let broken: f32 = if event == 5 { rng.random_range(0.35..0.65) } else { 0.0 };
    let (mut returns, mut volume) = (vec![0.0; steps], vec![0.0; steps]);
    for t in 0..steps {
        let u = (t as f32 + 0.5) / steps as f32;
        let after = 1.0 / (1.0 + (-(u - switch) * 16.0).exp());
        let [drift, volatility] = [0, 1].map(|k| {
            let pick = |s: (f32, f32)| if k == 0 { s.0 } else { s.1 };
            pick(strength[0]) + after * (pick(strength[1]) - pick(strength[0]))
        });
        let wave = |shift: f32| (TAU * (cycles * u + phase + shift)).sin();
        returns[t] = drift + volatility * wave(0.0) + NOISE * normal(rng);
        let day = (0.6 + 0.2 * tone) * (2.0 * u - 1.0).powi(2);
        volume[t] = day + 0.8 * volatility - 0.7 * volatility * wave(broken) + NOISE * normal(rng);
    }
    happen(event, &mut returns, &mut volume, rng);
    let mut price = 0.0;
    let x = returns.iter().zip(&volume).flat_map(|(&r, &v)| {
        price += r * 8.0 / steps as f32;
        [price, r, v]
    });
    let x = x.zip(SCALE.iter().cycle()).map(|(value, (mean, deviation))| (value - mean) / deviation).collect();
    Window { x, factors: [from as f32, to as f32, switch, cycles, phase, tone, event as f32] }
}

/// Lets `event` happen somewhere inside the window.
fn happen(event: usize, returns: &mut [f32], volume: &mut [f32], rng: &mut Philox) {
    let steps = returns.len();
    let size: f32 = rng.random_range(1.2..2.0);
    let sign = if rng.random::<bool>() { 1.0 } else { -1.0 };
    // Lengths are shares of the window, so that an event weighs the same in windows of any length.
    let long = |share: f32| ((share * steps as f32).round() as usize).max(1);
    let at = rng.random_range(1..steps - long(0.3));
    match event {
        1 => {
            returns[at] += sign * size;
            returns[at + 1] -= sign * size;
        }
        2 => {
            let (fall, rise) = (long(0.05), long(0.08));
            returns[at..at + fall].iter_mut().for_each(|r| *r -= size);
            let back = size * fall as f32 / rise as f32;
            returns[at + fall..at + fall + rise].iter_mut().for_each(|r| *r += back);
            volume[at..at + fall + rise].iter_mut().for_each(|v| *v += 0.3 * size);
        }
        3 => volume[at..at + long(0.05)].iter_mut().for_each(|v| *v += size),
        4 => {
            // No trade for a while; the price then jumps to where it would have been, halfway.
            let end = at + long(0.22);
            let missed: f32 = returns[at..end].iter().sum();
            returns[at..end].fill(0.0);
            returns[end] += (0.5 * missed).clamp(-size, size);
        }
        _ => {}
    }
}
