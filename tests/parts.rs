//! Every part of a model inside of a whole one: gradients of the objective against central differences in f64, and on both
//! devices against f64; priors and posteriors also by what defines them.

mod common;

use common::models::{Model, Objective, images, likely, resident, with};
use common::whole::{gradients, objective_gradient};
use wavae::flow::{Chain, Coupling, InverseAutoregressive, Made, MaskedAutoregressive, Planar, Radial};
use wavae::graph::{Graph, Recompute};
use wavae::nn::Mode;
use wavae::train::{Config, Trainer};
use wavae::vae::{
    Batch, Delta, DiagonalGaussian, DiscretizedLogisticPixels, Elbo, FlowPrior, Flowed, GaussianPixels, LaplacePixels,
    LaplaceReals, MixturePrior, Model as _, NegativeBinomialCounts, PoissonCounts, Posterior as _, Pseudo, Spread,
    StandardNormal, VampPrior,
};
use wavae::{Array, Device, Executable, Store, TensorType, tensor::Shape};

fn both(model: &Model) {
    objective_gradient(model, 5);
    gradients(model, 5);
}

/// Both checks for each likelihood that the models above do not have.
#[test]
fn every_likelihood_in_a_whole_model() {
    let logistic = |components| DiscretizedLogisticPixels { components, bins: 256 };
    let counts = |dispersion_of_each| NegativeBinomialCounts { dispersion_of_each };
    for model in [
        likely("gaussian, sigma per pixel", GaussianPixels { sigma: Spread::PerPixel }),
        likely("laplace", LaplacePixels { scale: Spread::Learned }),
        likely("laplace, scale per pixel", LaplacePixels { scale: Spread::PerPixel }),
        likely("laplace numbers", LaplaceReals { scale: Spread::Learned }),
        likely("discretized logistic", logistic(1)),
        likely("mixture of discretized logistics", logistic(3)),
        likely("poisson", PoissonCounts),
        likely("negative binomial", counts(false)),
        likely("negative binomial, dispersion of each", counts(true)),
    ] {
        both(&model);
    }
}

#[test]
fn every_prior_and_flow_in_a_whole_model() {
    let base = || DiagonalGaussian::new(3);
    let made = |reverse| Made { hidden: 9, reverse };
    let flowed = |flow: Chain| Flowed { base: base(), flow: Box::new(flow) };
    let couplings = || Chain::new().then(Coupling { hidden: 5, swap: false }).then(Coupling { hidden: 5, swap: true });
    for model in [
        with("mixture prior", base(), MixturePrior { components: 4 }),
        with("vamp prior", base(), VampPrior { pseudo_inputs: 4, range: Pseudo::Unit }),
        with("vamp prior of counts", base(), VampPrior { pseudo_inputs: 4, range: Pseudo::NotNegative }),
        with("vamp prior of reals", base(), VampPrior { pseudo_inputs: 4, range: Pseudo::Real }),
        with("maf prior", base(), FlowPrior { flow: Box::new(MaskedAutoregressive { net: made(false) }) }),
        with("coupling prior", base(), FlowPrior { flow: Box::new(couplings()) }),
        with("planar and radial posterior", flowed(Chain::new().then(Planar).then(Radial)), StandardNormal),
        with("coupling posterior, mixture prior", flowed(couplings()), MixturePrior { components: 3 }),
        with("softplus posterior", DiagonalGaussian::softplus(3), StandardNormal),
        with("iaf posterior", flowed(Chain::new().then(InverseAutoregressive { net: made(true) })), StandardNormal),
    ] {
        both(&model);
    }
}

/// σ of a head s is ln(1 + eˢ) of what the encoder yields, and its logarithm stays within the limits: with features of 0 all of
/// s is the bias, 0 at the start, so σ is ln 2.
#[test]
fn softplus_deviations() {
    let mut g = Graph::new();
    let features = g.input("features", TensorType::f32([2, 4])).unwrap();
    let q = DiagonalGaussian::softplus(3).distribution(&mut g, features).unwrap().unwrap();
    let store = Store::new(&Device::Cpu, &[&g]).unwrap();
    store.init(&g, 0).unwrap();
    let mut exe = Executable::compile(&Device::Cpu, &store, &g, &[q.logvar]).unwrap();
    let far = vec![0.0, 0.0, 0.0, 0.0, -1e4, 1e4, -1e4, 1e4];
    exe.write("features", &Array::f32([2, 4], far).unwrap()).unwrap();
    exe.run().unwrap();
    let logvar = exe.read(q.logvar).unwrap().as_f32().to_vec();
    let expected = 2.0 * std::f32::consts::LN_2.ln();
    assert!(logvar[..3].iter().all(|x| (x - expected).abs() < 1e-5), "{logvar:?}, not {expected}");
    assert!(logvar[3..].iter().all(|x| *x == -12.0 || *x == 6.0), "{logvar:?}");
}

/// In one dimension: each prior's density integrates to 1 over a grid, and its samples have the mean and the variance that
/// the grid gives, within five standard errors.
#[test]
fn priors_sample_what_they_score() {
    const GRID: usize = 8192;
    const SAMPLES: usize = 16_384;
    let base = || DiagonalGaussian::new(1);
    let data: Shape = [7, 5, 1].into();
    let maf = MaskedAutoregressive { net: Made { hidden: 5, reverse: false } };
    for model in [
        with("standard normal", base(), StandardNormal),
        with("mixture", base(), MixturePrior { components: 5 }),
        with("vamp", base(), VampPrior { pseudo_inputs: 6, range: Pseudo::Unit }),
        with("maf", base(), FlowPrior { flow: Box::new(Chain::new().then(maf).then(maf)) }),
    ] {
        let mut g = Graph::new();
        let z = g.input("z", TensorType::f32([GRID, 1])).unwrap();
        let log_prob = model.vae.prior_log_prob(&mut g, z, &data).unwrap();
        let drawn = model.vae.sample_prior(&mut g, SAMPLES, &data).unwrap();
        let device = Device::Cpu;
        let store = Store::new(&device, &[&g]).unwrap();
        store.init(&g, 11).unwrap();
        let mut exe = Executable::compile(&device, &store, &g, &[log_prob, drawn]).unwrap();
        let step = 40.0 / GRID as f64;
        let grid: Vec<f64> = (0..GRID).map(|i| -20.0 + (i as f64 + 0.5) * step).collect();
        exe.write("z", &Array::f32([GRID, 1], grid.iter().map(|&z| z as f32).collect()).unwrap()).unwrap();
        exe.write("rng", &Array::u32([4], vec![3, 0, 0, 0]).unwrap()).unwrap();
        exe.run().unwrap();
        let density: Vec<f64> =
            exe.read(log_prob).unwrap().as_f32().iter().map(|&l| f64::from(l).exp() * step).collect();
        let moment = |f: &dyn Fn(f64) -> f64| density.iter().zip(&grid).map(|(p, &z)| p * f(z)).sum::<f64>();
        let total = moment(&|_| 1.0);
        assert!((total - 1.0).abs() < 1e-4, "{}: the density integrates to {total}", model.name);
        let mean = moment(&|z| z);
        let (variance, fourth) = (moment(&|z| (z - mean).powi(2)), moment(&|z| (z - mean).powi(4)));
        let samples: Vec<f64> = exe.read(drawn).unwrap().as_f32().iter().map(|&z| z.into()).collect();
        let n = SAMPLES as f64;
        let found = samples.iter().sum::<f64>() / n;
        let spread = samples.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / n;
        let errors = [5.0 * (variance / n).sqrt(), 5.0 * ((fourth - variance * variance) / n).sqrt()];
        assert!((found - mean).abs() < errors[0], "{}: mean {found}, not {mean} ± {}", model.name, errors[0]);
        assert!((spread - variance).abs() < errors[1], "{}: variance {spread}, not {variance}", model.name);
    }
}

/// A VampPrior mixes q(z|u): behind a flow that is not the mixture of the Gaussians before it.
#[test]
fn a_vamp_prior_refuses_what_is_no_gaussian() {
    let flowed = Flowed { base: DiagonalGaussian::new(3), flow: Box::new(Chain::new().then(Planar)) };
    let model = with("vamp prior behind a flow", flowed, VampPrior { pseudo_inputs: 4, range: Pseudo::Unit });
    let refused = Objective::new(&model, 3).map(drop).unwrap_err().to_string();
    assert!(refused.contains("this prior needs a posterior"), "{refused}");
    let drawn = model.vae.sample_prior(&mut Graph::new(), 2, &[7, 5, 1].into());
    assert!(drawn.unwrap_err().to_string().contains("this prior needs a posterior"));
}

/// Where a pseudo-input is an example, its posterior is a part of the prior, and all of it where it is the only one: ln q(z|x) and
/// ln p(z) are one number, for data that lie anywhere and for those above 0.
#[test]
fn pseudo_inputs_can_be_the_data() {
    let x: Vec<f32> = (0..35).map(|i| 0.3 * i as f32 - 4.2).collect();
    let above: Vec<f32> = x.iter().map(|x| x.abs() + 0.1).collect();
    let softplus_of = |x: f32| (f64::from(x).exp() - 1.0).ln() as f32;
    for (range, x, raw) in [
        (Pseudo::Real, x.clone(), x),
        (Pseudo::NotNegative, above.clone(), above.into_iter().map(softplus_of).collect()),
    ] {
        let mut model = with("vamp prior", DiagonalGaussian::new(3), VampPrior { pseudo_inputs: 1, range });
        model.vae.likelihood = Box::new(LaplaceReals { scale: Spread::Learned });
        let shape = [1, 7, 5, 1];
        let columns = vec![("x", Array::f32(shape, x).unwrap())];
        let mut objective = Objective::of(&model.vae, columns, Recompute::Nothing).unwrap();
        objective.weights.insert("prior.pseudo_inputs".into(), Array::f32(shape, raw).unwrap());
        let kl = objective.terms.kl;
        let (mut interpreter, mut memory) = objective.interpreter::<f64>(&[kl]).unwrap();
        interpreter.run(&mut memory).unwrap();
        let kl = interpreter.read_real(kl, &memory)[0];
        assert!(kl.abs() < 1e-5, "{range:?}: ln q(z|x) − ln p(z) is {kl}"); // weights are f32
    }
}

/// A σ is said of codes that are Gaussian around μ: not of those behind a flow, whose first σ is that of another number.
#[test]
fn codes_behind_a_flow_have_no_sigma() {
    let flowed = || Flowed { base: DiagonalGaussian::new(2), flow: Box::new(Chain::new().then(Planar)) };
    for (model, has) in [
        (with("gaussian", DiagonalGaussian::new(2), StandardNormal), true),
        (with("flowed", flowed(), StandardNormal), false),
        (with("point", Delta { latent: 2 }, StandardNormal), false),
    ] {
        let config = Config { batch: 8, ..Config::default() };
        let mut trainer = Trainer::new(&Device::Cpu, &model.vae, &resident(model.image, 8), config).unwrap();
        let (mu, sigma) = trainer.evaluator().posterior(&images(model.image, 8)).unwrap();
        assert_eq!((mu.len(), sigma.is_some()), (16, has), "{}", model.name);
    }
}

/// Free bits are for each latent dimension, whether the KL falls apart into dimensions or not.
#[test]
fn free_bits_floor_an_estimated_kl_as_often() {
    let base = DiagonalGaussian::new(3);
    for mut model in [with("exact", base, StandardNormal), with("estimated", base, MixturePrior { components: 2 })] {
        model.vae.objective = Box::new(Elbo { free_bits: 50.0, ..Elbo::default() });
        let objective = Objective::new(&model, 4).unwrap();
        let terms = &objective.terms;
        let (mut interpreter, mut memory) = objective.interpreter::<f64>(&[terms.loss, terms.reconstruction]).unwrap();
        interpreter.run(&mut memory).unwrap();
        let [loss, reconstruction] = [terms.loss, terms.reconstruction].map(|v| interpreter.read_real(v, &memory)[0]);
        let weighted = f64::from(0.7f32) * 3.0 * 50.0; // β · L · free bits
        assert!((loss - reconstruction - weighted).abs() < 1e-9, "{}: {}", model.name, loss - reconstruction);
    }
}

/// A spread that is none is refused by its own name.
#[test]
fn spreads_that_are_none_are_refused() {
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let sigma = likely("gaussian", GaussianPixels { sigma: Spread::Fixed(bad) });
        let scale = likely("laplace", LaplacePixels { scale: Spread::Fixed(bad) });
        for (model, name) in [(sigma, "sigma"), (scale, "scale")] {
            let refused = Objective::new(&model, 2).map(drop).unwrap_err().to_string();
            assert!(refused.contains(&format!("{name} {bad}: it must be positive")), "{refused}");
        }
    }
}

#[test]
fn one_bin_is_not_enough() {
    for bins in [0, 1] {
        let mut g = Graph::new();
        let x = g.input("x", TensorType::f32([3])).unwrap();
        let refused = g.discretized_logistic(x, x, x, bins).unwrap_err().to_string();
        assert!(refused.contains("2 bins or more"), "{refused}");
    }
}

#[test]
fn a_forward_pass_is_no_longer_than_its_graph() {
    let mut g = Graph::new();
    g.input("x", TensorType::f32([3])).unwrap();
    for recompute in [Recompute::Nothing, Recompute::Cheap, Recompute::Segments] {
        assert!(g.checkpoint(2, recompute).unwrap_err().to_string().contains("2 of 1 nodes"));
    }
}

/// A trained prior beside a point posterior would never learn anything.
#[test]
fn a_point_posterior_takes_no_trained_prior() {
    let model = with("point", Delta { latent: 2 }, MixturePrior { components: 3 });
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([4, 7, 5, 1])).unwrap();
    let batch = Batch::of(&g, x);
    let refused = model.vae.terms(&mut g, &batch, Mode::Train).map(drop).unwrap_err().to_string();
    assert!(refused.contains("point posterior"), "{refused}");
}

/// Samples of a mixture prior by the evaluator: 2,000 in batches of 64, with the mean that the components have together.
#[test]
fn the_evaluator_samples_the_prior() {
    let model = with("mixture", DiagonalGaussian::new(2), MixturePrior { components: 3 });
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let config = Config { batch: 64, ..Config::default() };
        let mut trainer = Trainer::new(&device, &model.vae, &resident(model.image, 80), config).unwrap();
        let centres = trainer.store().read("prior.mu").unwrap().as_f32().to_vec();
        let codes = trainer.evaluator().sample(2000, 7).unwrap();
        assert_eq!(codes.len(), 4000);
        assert!(codes == trainer.evaluator().sample(2000, 7).unwrap() && codes[..128] != codes[128..256]);
        for d in 0..2 {
            let column: Vec<f64> = codes.iter().skip(d).step_by(2).map(|&z| z.into()).collect();
            let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
            let own: Vec<f64> = centres.iter().skip(d).step_by(2).map(|&m| m.into()).collect();
            let between = mean(&own.iter().map(|m| (m - mean(&own)).powi(2)).collect::<Vec<_>>());
            let error = 5.0 * ((1.0 + between) / 2000.0).sqrt(); // each component has variance 1 at the start
            assert!((mean(&column) - mean(&own)).abs() < error, "{device}: {} not {}", mean(&column), mean(&own));
        }
        assert_eq!(trainer.evaluator().decode(&codes[..20]).unwrap().len(), 10 * 35);
    }
}
