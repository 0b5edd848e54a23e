//! Usage of the latent, moments of decodes, and ways through latent space.

use wavae::Error;
use wavae::eval::{
    Moments, Path, Pressure, code_values, histogram, interpolate, latent_usage, normal_quantile, normal_values,
    traverse,
};
use wavae::rng::{Philox, normal};

#[test]
fn usage_counts_and_names_what_to_change() {
    let plain = Pressure::default();
    let usage = latent_usage(&[1.0, 0.5, 0.004, 0.3], &[0.8, 0.4, 0.5, 0.005], &plain).unwrap();
    assert_eq!((usage.active, usage.unused, usage.constant), (vec![0, 1], vec![2], vec![3]));
    assert!((usage.kl - 1.804).abs() < 1e-12);
    let text = "1 of 4 latent dimensions carries under 0.01 nats and 1 of 4 pays KL for the same code whatever the example: \
                anneal beta from 0 or give free bits";
    assert_eq!(usage.warning.as_deref(), Some(text));
    // More than half in use: no word.
    assert_eq!(latent_usage(&[1.0, 0.5, 0.0], &[1.0, 1.0, 0.0], &plain).unwrap().warning, None);
    let constant = latent_usage(&[1.0, 0.5], &[1.0, 0.0], &plain).unwrap().warning.unwrap();
    assert!(constant.starts_with("1 of 2 latent dimensions pays KL for the same code"), "{constant}");
    assert_eq!(latent_usage(&[0.01], &[0.0101], &plain).unwrap().warning, None, "the threshold is in use");

    let warning = |pressure: Pressure| latent_usage(&[0.002; 16], &[0.0; 16], &pressure).unwrap().warning.unwrap();
    let start = "posterior collapse, the decoder ignores z: 16 of 16 latent dimensions carry under 0.01 nats: ";
    let text = Pressure { autoregressive: true, beta: 2.5, ..plain };
    let expected = "lower beta from 2.5, anneal it from 0, give free bits, or drop more of the decoder's own input";
    assert_eq!(warning(text), format!("{start}{expected}"));
    let done = Pressure { annealed: true, free_bits: 0.1, ..plain };
    assert_eq!(warning(done), format!("{start}weaken the decoder"));
    let sigma = Pressure { fixed_sigma: Some(1.0), ..done };
    assert_eq!(warning(sigma), format!("{start}learn the likelihood's sigma or lower it from 1"));

    assert!(matches!(latent_usage(&[1.0], &[1.0, 1.0], &plain), Err(Error::Config(_))));
    assert!(matches!(latent_usage(&[], &[], &plain), Err(Error::Config(_))));
    assert!(matches!(latent_usage(&[f64::NAN], &[1.0], &plain), Err(Error::NonFinite(_))));
}

#[test]
fn histograms_count_everything_once() {
    let h = histogram(&[0.0, 0.5, 1.0, 1.0, 4.0, f32::NAN], 4).unwrap();
    assert_eq!((h.low, h.high, h.counts), (0.0, 4.0, vec![2, 2, 0, 1]));
    let same = histogram(&[3.0; 7], 5).unwrap();
    assert_eq!(same.counts, [7, 0, 0, 0, 0]);
    assert!(matches!(histogram(&[f32::NAN], 5), Err(Error::Config(_))));
    assert!(matches!(histogram(&[1.0], 0), Err(Error::Config(_))));
}

#[test]
fn moments_far_from_zero() {
    // Mean 1e4 and deviation 0.5: a sum of squares in f32 would have none of it left.
    let mut rng = Philox::new(4, 0);
    let mut moments = Moments::new(3);
    let mut all = Vec::new();
    for _ in 0..500 {
        let row: Vec<f32> = (0..3).map(|i| 1e4 + i as f32 * 0.5 * normal(&mut rng)).collect();
        moments.add(&row).unwrap();
        all.push(row);
    }
    for i in 0..3 {
        let mean = all.iter().map(|r| f64::from(r[i])).sum::<f64>() / 500.0;
        let deviation = (all.iter().map(|r| (f64::from(r[i]) - mean).powi(2)).sum::<f64>() / 499.0).sqrt();
        assert!((f64::from(moments.mean()[i]) - mean).abs() < 1e-3, "half a unit in the last place of 1e4");
        assert!((f64::from(moments.deviation()[i]) - deviation).abs() < 1e-6);
    }
    assert!(matches!(moments.add(&[0.0]), Err(Error::Config(_))));
    assert_eq!((Moments::new(1).mean(), Moments::new(1).deviation()), (vec![0.0], vec![0.0]));
}

fn length(v: &[f32]) -> f32 {
    v.iter().map(|x| x * x).sum::<f32>().sqrt()
}

#[test]
fn spherical_paths_keep_length_and_angle() {
    // 90° in three steps of 30°, radius 2.
    let arc = interpolate(&[2.0, 0.0, 0.0], &[0.0, 0.0, 2.0], 4, Path::Spherical).unwrap();
    for (step, point) in arc.chunks_exact(3).enumerate() {
        let angle = (30.0 * step as f32).to_radians();
        let expected = [2.0 * angle.cos(), 0.0, 2.0 * angle.sin()];
        assert!(point.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{point:?}");
    }
    // Through and around the parallel: from cosines where sin Ω rounds to 0 to angles where it does not.
    for angle in [0.0f32, 1e-9, 1e-7, 1e-6, 3e-6, 1e-4] {
        for side in [1.0, -1.0] {
            let end = [3.0 * side * angle.cos(), 3.0 * angle.sin()];
            let path = interpolate(&[3.0, 0.0], &end, 9, Path::Spherical).unwrap();
            for point in path.chunks_exact(2) {
                assert!((length(point) - 3.0).abs() < 1e-4, "{angle} {side} {point:?}");
            }
        }
    }
    // Opposite codes of different length: half way round is at right angles and of the middle length.
    let half = interpolate(&[1.0, 0.0, 0.0], &[-3.0, 0.0, 0.0], 3, Path::Spherical).unwrap();
    assert!((length(&half[3..6]) - 2.0).abs() < 1e-6 && half[3].abs() < 1e-6);
    // A code of zeros and a latent of one dimension have no angle: the straight line.
    assert_eq!(interpolate(&[0.0, 0.0], &[2.0, 4.0], 3, Path::Spherical).unwrap()[2..4], [1.0, 2.0]);
    assert_eq!(interpolate(&[-1.0], &[1.0], 3, Path::Spherical).unwrap(), [-1.0, 0.0, 1.0]);
}

#[test]
fn paths_end_exactly_where_they_should() {
    let (a, b) = ([0.1, -0.7, 3.3], [0.3, 0.9, -1e-8]);
    for path in [Path::Linear, Path::Spherical] {
        let codes = interpolate(&a, &b, 5, path).unwrap();
        assert_eq!((&codes[..3], &codes[12..]), (&a[..], &b[..]));
        assert_eq!(interpolate(&a, &b, 1, path).unwrap(), a);
        assert!(matches!(interpolate(&a, &b, 0, path), Err(Error::Config(_))));
        assert!(matches!(interpolate(&a, &[0.0; 6], 2, path), Err(Error::Config(_))));
        assert!(matches!(interpolate(&[], &[], 2, path), Err(Error::Config(_))));
        assert!(matches!(interpolate(&[f32::NAN], &[0.0], 2, path), Err(Error::NonFinite(_))));
    }
}

#[test]
fn traversals() {
    // Φ(−3), Φ(−1), Φ(2), Φ(5): tables of the normal distribution.
    for (p, z) in [
        (1.349898031630095e-3, -3.0),
        (0.15865525393145707, -1.0),
        (0.9772498680518208, 2.0),
        (2.866515718791939e-7, -5.0),
    ] {
        assert!((normal_quantile(p) / z - 1.0).abs() < 1.2e-9, "{p}");
    }
    assert_eq!((normal_quantile(0.5), normal_quantile(0.0)), (0.0, f64::NEG_INFINITY));
    let values = normal_values(3, 0.15865525393145707).unwrap();
    assert!((values[0] + 1.0).abs() < 1e-6 && values[1].abs() < 1e-6 && (values[2] - 1.0).abs() < 1e-6);
    // The second dimension is 0, 10, …, 100 in some order: quantiles by tenths are the values themselves.
    let codes: Vec<f32> = (0..11).flat_map(|i| [0.5, (i * 7 % 11) as f32 * 10.0]).collect();
    let values = code_values(&codes, 2, 1, 5, 0.1).unwrap();
    assert!(values.iter().zip([10.0, 30.0, 50.0, 70.0, 90.0]).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-4));
    assert_eq!(code_values(&codes, 2, 0, 1, 0.1).unwrap(), [0.5]);

    let grid = traverse(&[1.0, 2.0, 3.0], &[2, 0], &[vec![7.0, 8.0], vec![9.0]]).unwrap();
    assert_eq!(grid, [1.0, 2.0, 7.0, 1.0, 2.0, 8.0, 9.0, 2.0, 3.0]);
    assert!(matches!(traverse(&[1.0], &[1], &[vec![0.0]]), Err(Error::Config(_))));
    assert!(matches!(traverse(&[1.0], &[0], &[]), Err(Error::Config(_))));
    assert!(matches!(code_values(&codes, 2, 2, 5, 0.1), Err(Error::Config(_))));
    for (steps, tail) in [(0, 0.1), (3, 0.0), (3, 0.5), (3, f64::NAN)] {
        assert!(matches!(normal_values(steps, tail), Err(Error::Config(_))), "{steps} {tail}");
    }
}
