//! Distributions against what defines them: probabilities sum to 1, and means, modes and tails are the closed forms'. In
//! f64; that kernels agree is the op table's business.

mod common;

use wavae::cpu::{Interpreter, Memory};
use wavae::dist::{Categorical, DiscretizedLogistic, Laplace, LogisticMixture, NegativeBinomial, Poisson};
use wavae::error::Result;
use wavae::graph::{Graph, Value};
use wavae::{Array, Device, Executable, Store, TensorType};

/// What `build` makes of `inputs`, each (shape, numbers).
fn evaluate(inputs: &[(&[usize], &[f64])], build: impl Fn(&mut Graph, &[Value]) -> Result<Value>) -> Vec<f64> {
    let mut g = Graph::new();
    let values: Vec<Value> = (inputs.iter().enumerate())
        .map(|(k, (shape, _))| g.input(&format!("x{k}"), TensorType::f32(*shape)).unwrap())
        .collect();
    let root = build(&mut g, &values).unwrap();
    let mut interpreter = Interpreter::<f64>::new(&g, &[root], &g.layout()).unwrap();
    for (k, (_, numbers)) in inputs.iter().enumerate() {
        interpreter.write_real(&format!("x{k}"), numbers).unwrap();
    }
    let mut memory = Memory::new(&g.layout());
    interpreter.run(&mut memory).unwrap();
    interpreter.read_real(root, &memory).to_vec()
}

fn close(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found} is not {expected} within {within:e}");
}

/// The sum and the mean of e^`log_probs` over `x`.
fn moments(x: &[f64], log_probs: &[f64]) -> [f64; 2] {
    let p: Vec<f64> = log_probs.iter().map(|l| l.exp()).collect();
    [p.iter().sum(), p.iter().zip(x).map(|(p, x)| p * x).sum()]
}

fn counts(n: usize) -> Vec<f64> {
    (0..n).map(|i| i as f64).collect()
}

#[test]
fn poisson_is_the_series_of_the_exponential() {
    let x = counts(120);
    for rate in [0.2f64, 3.5, 40.0] {
        let log_probs =
            evaluate(&[(&[120], &x), (&[1], &[rate.ln()])], |g, v| Poisson { log_rate: v[1] }.log_prob(g, v[0]));
        let mut expected = -rate; // ln p(0), and p(k) = p(k − 1)·λ/k
        for k in 0..120 {
            close(log_probs[k], expected, 1e-8 * (1.0 + expected.abs()));
            expected += (rate / (k + 1) as f64).ln();
        }
        let [sum, mean] = moments(&x, &log_probs);
        close(sum, 1.0, 1e-8);
        close(mean, rate, 1e-6);
    }
}

#[test]
fn the_negative_binomial_has_its_mean_and_dispersion() {
    let x = counts(4000);
    for (mean, dispersion) in [(0.7f64, 0.3f64), (5.0, 2.0), (20.0, 1000.0)] {
        let inputs: [(&[usize], &[f64]); 3] = [(&[4000], &x), (&[1], &[mean.ln()]), (&[1], &[dispersion.ln()])];
        let log_probs =
            evaluate(&inputs, |g, v| NegativeBinomial { log_mean: v[1], log_dispersion: v[2] }.log_prob(g, v[0]));
        close(log_probs[0], dispersion * (dispersion / (dispersion + mean)).ln(), 1e-8);
        let [sum, found] = moments(&x, &log_probs);
        close(sum, 1.0, 1e-7);
        close(found, mean, 1e-5);
        let squares: Vec<f64> = x.iter().map(|x| (x - mean).powi(2)).collect();
        close(moments(&squares, &log_probs)[1], mean + mean * mean / dispersion, 1e-3);
    }
}

/// In f64 and in f32 on both devices, against the recurrence p(k) = p(k − 1)·(r + k − 1)/k·μ/(r + μ): where r is large,
/// ln Γ(x + r) and ln Γ(r) are alike to the last digits.
#[test]
fn the_negative_binomial_does_not_cancel() {
    let counts = [0usize, 1, 2, 7, 100, 10_000];
    let (means, dispersions) = ([-5.0f64, 2.0, 8.0, 15.0], [-15.0f64, -3.0, 0.0, 2.1, 5.0, 10.0, 15.0]);
    let mut exact = vec![];
    for (mean, dispersion) in means.iter().flat_map(|m| dispersions.map(|d| (*m, d))) {
        let (r, odds) = (dispersion.exp(), mean - dispersion);
        let mut at = -r * odds.exp().ln_1p();
        for k in 0..=10_000 {
            if k > 0 {
                at += ((r + k as f64 - 1.0) / k as f64).ln() - (-odds).exp().ln_1p();
            }
            if counts.contains(&k) {
                exact.push(at);
            }
        }
    }
    let x: Vec<f64> = counts.iter().map(|&k| k as f64).collect();
    let build =
        |g: &mut Graph, v: &[Value]| NegativeBinomial { log_mean: v[1], log_dispersion: v[2] }.log_prob(g, v[0]);
    let inputs: [(&[usize], &[f64]); 3] = [(&[6], &x), (&[4, 1, 1], &means), (&[7, 1], &dispersions)];
    let real = evaluate(&inputs, build);
    real.iter().zip(&exact).for_each(|(&found, &exact)| close(found, exact, 1e-9 * (1.0 + exact.abs())));

    let mut g = Graph::new();
    let values: Vec<Value> = (0..3).map(|k| g.input(&format!("x{k}"), TensorType::f32(inputs[k].0)).unwrap()).collect();
    let root = build(&mut g, &values).unwrap();
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let store = Store::new(&device, &[&g]).unwrap();
        let mut exe = Executable::compile(&device, &store, &g, &[root]).unwrap();
        for (k, (shape, numbers)) in inputs.iter().enumerate() {
            let narrow = numbers.iter().map(|&x| x as f32).collect();
            exe.write(&format!("x{k}"), &Array::f32(*shape, narrow).unwrap()).unwrap();
        }
        exe.run().unwrap();
        let found = exe.read(root).unwrap();
        for (&found, &exact) in found.as_f32().iter().zip(&exact) {
            // e^15 is held to about 2·10⁻⁶ of itself.
            close(found.into(), exact, 1e-4 + 1e-5 * exact.abs());
        }
    }
}

#[test]
fn laplace_integrates_to_one() {
    let (mu, scale, step) = (0.3f64, 0.7f64, 1e-3);
    let x: Vec<f64> = (-20_000..20_000).map(|i| mu + (f64::from(i) + 0.5) * step).collect();
    let inputs: [(&[usize], &[f64]); 3] = [(&[40_000], &x), (&[1], &[mu]), (&[1], &[scale.ln()])];
    let log_probs = evaluate(&inputs, |g, v| Laplace { mu: v[1], logscale: v[2] }.log_prob(g, v[0]));
    let [sum, mean] = moments(&x, &log_probs);
    close(sum * step, 1.0, 1e-6);
    close(mean * step, mu, 1e-6);
    close(log_probs[20_000], -(2.0 * scale).ln() - 0.5 * step / scale, 1e-7);
}

#[test]
fn a_discretized_logistic_sums_to_one_over_256_values() {
    let x: Vec<f64> = (0..256).map(|i| f64::from(i) / 255.0).collect();
    for (mu, logscale) in [(0.5, -3.0), (0.0, -1.0), (1.2, -2.0), (0.313, -7.0), (0.7, 3.0), (-3.0, -4.0), (0.5, -9.0)]
    {
        let inputs: [(&[usize], &[f64]); 3] = [(&[256], &x), (&[1], &[mu]), (&[1], &[logscale])];
        let build =
            |g: &mut Graph, v: &[Value]| DiscretizedLogistic { mu: v[1], logscale: v[2], bins: 256 }.log_prob(g, v[0]);
        let log_probs = evaluate(&inputs, build);
        close(moments(&x, &log_probs)[0], 1.0, 1e-9);
        // The definition, where it does not cancel.
        let (scale, half) = (f64::exp(f64::max(logscale, -7.0)), 0.5 / 255.0);
        let sigma = |x: f64| 1.0 / (1.0 + (-(x - mu) / scale).exp());
        let p = sigma(x[100] + half) - sigma(x[100] - half);
        if p > 1e-4 {
            close(log_probs[100], p.ln(), 1e-9);
        }
    }
}

#[test]
fn categories_and_mixtures_sum_to_one() {
    let logits = [0.3, -1.2, 2.0];
    let probs = evaluate(&[(&[3], &logits)], |g, v| Categorical { logits: v[0] }.probs(g));
    let total: f64 = logits.iter().map(|l: &f64| l.exp()).sum();
    logits.iter().zip(&probs).for_each(|(l, &p)| close(p, l.exp() / total, 1e-12));
    let hot =
        evaluate(&[(&[3], &logits), (&[3], &[0.0, 0.0, 1.0])], |g, v| Categorical { logits: v[0] }.log_prob(g, v[1]));
    close(hot.iter().sum(), (2f64.exp() / total).ln(), 1e-12);

    let x: Vec<f64> = (0..256).map(|i| f64::from(i) / 255.0).collect();
    let (mu, logscale) = ([0.1, 0.5, 0.9], [-3.0, -4.0, -2.0]);
    let inputs: [(&[usize], &[f64]); 4] = [(&[256], &x), (&[3], &logits), (&[3], &mu), (&[3], &logscale)];
    let mixture = |v: &[Value]| {
        let component = DiscretizedLogistic { mu: v[2], logscale: v[3], bins: 256 };
        LogisticMixture { logits: v[1], component }
    };
    let log_probs = evaluate(&inputs, |g, v| mixture(v).log_prob(g, v[0]));
    close(moments(&x, &log_probs)[0], 1.0, 1e-9);
    let mean = evaluate(&inputs, |g, v| mixture(v).mean(g));
    close(mean[0], probs.iter().zip(mu).map(|(p, mu)| p * mu).sum(), 1e-12);
}

#[test]
fn counts_are_finite_at_hard_inputs() {
    let x = Array::f32([4], vec![0.0, 1.0, 1e4, 3.0]).unwrap();
    let x: Vec<f64> = x.as_f32().iter().map(|&x| f64::from(x)).collect();
    for parameters in [[-80.0, -80.0], [80.0, -10.0], [-10.0, 20.0], [0.0, 0.0]] {
        let inputs: [(&[usize], &[f64]); 3] = [(&[4], &x), (&[1], &parameters[..1]), (&[1], &parameters[1..])];
        let log_probs =
            evaluate(&inputs, |g, v| NegativeBinomial { log_mean: v[1], log_dispersion: v[2] }.log_prob(g, v[0]));
        assert!(log_probs.iter().all(|p| p.is_finite() && *p <= 1e-6), "{parameters:?}: {log_probs:?}");
    }
}
