//! Gaussian mixtures on codes: moments, monotone fitting, densities that integrate to one, samples.

use wavae::Error;
use wavae::eval::{Covariance, GaussianMixture, MixtureFit, class_means};
use wavae::rng::{Philox, normal};

/// `count` codes each around (−4, 0), (4, 0) and (0, 6), with a class; the last is stretched along its diagonal.
fn three(count: usize, seed: u64) -> (Vec<f32>, Vec<u32>) {
    let mut rng = Philox::new(seed, 0);
    let mut draw = |k: usize| {
        let [x, y] = [normal(&mut rng), normal(&mut rng)];
        [[x - 4.0, 0.5 * y], [0.5 * x + 4.0, y], [x + 0.3 * y, x - 0.3 * y + 6.0]][k]
    };
    let codes = (0..3 * count).flat_map(|i| draw(i % 3)).collect();
    (codes, (0..3 * count).map(|i| (i % 3) as u32).collect())
}

fn fit(codes: &[f32], components: usize, covariance: Covariance, seed: u64) -> GaussianMixture {
    let how = MixtureFit { components, covariance, seed, ..MixtureFit::default() };
    GaussianMixture::fit(codes, 2, &how).unwrap()
}

#[test]
fn one_component_has_the_moments_of_the_codes() {
    // Mean (2, 1), scatter about it 8 and 2 and 2 over four codes; the ridge is a thousandth of the mean variance, over 4.
    let codes = [0.0, 0.0, 2.0, 1.0, 2.0, 1.0, 4.0, 2.0];
    let mixture = fit(&codes, 1, Covariance::Full, 0);
    let ridge = (1e-3 * (2.0 + 0.5) / 2.0 + 1e-9) / 4.0;
    let expected = [2.0 + ridge, 1.0, 1.0, 0.5 + ridge];
    assert_eq!((mixture.mean(0), mixture.weights()), (&[2.0, 1.0][..], vec![1.0]));
    assert!(mixture.covariance(0).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12));
    let diagonal = fit(&codes, 1, Covariance::Diagonal, 0).covariance(0);
    assert!(diagonal.iter().zip([2.0 + ridge, 0.0, 0.0, 0.5 + ridge]).all(|(a, b)| (a - b).abs() < 1e-12));
    // At its mean the density is 1 / 2π√det.
    let determinant = expected[0] * expected[3] - 1.0;
    let peak = -(std::f64::consts::TAU * determinant.sqrt()).ln();
    assert!((mixture.log_density(&[2.0, 1.0]) - peak).abs() < 1e-9);
}

#[test]
fn fitting_never_falls_and_finds_what_was_drawn() {
    let (codes, _) = three(400, 1);
    for covariance in [Covariance::Diagonal, Covariance::Full] {
        for (seed, components) in [(0, 3), (1, 3), (2, 7), (3, 40)] {
            let mixture = fit(&codes, components, covariance, seed);
            let trace = mixture.trace();
            // Rounding of a mean of 1,200 numbers of order 1.
            assert!(trace.windows(2).all(|pair| pair[1] >= pair[0] - 1e-12), "{covariance:?} {components} {trace:?}");
            assert!(trace.len() >= 2 && trace.iter().all(|v| v.is_finite()));
            assert!((mixture.weights().iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }
    let mixture = fit(&codes, 3, Covariance::Full, 5);
    // Four standard errors of a mean of 400 with a deviation of at most 1.05.
    for wanted in [[-4.0, 0.0], [4.0, 0.0], [0.0, 6.0]] {
        let near = |k: usize| mixture.mean(k).iter().zip(wanted).all(|(m, w)| (m - w).abs() < 4.0 * 1.05 / 20.0);
        let k = (0..3).find(|&k| near(k)).unwrap_or_else(|| panic!("nothing at {wanted:?}"));
        assert!((mixture.weights()[k] - 1.0 / 3.0).abs() < 0.005, "the three hardly overlap");
        if wanted[1] == 6.0 {
            // Variance 1.09 each, covariance 0.91; relative errors of √(2/400).
            let expected = [1.09, 0.91, 0.91, 1.09];
            assert!(mixture.covariance(k).iter().zip(expected).all(|(a, b)| (a - b).abs() < 4.0 * 1.09 * 0.0708));
        }
    }
    assert_eq!(fit(&codes, 3, Covariance::Full, 5).trace(), mixture.trace(), "a seed repeats");
}

#[test]
fn densities_integrate_to_one_and_samples_follow_them() {
    let (codes, _) = three(100, 2);
    for covariance in [Covariance::Diagonal, Covariance::Full] {
        let mixture = fit(&codes, 4, covariance, 0);
        // A smooth function that vanishes at the edge: the sum over a fine grid is its integral far beyond 1e-6.
        let step = 0.05f32;
        let line = |cells: i32, middle: f32| (-cells..cells).map(move |i| i as f32 * step + middle);
        let density = |x, y| mixture.log_density(&[x, y]).exp();
        let sum: f64 = line(240, 0.0).map(|x| line(240, 3.0).map(|y| density(x, y)).sum::<f64>()).sum();
        let integral = sum * f64::from(step) * f64::from(step);
        assert!((integral - 1.0).abs() < 1e-5, "{integral}");
        // Mean log density of samples against that of the codes it was fitted to: both estimate −entropy.
        let samples = mixture.sample(20_000, &mut Philox::new(3, 0));
        let mean = |codes: &[f32]| {
            let values: Vec<f64> = codes.chunks_exact(2).map(|c| mixture.log_density(c)).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        // A deviation of about 1 nat: over 300 codes 0.058, which were also fitted to by 4·6 numbers: 24/600 nats.
        assert!((mean(&samples) - mean(&codes)).abs() < 4.0 * 0.058 + 0.04);
        let average = |codes: &[f32], i: usize| {
            codes.iter().skip(i).step_by(2).map(|&x| f64::from(x)).sum::<f64>() / (codes.len() / 2) as f64
        };
        for (i, deviation) in [3.4, 3.0].into_iter().enumerate() {
            // EM keeps the mean of the codes exactly; samples miss it by their standard error.
            assert!((average(&samples, i) - average(&codes, i)).abs() < 4.0 * deviation / 20_000f64.sqrt());
        }
        assert_eq!(mixture.sample(5, &mut Philox::new(3, 0)), samples[..10]);
    }
}

#[test]
fn classes_have_their_own_component() {
    let (codes, classes) = three(200, 4);
    let means = class_means(&codes, 2, &classes).unwrap();
    let mixture = GaussianMixture::from_classes(&codes, 2, &classes, Covariance::Full).unwrap();
    for k in 0..3 {
        assert!(mixture.mean(k).iter().zip(&means[2 * k..]).all(|(a, &b)| (a - f64::from(b)).abs() < 1e-6));
    }
    let samples = mixture.sample_component(2, 50, &mut Philox::new(1, 0));
    assert!(samples.len() == 100 && samples.chunks_exact(2).all(|s| (s[1] - 6.0).abs() < 6.0 && s[0].abs() < 6.0));
    assert_eq!(class_means(&[1.0, 2.0, 5.0], 1, &[1, 0, 1]).unwrap(), [2.0, 3.0]);
}

#[test]
fn odd_input() {
    // All codes alike, more components than places, one code.
    let same = fit(&[1.0; 40], 5, Covariance::Full, 0);
    assert!(same.sample(10, &mut Philox::new(0, 0)).iter().all(|x| (x - 1.0).abs() < 0.01));
    let one = fit(&[1.0, 2.0], 1, Covariance::Diagonal, 0);
    assert!(one.log_density(&[1.0, 2.0]).is_finite());
    let none = MixtureFit { components: 0, ..MixtureFit::default() };
    for (codes, how) in [(&[1.0, 2.0][..], none), (&[1.0, 2.0], MixtureFit::default()), (&[], MixtureFit::default())] {
        assert!(matches!(GaussianMixture::fit(codes, 2, &how), Err(Error::Config(_))));
    }
    let nan = [f32::NAN, 0.0];
    let how = MixtureFit { components: 1, ..none };
    assert!(matches!(GaussianMixture::fit(&nan, 1, &how), Err(Error::NonFinite(_))));
    assert!(class_means(&[1.0, 2.0], 1, &[0, 2]).is_err() && class_means(&[1.0], 1, &[0, 0]).is_err());
    let error = class_means(&[1.0, 2.0, 3.0], 1, &[0, 2, 2]).unwrap_err();
    assert!(error.to_string().contains("class 1 of 3"), "{error}");
    assert!(class_means(&[1.0], 1, &[u32::MAX]).is_err());
}
