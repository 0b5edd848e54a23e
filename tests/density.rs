//! Densities by flows: what is fitted to samples comes near the distribution they are from, by its own closed form.

use std::f64::consts::{E, PI};
use wavae::data::Dataset;
use wavae::flow::{Chain, Made, MaskedAutoregressive};
use wavae::rng::{Philox, normal};
use wavae::train::{Config, Metrics, Progress, Rate, Source, Trainer};
use wavae::vae::FlowDensity;
use wavae::{Array, Device};

/// x₁ ~ N(0, 1), x₂ ~ N(x₁², ½²).
fn bent(count: usize, seed: u64) -> Dataset {
    let mut rng = Philox::new(seed, 7);
    let point = |rng: &mut Philox| {
        let x = normal(rng);
        [x, x * x + 0.5 * normal(rng)]
    };
    let points = (0..count).flat_map(|_| point(&mut rng)).collect();
    Dataset::new("x", Array::f32([count, 2], points).unwrap()).unwrap()
}

/// The mean of ln p(x) over fresh samples is at most −H, H = ½ ln 2πe + ½ ln (2πe/4) nats, and a flow comes within 0.15 of it,
/// where the best Gaussian stays ½ ln 9 = 1.1 below: the variance of x₂ is 2 + ¼, its conditional one ¼, and no correlation helps. What
/// is drawn has the moments of x: means 0 and 1, variances 1 and 2.25, and E x₁² x₂ = 3 (0 + 1·1 for a Gaussian).
#[test]
fn a_flow_fits_a_bent_distribution() {
    let (train, test) = (bent(8000, 1), bent(4000, 2));
    let layer = |reverse| MaskedAutoregressive { net: Made { hidden: 32, reverse } };
    let flow = Chain::new().then(layer(false)).then(layer(true)).then(layer(false));
    let density = FlowDensity { flow: Box::new(flow), dims: 2 };
    let source = Source::of(train, &Device::Cpu, 1);
    let rate = Rate::Cosine { peak: 5e-3, warmup: 20, floor: 0.02 };
    let config = Config { steps: 1500, batch: 256, rate, clip: 10.0, ..Config::default() };
    let mut trainer = Trainer::new(&Device::Cpu, &density, &source, config).unwrap();
    trainer.run(None, &mut Metrics::default(), &mut Progress::hidden(1500)).unwrap();
    let evaluator = trainer.evaluator();
    let best = -0.5 * (2.0 * PI * E).ln() - 0.5 * (2.0 * PI * E / 4.0).ln();
    let reached = evaluator.figures(&test, 0).unwrap().elbo;
    let exact = evaluator.log_likelihood(&density, &test, 1, 1, 0).unwrap().estimate().unwrap().log_likelihood;
    println!("ln p: {reached:.4} of {best:.4}");
    assert!((reached - exact).abs() < 1e-4, "{reached} as a bound, {exact} by weights");
    // The mean of 4000 has a standard error of 1 / √4000 = 0.016.
    assert!(reached < best + 0.08 && reached > best - 0.15, "{reached} of {best}");
    let drawn = evaluator.sample(20_000, 3).unwrap();
    let mean = |f: &dyn Fn(f64, f64) -> f64| {
        drawn.chunks_exact(2).map(|p| f(f64::from(p[0]), f64::from(p[1]))).sum::<f64>() / 20_000.0
    };
    let moments = [mean(&|x, _| x), mean(&|_, y| y), mean(&|x, _| x * x), mean(&|x, y| x * x * y)];
    println!("moments: {moments:?}");
    for (moment, (expected, near)) in moments.iter().zip([(0.0, 0.1), (1.0, 0.15), (1.0, 0.15), (3.0, 0.6)]) {
        assert!((moment - expected).abs() < near, "{moments:?}");
    }
}
