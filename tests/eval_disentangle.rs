//! Disentanglement scores: perfect, rotated and ignorant codes, and tiny cases worked out by hand.

use rand::RngExt;
use wavae::Error;
use wavae::eval::{FactorKind, FactorVotes, Factors, dci, factor_vae_score, mig, mig_of_each, sap};
use wavae::rng::Philox;

const ORDERED: FactorKind = FactorKind::Ordered;

/// `count` random points of a grid of 10 × 8 × 5 values.
fn points(count: usize, seed: u64) -> Vec<u32> {
    let mut rng = Philox::new(seed, 0);
    (0..count).flat_map(|_| [10, 8, 5].map(|n| rng.random_range(0..n))).collect()
}

/// Each factor as a code between −1 and 1.
fn perfect(factors: &[u32]) -> Vec<f32> {
    let scale = |(i, &f): (usize, &u32)| 2.0 * f as f32 / ([10, 8, 5][i % 3] - 1) as f32 - 1.0;
    factors.iter().enumerate().map(scale).collect()
}

/// Every row of `codes` [N, 3] times an orthogonal matrix far from any permutation.
fn rotated(codes: &[f32]) -> Vec<f32> {
    let third = 1.0 / 3.0;
    let mix = |r: &[f32]| {
        [[2.0, -1.0, 2.0], [2.0, 2.0, -1.0], [-1.0, 2.0, 2.0]]
            .map(|m: [f32; 3]| third * (m[0] * r[0] + m[1] * r[1] + m[2] * r[2]))
    };
    codes.chunks_exact(3).flat_map(mix).collect()
}

fn noise(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = Philox::new(seed, 1);
    (0..len).map(|_| wavae::rng::normal(&mut rng)).collect()
}

/// MIG, SAP, the three of DCI, FactorVAE.
fn scores(codes: &[f32], latent: usize, factors: &Factors) -> [f64; 6] {
    let d = dci(codes, latent, factors, 1).unwrap();
    let votes = factor_vae_score(codes, latent, factors, &FactorVotes::default()).unwrap();
    let gaps = [mig(codes, latent, factors).unwrap(), sap(codes, latent, factors).unwrap()];
    [gaps[0], gaps[1], d.disentanglement, d.completeness, d.informativeness, votes]
}

#[test]
fn perfect_rotated_and_ignorant_codes() {
    let values = points(4000, 3);
    let factors = Factors::new(&values, &[ORDERED; 3]).unwrap();
    // Perfect codes beside two dimensions that know nothing, in another order.
    let spare = noise(8000, 4);
    let with_spare = |(row, spare): (&[f32], &[f32])| [spare[0], row[2], row[0], spare[1], row[1]];
    let codes: Vec<f32> = perfect(&values).chunks_exact(3).zip(spare.chunks_exact(2)).flat_map(with_spare).collect();
    let [mig, sap, d, c, i, votes] = scores(&codes, 5, &factors);
    // Second best by chance: information of about (20 − 1)(10 − 1) / 2N = 0.021 nats of ln 10, R² of about 1/N.
    assert!((0.97..1.0).contains(&mig) && (0.995..1.0).contains(&sap), "{mig} {sap}");
    assert_eq!([d, c, i, votes], [1.0; 4]);

    let [mig, sap, d, c, i, votes] = scores(&rotated(&perfect(&values)), 3, &factors);
    // Two dimensions hold 4/9 of each factor's variance each: gaps of nothing; all is there, but nowhere by itself.
    assert!(mig < 0.08 && sap < 0.05 && d < 0.35 && c < 0.35, "{mig} {sap} {d} {c}");
    assert!(i > 0.6 && votes < 0.7, "{i} {votes}");

    let [mig, sap, d, c, i, votes] = scores(&noise(12_000, 5), 3, &factors);
    assert!(mig < 0.01 && sap < 0.002 && d < 0.02 && c < 0.02, "{mig} {sap} {d} {c}");
    // Chance: the mean of 1/10, 1/8 and 1/5, and 1/3; of 1,000 and 800 trials, four deviations.
    assert!((i - 0.1417).abs() < 4.0 * 0.0065 && (votes - 1.0 / 3.0).abs() < 4.0 * 0.0167, "{i} {votes}");
}

#[test]
fn the_gap_of_each_factor() {
    // The first factor in a dimension of its own, the second in two alike, the third nowhere; one between them never varies.
    let values = points(4000, 3);
    let codes: Vec<f32> = perfect(&values).chunks_exact(3).flat_map(|v| [v[1], v[0], -v[1]]).collect();
    let table: Vec<u32> = values.chunks_exact(3).flat_map(|v| [v[0], 6, v[1], v[2]]).collect();
    let factors = Factors::new(&table, &[ORDERED; 4]).unwrap();
    let each = mig_of_each(&codes, 3, &factors).unwrap();
    assert_eq!((factors.varying(), each.len()), (vec![0, 2, 3], 3));
    // By chance (20 − 1)(10 − 1) / 2N = 0.021 of ln 10 nats in another dimension, at most.
    assert!((0.97..1.0).contains(&each[0]) && each[1].abs() < 1e-12 && each[2].abs() < 0.02, "{each:?}");
    assert!((mig(&codes, 3, &factors).unwrap() - each.iter().sum::<f64>() / 3.0).abs() < 1e-12);
}

#[test]
fn gaps_by_hand() {
    // The first dimension knows one of the two examples of value 1, the second nothing.
    let codes = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0];
    let factors = |kind| Factors::new(&[0, 0, 7, 7], &[kind]).unwrap();
    // I = H(v) − P(z = 0) H(1/3) = ln 2 − ¾ (ln 3 − ⅔ ln 2).
    let expected = 1.0 - 0.75 * (3f64.ln() / 2f64.ln() - 2.0 / 3.0);
    assert!((mig(&codes, 2, &factors(ORDERED)).unwrap() - expected).abs() < 1e-12);
    // Correlation of (0,0,0,1) with (0,0,7,7): covariance ½, variances ¾ and 1, so R² = ⅓.
    assert!((sap(&codes, 2, &factors(ORDERED)).unwrap() - 1.0 / 3.0).abs() < 1e-12);
    // Balanced accuracy: all of value 0, half of value 7, against ½ for the second dimension.
    assert!((sap(&codes, 2, &factors(FactorKind::Category)).unwrap() - 0.25).abs() < 1e-12);
}

#[test]
fn categories_take_any_order_of_intervals() {
    // Three names along the code in the order 2, 0, 1: two thresholds read them all; a line reads R² = ¼.
    let factor: Vec<u32> = (0..30).map(|i| [2, 0, 1][i / 10]).collect();
    let codes: Vec<f32> = (0..30).map(|i| (i / 10) as f32).collect();
    let of = |kind| sap(&codes, 1, &Factors::new(&factor, &[kind]).unwrap()).unwrap();
    assert!((of(FactorKind::Category) - 1.0).abs() < 1e-12);
    assert!((of(ORDERED) - 0.25).abs() < 1e-12);
}

#[test]
fn rare_values_and_wide_dimensions_count_like_others() {
    // A constant code guesses one of two values: balanced accuracy ½, though three of four examples have it.
    let factor = Factors::new(&[0, 0, 0, 1], &[FactorKind::Category]).unwrap();
    assert!((sap(&[1.0; 4], 1, &factor).unwrap() - 0.5).abs() < 1e-12);
    // Codes with noise of 0.2, the first dimension a hundred times as wide: its noise alone exceeds the others' range.
    let values = points(2000, 6);
    let widened = |(at, (x, e)): (usize, (f32, f32))| (x + 0.2 * e) * if at % 3 == 0 { 100.0 } else { 1.0 };
    let codes: Vec<f32> = perfect(&values).into_iter().zip(noise(6000, 7)).enumerate().map(widened).collect();
    let factors = Factors::new(&values, &[ORDERED; 3]).unwrap();
    assert!(factor_vae_score(&codes, 3, &factors, &FactorVotes::default()).unwrap() > 0.99);
}

#[test]
fn dci_by_hand() {
    // One dimension that spells out two factors: informative, complete, and entangled all the same.
    let values: Vec<u32> = (0..400).flat_map(|i| [i % 4, i / 4 % 4]).collect();
    let codes: Vec<f32> = values.chunks_exact(2).map(|v| (4 * v[0] + v[1]) as f32).collect();
    let d = dci(&codes, 1, &Factors::new(&values, &[ORDERED; 2]).unwrap(), 0).unwrap();
    assert_eq!((d.informativeness, d.completeness, d.importance), (1.0, 1.0, vec![1.0, 1.0]));
    assert!(d.disentanglement.abs() < 1e-12);
    // One factor in two bits: the root's bit takes ¼ of the ¾ impurity away, the other's ½, whichever is first.
    let factor: Vec<u32> = (0..400).map(|i| i % 4).collect();
    let bits: Vec<f32> = factor.iter().flat_map(|f| [(f & 1) as f32, (f >> 1) as f32]).collect();
    let d = dci(&bits, 2, &Factors::new(&factor, &[FactorKind::Category]).unwrap(), 0).unwrap();
    let most = 1.0 + (1f64 / 3.0 * (1f64 / 3.0).ln() + 2.0 / 3.0 * (2f64 / 3.0).ln()) / 2f64.ln();
    assert_eq!((d.disentanglement, d.informativeness), (1.0, 1.0));
    assert!(d.completeness >= 0.0 && d.completeness < most + 0.04, "{} {most}", d.completeness);
}

#[test]
fn scores_repeat_and_pass_over_what_never_varies() {
    let values: Vec<u32> = points(600, 8).chunks_exact(3).flat_map(|r| [r[0], 6, r[2]]).collect();
    let factors = Factors::new(&values, &[ORDERED; 3]).unwrap();
    assert_eq!((factors.varying(), factors.len()), (vec![0, 2], 600));
    let codes = noise(1800, 9);
    assert_eq!(scores(&codes, 3, &factors), scores(&codes, 3, &factors));
    // Codes that never vary: no information, no vote, and no NaN.
    let constant = vec![0.3f32; 1800];
    assert_eq!(scores(&constant, 3, &factors)[..4], [0.0; 4]);
    assert_eq!(factor_vae_score(&constant, 3, &factors, &FactorVotes::default()).unwrap(), 0.0);
}

#[test]
fn refusals() {
    let factors = Factors::new(&[0, 1, 2, 3], &[ORDERED]).unwrap();
    assert!(matches!(Factors::new(&[1, 1, 1], &[ORDERED]), Err(Error::Config(_))));
    assert!(matches!(Factors::new(&[1, 2, 3], &[ORDERED; 2]), Err(Error::Config(_))));
    assert!(matches!(mig(&[0.0; 6], 2, &factors), Err(Error::Config(_))), "three codes, four examples");
    assert!(matches!(mig(&[0.0; 4], 0, &factors), Err(Error::Config(_))));
    let error = sap(&[0.0, 1.0, f32::NAN, 0.0], 1, &factors).unwrap_err();
    assert!(matches!(error, Error::NonFinite(_)) && error.to_string().contains("row 2"), "{error}");
    assert!(matches!(dci(&[0.0; 4], 1, &factors, 0), Err(Error::Config(_))));
    let error = factor_vae_score(&[0.0, 1.0, 2.0, 3.0], 1, &factors, &FactorVotes::default()).unwrap_err();
    assert!(error.to_string().contains("factor 0") && error.to_string().contains("encode more"), "{error}");
}
