//! Price windows: regimes, events, and that events are found by structure and not by size.

use wavae::data::{ANOMALIES, Dataset, REGIMES, Split, price_series};

const STEPS: usize = 64;

#[test]
fn a_window_depends_on_seed_and_index_only() {
    let (many, few) = (price_series(50, STEPS, 3).unwrap(), price_series(20, STEPS, 3).unwrap());
    assert_eq!(many.subset(&(0..20).collect::<Vec<_>>()), few);
    assert_ne!(price_series(20, STEPS, 4).unwrap(), few);
    for bad in [price_series(0, STEPS, 1), price_series(usize::MAX, STEPS, 1), price_series(1, 3, 1)] {
        assert!(matches!(bad, Err(wavae::Error::Config(_))));
    }
}

/// Mean and variance of each channel over windows without events are 0 and 1, whatever the number of steps.
#[test]
fn channels_are_normalised() {
    for steps in [32, 64, 100] {
        let set = price_series(4000, steps, 1).unwrap().part(Split::Train);
        let x = set.floats("x").unwrap();
        assert!(x.iter().all(|v| v.is_finite()));
        for c in 0..3 {
            let values = || x.iter().skip(c).step_by(3).map(|v| f64::from(*v));
            let n = values().count() as f64;
            let mean = values().sum::<f64>() / n;
            let deviation = (values().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
            println!("{steps} steps, channel {c}: mean {mean:.4} deviation {deviation:.4}");
            assert!(mean.abs() < 0.05 && (deviation - 1.0).abs() < 0.05);
        }
    }
}

#[test]
fn regimes_are_in_the_numbers() {
    let set = price_series(4000, STEPS, 2).unwrap().part(Split::Train);
    let (x, from, to) = (set.floats("x").unwrap(), set.factor("from").unwrap(), set.factor("to").unwrap());
    assert_eq!(set.integers("label").unwrap(), to.iter().map(|v| *v as u32).collect::<Vec<_>>());
    // Mean return and mean square after the last possible switch, by regime.
    let mut sums = [[0.0f64; 3]; REGIMES.len()];
    for i in 0..set.len() {
        for t in 56..STEPS {
            let r = f64::from(x[(i * STEPS + t) * 3 + 1]);
            let sum = &mut sums[to[i] as usize];
            *sum = [sum[0] + 1.0, sum[1] + r, sum[2] + r * r];
        }
    }
    let mean = sums.map(|[n, sum, _]| sum / n);
    let spread = sums.map(|[n, sum, squares]| (squares / n - (sum / n).powi(2)).sqrt());
    println!("{mean:?} {spread:?}");
    assert!(mean[1] > mean[0] + 0.3 && mean[2] < mean[0] - 0.3, "bull rises, bear falls");
    assert!(spread[3] > 1.5 * spread[0], "turbulent is volatile");
    assert!(from.iter().zip(&to).any(|(a, b)| a != b));
}

fn auroc(scores: &[f64], strange: &[u32]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let ranks: f64 = order.iter().zip(1..).filter(|(i, _)| strange[**i] == 1).map(|(_, rank)| f64::from(rank)).sum();
    let positive = strange.iter().filter(|s| **s == 1).count() as f64;
    (ranks - positive * (positive + 1.0) / 2.0) / (positive * (scores.len() as f64 - positive))
}

/// The `k` leading directions of the rows of `x` around their mean, by orthogonal iteration; and the mean.
fn principal(x: &[f32], width: usize, k: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    let n = x.len() / width;
    let mut mean = vec![0.0; width];
    x.chunks_exact(width).for_each(|row| mean.iter_mut().zip(row).for_each(|(m, v)| *m += f64::from(*v) / n as f64));
    let mut covariance = vec![0.0; width * width];
    for row in x.chunks_exact(width) {
        let d: Vec<f64> = row.iter().zip(&mean).map(|(v, m)| f64::from(*v) - m).collect();
        for (row, a) in covariance.chunks_exact_mut(width).zip(&d) {
            row.iter_mut().zip(&d).for_each(|(c, b)| *c += a * b / n as f64);
        }
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut basis: Vec<Vec<f64>> = (0..k)
        .map(|j| (0..width).map(|i| ((i * 7 + j * 13) % 31) as f64 - 15.0 + (i == j) as u8 as f64).collect())
        .collect();
    for _ in 0..60 {
        basis = basis.iter().map(|v| covariance.chunks_exact(width).map(|row| dot(row, v)).collect()).collect();
        for j in 0..k {
            for l in 0..j {
                let share = dot(&basis[j], &basis[l]);
                let other = basis[l].clone();
                basis[j].iter_mut().zip(other).for_each(|(a, b)| *a -= share * b);
            }
            let norm = dot(&basis[j], &basis[j]).sqrt().max(1e-300);
            basis[j].iter_mut().for_each(|a| *a /= norm);
        }
    }
    (basis, mean)
}

/// What a linear model of 16 latents leaves of each window; and the largest |z| of each.
fn scores(train: &Dataset, test: &Dataset) -> [Vec<f64>; 2] {
    let width = STEPS * 3;
    let (x, y) = (train.floats("x").unwrap(), test.floats("x").unwrap());
    let (basis, mean) = principal(x, width, 16);
    let rest = |row: &[f32]| {
        let mut d: Vec<f64> = row.iter().zip(&mean).map(|(v, m)| f64::from(*v) - m).collect();
        for v in &basis {
            let share: f64 = d.iter().zip(v).map(|(a, b)| a * b).sum();
            d.iter_mut().zip(v).for_each(|(a, b)| *a -= share * b);
        }
        d.iter().map(|a| a * a).sum::<f64>()
    };
    // Every channel has variance one, so that a value is its own z-score.
    let largest = |row: &[f32]| row.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max);
    [y.chunks_exact(width).map(rest).collect(), y.chunks_exact(width).map(largest).collect()]
}

#[test]
fn events_are_found_by_structure_not_by_size() {
    let set = price_series(10_000, STEPS, 7).unwrap();
    let (train, test) = (set.part(Split::Train), set.part(Split::Test));
    assert!(train.integers("anomaly").unwrap().iter().all(|a| *a == 0));
    let strange = test.integers("anomaly").unwrap();
    let share = strange.iter().sum::<u32>() as f64 / strange.len() as f64;
    assert!((0.4..0.6).contains(&share), "{share}");
    let event = test.factor("event").unwrap();
    assert!(event.iter().zip(strange).all(|(e, a)| (*e > 0.0) == (*a == 1)));
    let [rest, largest] = scores(&train, &test);
    for (k, name) in ANOMALIES.iter().enumerate().skip(1) {
        let part: Vec<usize> = (0..test.len()).filter(|&i| event[i] == 0.0 || event[i] == k as f32).collect();
        let of = |scores: &[f64]| {
            let strange: Vec<u32> = part.iter().map(|&i| strange[i]).collect();
            auroc(&part.iter().map(|&i| scores[i]).collect::<Vec<_>>(), &strange)
        };
        println!("{name}: PCA {:.3}, largest |z| {:.3}", of(&rest), of(&largest));
    }
    let (linear, trivial) = (auroc(&rest, strange), auroc(&largest, strange));
    println!("PCA {linear:.3}, largest |z| {trivial:.3}");
    assert!(linear > 0.95 && trivial < 0.8, "{linear} {trivial}");
}
