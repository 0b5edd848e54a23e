//! Rankings, retrieval and likelihoods, against values worked out by hand and closed forms.

use wavae::Error;
use wavae::eval::{
    Confusion, ImportanceSampling, Similarity, Values, auroc, average_precision, bits_per_dimension,
    classification_error, recall_at_k,
};
use wavae::rng::{Philox, normal};

#[test]
fn areas_by_hand() {
    let labels = [true, false, true, false];
    // Pairs in order: 0.9 above both negatives, 0.7 above 0.1 alone.
    assert_eq!(auroc(&[0.9, 0.8, 0.7, 0.1], &labels).unwrap(), 0.75);
    // Precision 1 at the first positive, 2/3 at the second.
    assert!((average_precision(&[0.9, 0.8, 0.7, 0.1], &labels).unwrap() - 5.0 / 6.0).abs() < 1e-15);
    // A tie of one positive and one negative counts half; they pass the threshold together: ½·½ + ½·⅔.
    assert_eq!(auroc(&[0.9, 0.9, 0.7, 0.1], &labels).unwrap(), 0.625);
    assert!((average_precision(&[0.9, 0.9, 0.7, 0.1], &labels).unwrap() - 7.0 / 12.0).abs() < 1e-15);
    // Scores that say nothing: a half, and the share of positives. −0 is 0.
    assert_eq!(auroc(&[0.0, -0.0, 0.0, 0.0], &labels).unwrap(), 0.5);
    assert_eq!(average_precision(&[0.0, -0.0, 0.0, 0.0], &labels).unwrap(), 0.5);
    assert_eq!(auroc(&[f64::INFINITY, 0.0, 1e300, f64::NEG_INFINITY], &labels).unwrap(), 1.0);
    assert_eq!(auroc(&[0.0, 2.0, 1.0, 3.0], &labels).unwrap(), 0.0);
    for (scores, labels) in [(&[0.0, 1.0][..], &[true][..]), (&[], &[]), (&[0.0, 1.0], &[false; 2])] {
        assert!(matches!(auroc(scores, labels), Err(Error::Config(_))));
        assert!(matches!(average_precision(scores, labels), Err(Error::Config(_))));
    }
    assert!(matches!(auroc(&[0.0, 1.0], &[true; 2]), Err(Error::Config(_))), "no negatives");
    assert_eq!(average_precision(&[0.0, 1.0], &[true; 2]).unwrap(), 1.0);
    assert!(matches!(auroc(&[0.0, f64::NAN], &[true, false]), Err(Error::NonFinite(_))));
}

#[test]
fn area_is_the_probability_of_the_right_order() {
    // Normal scores a deviation apart: P(x > y) = Φ(1/√2) = 0.76025; its standard error at 2,000 and 2,000 is below 0.0075.
    let mut rng = Philox::new(5, 0);
    let labels: Vec<bool> = (0..4000).map(|i| i % 2 == 0).collect();
    let scores: Vec<f64> = labels.iter().map(|&l| f64::from(normal(&mut rng)) + f64::from(u8::from(l))).collect();
    let area = auroc(&scores, &labels).unwrap();
    assert!((area - 0.76025).abs() < 4.0 * 0.0075, "{area}");
}

#[test]
fn retrieval() {
    // Own partner first by angle, the other by distance.
    let (queries, gallery) = ([1.0, 0.0, 0.0, 1.0], [9.0, 0.0, 0.9, 0.5]);
    let at = |k, by| recall_at_k(&queries, &gallery, 2, k, by).unwrap();
    assert_eq!([at(1, Similarity::Cosine), at(1, Similarity::Euclidean)], [1.0, 0.5]);
    assert_eq!(at(2, Similarity::Euclidean), 1.0);
    // Codes that are all alike find their own by chance, zeros too.
    for value in [0.7, 0.0] {
        for by in [Similarity::Cosine, Similarity::Euclidean] {
            assert_eq!(recall_at_k(&[value; 30], &[value; 30], 3, 5, by).unwrap(), 0.5);
        }
    }
    assert_eq!(recall_at_k(&[0.0; 6], &[0.0; 6], 3, 9, Similarity::Cosine).unwrap(), 1.0, "k past N");
    assert!(matches!(recall_at_k(&[0.0; 6], &[0.0; 3], 3, 1, Similarity::Cosine), Err(Error::Config(_))));
    assert!(matches!(recall_at_k(&[0.0; 6], &[0.0; 6], 3, 0, Similarity::Cosine), Err(Error::Config(_))));
    assert!(matches!(recall_at_k(&[f32::NAN; 6], &[0.0; 6], 3, 1, Similarity::Cosine), Err(Error::NonFinite(_))));
}

#[test]
fn confusion() {
    let (predicted, actual) = ([0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 2, 2]);
    let table = Confusion::new(&predicted, &actual, 3).unwrap();
    assert_eq!(table.counts, [1, 1, 0, 0, 1, 1, 0, 0, 2]);
    assert_eq!(table.recall(), [0.5, 0.5, 1.0]);
    assert!((table.error() - 1.0 / 3.0).abs() < 1e-15);
    assert!((classification_error(&predicted, &actual).unwrap() - 1.0 / 3.0).abs() < 1e-15);
    assert!(matches!(Confusion::new(&[3], &[0], 3), Err(Error::Config(_))));
    assert!(matches!(classification_error(&[3], &[0, 1]), Err(Error::Config(_))));
}

#[test]
fn log_mean_exp_by_hand() {
    // Weights 1 and 3: mean 2; variance of the mean 2/2 over 2² is ¼; effective samples 16/10.
    let mut estimate = ImportanceSampling::new(1);
    estimate.add(0, &[0.0, 3f32.ln()], 2).unwrap();
    let figure = estimate.estimate().unwrap();
    // ln 3 in f32 is off by 2e-8.
    assert!((figure.log_likelihood - 2f64.ln()).abs() < 1e-7);
    assert!((figure.standard_error - 0.5).abs() < 1e-7 && (figure.bias - 0.125).abs() < 1e-7);
    assert!((figure.effective_samples - 1.6).abs() < 1e-7 && figure.data_error.is_nan());
}

#[test]
fn log_mean_exp_neither_overflows_nor_minds_the_order() {
    let mut rng = Philox::new(2, 0);
    let weights: Vec<f32> = (0..1000).map(|_| 30.0 * normal(&mut rng) - 5e4).collect();
    let of = |rows: &[f32], passes: usize| {
        let mut estimate = ImportanceSampling::new(2);
        for pass in rows.chunks_exact(rows.len() / passes) {
            estimate.add(1, pass, pass.len()).unwrap();
            estimate.add(0, &vec![f32::NEG_INFINITY; pass.len()], pass.len()).unwrap();
        }
        estimate.log_likelihoods()
    };
    let mut up = weights.clone();
    up.sort_by(f32::total_cmp);
    let down: Vec<f32> = up.iter().rev().copied().collect();
    let most = f64::from(down[0]);
    let direct = most + (weights.iter().map(|&w| (f64::from(w) - most).exp()).sum::<f64>() / 1000.0).ln();
    for (rows, passes) in [(&weights, 1), (&weights, 100), (&up, 20), (&down, 1000)] {
        let found = of(rows, passes);
        assert_eq!(found[0], f64::NEG_INFINITY, "weights of zero");
        // A thousand roundings of 1e-16 on sums of order 1, beside one of 5e4.
        assert!((found[1] - direct).abs() < 2e-11, "{} {direct}", found[1]);
    }
    let mut estimate = ImportanceSampling::new(2);
    assert!(matches!(estimate.add(1, &[0.0; 4], 2), Err(Error::Config(_))), "past the last example");
    assert!(matches!(estimate.add(usize::MAX, &[0.0; 4], 2), Err(Error::Config(_))));
    assert!(matches!(estimate.add(0, &[0.0; 3], 2), Err(Error::Config(_))));
    assert!(matches!(estimate.add(0, &[0.0, f32::NAN], 1), Err(Error::NonFinite(_))));
    assert!(matches!(estimate.estimate(), Err(Error::Config(_))), "nothing was added by what failed");
    assert!(estimate.log_likelihoods()[0].is_nan());
}

/// ln of the normal density.
fn log_normal(x: f64, mean: f64, sigma: f64) -> f64 {
    -0.5 * ((x - mean) / sigma).powi(2) - sigma.ln() - 0.5 * std::f64::consts::TAU.ln()
}

#[test]
fn importance_sampling_reaches_a_closed_form_within_its_own_error() {
    // z ~ N(0, 1), x|z ~ N(2z, 0.5²), so x ~ N(0, 4.25); the proposal is too wide and off the posterior's mean.
    let (examples, samples, repeats) = (20, 200, 60);
    let xs: Vec<f64> = (0..examples).map(|i| 0.2 * i as f64 - 2.0).collect();
    let exact = xs.iter().map(|&x| log_normal(x, 0.0, 4.25f64.sqrt())).sum::<f64>() / xs.len() as f64;
    let mut rng = Philox::new(11, 0);
    let mut deviations = Vec::new();
    let mut errors = Vec::new();
    for _ in 0..repeats {
        let mut estimate = ImportanceSampling::new(xs.len());
        for _ in 0..samples / 10 {
            for (i, &x) in xs.iter().enumerate() {
                let (mean, sigma) = (x * 2.0 / 4.25 + 0.1, 0.4);
                let mut weight = || {
                    let z = mean + sigma * f64::from(normal(&mut rng));
                    log_normal(z, 0.0, 1.0) + log_normal(x, 2.0 * z, 0.5) - log_normal(z, mean, sigma)
                };
                let weights: Vec<f32> = (0..10).map(|_| weight() as f32).collect();
                estimate.add(i, &weights, 10).unwrap();
            }
        }
        let figure = estimate.estimate().unwrap();
        deviations.push(figure.log_likelihood + figure.bias - exact);
        errors.push(figure.standard_error);
    }
    let error = errors.iter().sum::<f64>() / errors.len() as f64;
    let mean = deviations.iter().sum::<f64>() / deviations.len() as f64;
    let spread = (deviations.iter().map(|d| d * d).sum::<f64>() / deviations.len() as f64).sqrt();
    println!("exact {exact:.5}, off by {mean:.5}, spread {spread:.5}, said {error:.5}");
    assert!(mean.abs() < 4.0 * error / (repeats as f64).sqrt());
    // A spread of 60 draws is known to 1/√120: four of these.
    assert!((spread / error - 1.0).abs() < 4.0 / 120f64.sqrt());
}

#[test]
fn bits() {
    // A fair coin an element: one bit.
    assert!((bits_per_dimension(-784.0 * 2f64.ln(), 784, Values::Discrete) - 1.0).abs() < 1e-12);
    // A density of 256 on bytes scaled to [0, 1]: each byte is certain, 0 bits.
    let sure = bits_per_dimension(12.0 * 256f64.ln(), 12, Values::Dequantized { width: 1.0 / 256.0 });
    assert!(sure.abs() < 1e-12);
    // The same density in units of bytes has width 1 and no term.
    assert_eq!(bits_per_dimension(0.0, 12, Values::Dequantized { width: 1.0 }), 0.0);
}
