//! The linear-Gaussian VAE, whose best bound is the exact log likelihood of probabilistic PCA (Tipping & Bishop 1999; Lucas
//! 2019, arXiv 1911.02469): reached by training, and met by importance sampling.

use std::sync::Arc;
use wavae::data::Dataset;
use wavae::nn::{Flatten, Linear, Sequential};
use wavae::rng::{Philox, normal};
use wavae::train::{Config, Rate, Source, Trainer};
use wavae::vae::{DiagonalGaussian, GaussianReals, Spread, Vae};
use wavae::{Array, Device};

const N: usize = 1000;
const D: usize = 6;
const L: usize = 2;

/// W z + b + 0.5 ε with a fixed W.
fn examples() -> Vec<f64> {
    let mut rng = Philox::new(31, 0);
    let mut draw = |scale: f64| scale * f64::from(normal(&mut rng));
    let w: Vec<f64> = (0..D * L).map(|_| draw(1.5)).collect();
    let b: Vec<f64> = (0..D).map(|_| draw(1.0)).collect();
    let mut x = vec![];
    for _ in 0..N {
        let z: Vec<f64> = (0..L).map(|_| draw(1.0)).collect();
        for d in 0..D {
            let signal: f64 = (0..L).map(|l| w[d * L + l] * z[l]).sum();
            x.push(f64::from((signal + b[d] + draw(0.5)) as f32));
        }
    }
    x
}

/// Eigenvalues of a symmetric D×D matrix by Jacobi rotations, falling.
fn eigenvalues(mut a: Vec<f64>) -> Vec<f64> {
    for _ in 0..100 {
        for p in 0..D {
            for q in p + 1..D {
                let theta = 0.5 * (2.0 * a[p * D + q]).atan2(a[q * D + q] - a[p * D + p]);
                let (s, c) = theta.sin_cos();
                for k in 0..D {
                    let (x, y) = (a[k * D + p], a[k * D + q]);
                    (a[k * D + p], a[k * D + q]) = (c * x - s * y, s * x + c * y);
                }
                for k in 0..D {
                    let (x, y) = (a[p * D + k], a[q * D + k]);
                    (a[p * D + k], a[q * D + k]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    let mut values: Vec<f64> = (0..D).map(|i| a[i * D + i]).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

fn covariance(x: &[f64], mean: &[f64]) -> Vec<f64> {
    let mut s = vec![0.0; D * D];
    for row in x.chunks_exact(D) {
        for i in 0..D {
            for j in 0..D {
                s[i * D + j] += (row[i] - mean[i]) * (row[j] - mean[j]) / N as f64;
            }
        }
    }
    s
}

/// Mean ln N(x; b, C) over the examples: −½ (D ln 2π + ln |C| + tr C⁻¹S) with S about b, by Cholesky.
fn log_likelihood(x: &[f64], b: &[f64], c: &[f64]) -> f64 {
    let mut l = vec![0.0; D * D];
    for i in 0..D {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| l[i * D + k] * l[j * D + k]).sum();
            l[i * D + j] = if i == j { (c[i * D + i] - sum).sqrt() } else { (c[i * D + j] - sum) / l[j * D + j] };
        }
    }
    let log_det: f64 = (0..D).map(|i| 2.0 * l[i * D + i].ln()).sum();
    let mut squares = 0.0;
    for row in x.chunks_exact(D) {
        let mut y = [0.0; D];
        for i in 0..D {
            let sum: f64 = (0..i).map(|k| l[i * D + k] * y[k]).sum();
            y[i] = (row[i] - b[i] - sum) / l[i * D + i];
            squares += y[i] * y[i];
        }
    }
    -0.5 * (D as f64 * (2.0 * std::f64::consts::PI).ln() + log_det + squares / N as f64)
}

#[test]
fn the_bound_reaches_probabilistic_pca_and_importance_sampling_meets_it() {
    let x = examples();
    let mean: Vec<f64> = (0..D).map(|d| x.iter().skip(d).step_by(D).sum::<f64>() / N as f64).collect();
    let values = eigenvalues(covariance(&x, &mean));
    let noise = values[L..].iter().sum::<f64>() / (D - L) as f64;
    let spread: f64 = values[..L].iter().map(|v| v.ln()).sum::<f64>() + (D - L) as f64 * noise.ln();
    let best = -0.5 * (spread + D as f64 * (1.0 + (2.0 * std::f64::consts::PI).ln()));

    let rows = Array::f32([N, D], x.iter().map(|&x| x as f32).collect()).unwrap();
    let set = Dataset::new("x", rows).unwrap();
    let encoder = Sequential::new().then("flatten", Flatten);
    let decoder = Sequential::new().then("fc", Linear::new(D));
    let vae = Vae::new(encoder, DiagonalGaussian::new(L), decoder, GaussianReals { sigma: Spread::Learned });
    let rate = Rate::Cosine { peak: 0.02, warmup: 20, floor: 0.002 };
    let config = Config { steps: 3000, batch: 250, rate, ..Config::default() };
    let source = Source::Resident(Arc::new(set.clone()));
    let mut trainer = Trainer::new(&Device::Cpu, &vae, &source, config).unwrap();
    trainer.advance_many(3000).unwrap();
    trainer.records(true).unwrap();

    let elbo = (0..40).map(|seed| trainer.evaluator().figures(&set, seed).unwrap().elbo).sum::<f64>() / 40.0;
    println!("exact {best:.4}, bound reached {elbo:.4} nats");
    assert!(elbo < best + 0.02 && elbo > best - 0.1, "{elbo}, the best is {best}");

    let read =
        |name: &str| -> Vec<f64> { trainer.store().read(name).unwrap().as_f32().iter().map(|&x| x.into()).collect() };
    let (w, b, logvar) = (read("decoder.fc.weight"), read("decoder.fc.bias"), read("objective.logvar")[0]);
    let product = |i: usize, j: usize| (0..L).map(|l| w[l * D + i] * w[l * D + j]).sum::<f64>();
    let diagonal = |i: usize, j: usize| if i == j { logvar.exp() } else { 0.0 };
    let c: Vec<f64> = (0..D * D).map(|k| product(k / D, k % D) + diagonal(k / D, k % D)).collect();
    let own = log_likelihood(&x, &b, &c);
    let evaluator = trainer.evaluator();
    let estimate = |samples: usize, passes: usize| {
        evaluator.log_likelihood(&vae, &set, samples, passes, 5).unwrap().estimate().unwrap()
    };
    let bounds = [1, 5, 50].map(|k| estimate(k, 1));
    let sure = estimate(50, 20);
    let said: Vec<String> =
        bounds.iter().map(|b| format!("{:.4} ± {:.4}", b.log_likelihood, b.standard_error)).collect();
    println!(
        "own likelihood {own:.4}; K = 1, 5, 50: {}; 1000: {:.5} ± {:.5}",
        said.join(", "),
        sure.log_likelihood,
        sure.standard_error
    );
    assert!(bounds[0].log_likelihood < bounds[1].log_likelihood && bounds[1].log_likelihood < bounds[2].log_likelihood);
    let off = (sure.log_likelihood + sure.bias - own).abs();
    assert!(off < 4.0 * sure.standard_error + 1e-5, "{} is {off} from {own}", sure.log_likelihood);
}
