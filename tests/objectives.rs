//! Objectives in whole models: gradients of every loss against central differences in f64 and on both devices; what defines
//! each of them by numbers.

mod common;

use common::models::{Model, Objective, with};
use common::whole::{gradients, objective_gradient};
use wavae::cpu::{Interpreter, Memory};
use wavae::graph::Graph;
use wavae::nn::{Activation, Flatten, Linear, Mode, Sequential};
use wavae::rng::{Philox, normal};
use wavae::vae::objective::{
    Adversarial, BetaTc, CodeDiscriminator, Dip, Factor, InfoVae, Iwae, Kernel, Pass, VaeGan, shuffled,
};
use wavae::vae::{
    Batch, Corruption, Delta, DiagonalGaussian, Elbo, MixturePrior, Model as _, Objective as Part, Pseudo,
    StandardNormal, VampPrior,
};
use wavae::{Array, TensorType};

fn aiming(name: &'static str, objective: impl Part + 'static) -> Model {
    let mut model = with(name, DiagonalGaussian::new(3), StandardNormal);
    model.vae.objective = Box::new(objective);
    model
}

const DISCRIMINATOR: CodeDiscriminator = CodeDiscriminator { hidden: 9, layers: 2 };

fn features() -> Box<Sequential> {
    Box::new(Sequential::new().then("flat", Flatten).then("fc", Linear::new(11)).then("act", Activation::Tanh))
}

#[test]
fn every_objective_in_a_whole_model() {
    let rbf = Kernel::Rbf { scale: 1.0 };
    let dip = |second| Dip { off_diagonal: 3.0, diagonal: 2.0, second };
    let mut models = vec![
        aiming("capacity", Elbo { capacity: Some(5.0), ..Elbo::default() }),
        aiming("iwae", Iwae { samples: 4, dreg: false }),
        aiming("beta-tc", BetaTc { alpha: 0.8, gamma: 1.3, examples: 100 }),
        aiming("dip i", dip(false)),
        aiming("dip ii", dip(true)),
        aiming("info, rbf", InfoVae { alpha: 0.5, lambda: 20.0, kernel: rbf }),
        aiming("wae, imq", InfoVae { alpha: 1.0, lambda: 20.0, kernel: Kernel::Imq }),
        aiming("factor", Factor { gamma: 6.0, discriminator: DISCRIMINATOR }),
        aiming("adversarial", Adversarial { weight: 3.0, discriminator: DISCRIMINATOR }),
        aiming("vae-gan", VaeGan { features: features(), gamma: 0.7, pixels: 0.3 }),
    ];
    let mut mixed = aiming("iwae with a mixture prior", Iwae { samples: 3, dreg: false });
    mixed.vae.prior = Box::new(MixturePrior { components: 2 });
    models.push(mixed);
    for corruption in [Corruption::Gaussian(0.3), Corruption::Mask(0.3), Corruption::SaltAndPepper(0.3)] {
        let mut model = aiming("denoising", Elbo::default());
        model.vae.corruption = Some(corruption);
        models.push(model);
    }
    for model in models {
        objective_gradient(&model, 5);
        gradients(&model, 5);
    }
    let mut point = with("adversarial, a point", Delta { latent: 3 }, StandardNormal);
    point.vae.objective = Box::new(Adversarial { weight: 3.0, discriminator: DISCRIMINATOR });
    objective_gradient(&point, 5);
    gradients(&aiming("dreg", Iwae { samples: 4, dreg: true }), 5);
}

/// The gradient of every parameter, averaged over `draws` of the noise, with its standard error.
fn average(model: &Model, draws: u32) -> Averages {
    let mut objective = Objective::new(model, 4).unwrap();
    let mut sums: Averages = vec![];
    for draw in 0..draws {
        objective.inputs.iter_mut().filter(|(name, _)| name == "rng").for_each(|(_, state)| {
            *state = Array::u32([4], vec![1, 2, 3, draw]).unwrap();
        });
        objective.inputs.iter_mut().filter(|(name, _)| name == "beta").for_each(|(_, beta)| {
            *beta = Array::f32([], vec![1.0]).unwrap();
        });
        for (k, (name, grad)) in objective.interpret::<f64>().unwrap().into_iter().enumerate() {
            if sums.len() == k {
                sums.push((name, vec![(0.0, 0.0); grad.len()]));
            }
            sums[k].1.iter_mut().zip(grad).for_each(|(sum, x)| *sum = (sum.0 + x, sum.1 + x * x));
        }
    }
    let n = f64::from(draws);
    for (_, sums) in &mut sums {
        sums.iter_mut().for_each(|(mean, error)| {
            *mean /= n;
            *error = ((*error / n - *mean * *mean).max(0.0) / n).sqrt();
        });
    }
    sums
}

/// The doubly reparameterized gradient is another estimate of the same one, with less noise in the encoder; the decoder's is
/// the same number.
#[test]
fn the_doubly_reparameterized_gradient_agrees_with_the_plain_one() {
    let model = |dreg| aiming("iwae", Iwae { samples: 8, dreg });
    let (far, less, all) = compared([false, true].map(|dreg| average(&model(dreg), 300)));
    assert!(far == 0 && less > all * 3 / 4, "{far} far, {less} of {all} less noisy");
}

/// The components of a VampPrior are posteriors, so the encoder is in the prior too.
#[test]
fn the_doubly_reparameterized_gradient_goes_through_a_prior_of_encoded_inputs() {
    let model = |dreg| {
        let mut model = aiming("iwae", Iwae { samples: 8, dreg });
        model.vae.prior = Box::new(VampPrior { pseudo_inputs: 2, range: Pseudo::Unit });
        model
    };
    let (far, ..) = compared([false, true].map(|dreg| average(&model(dreg), 300)));
    assert_eq!(far, 0);
    gradients(&model(true), 5);
}

type Averages = Vec<(String, Vec<(f64, f64)>)>;

/// Of the numbers of the encoder's gradient how many differ by five standard errors, how many have less noise in the second, and
/// how many there are; all others must be the same.
fn compared([plain, doubly]: [Averages; 2]) -> (usize, usize, usize) {
    let (mut less, mut all, mut far) = (0, 0, 0);
    for ((name, a), (_, b)) in plain.iter().zip(&doubly) {
        for ((a, ea), (b, eb)) in a.iter().zip(b) {
            if ["decoder", "prior"].iter().any(|scope| name.starts_with(scope)) {
                assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()), "{name}: {a} and {b}");
                continue;
            }
            let error = (ea * ea + eb * eb).sqrt();
            all += 1;
            far += usize::from((a - b).abs() > 5.0 * error + 1e-9);
            less += usize::from(eb < ea);
        }
    }
    println!("encoder: {far} of {all} differ by five standard errors, {less} have less noise");
    (far, less, all)
}

/// A trained prior of a VAE-GAN follows the codes, as in the plain bound: the gradient is that of β · KL.
#[test]
fn a_vae_gan_fits_its_prior_to_the_codes() {
    let of_prior = |objective: Box<dyn Part>| {
        let mut model = aiming("vae-gan", Elbo::default());
        (model.vae.prior, model.vae.objective) = (Box::new(MixturePrior { components: 3 }), objective);
        let mut all = Objective::new(&model, 5).unwrap().interpret::<f64>().unwrap();
        all.retain(|(name, _)| name.starts_with("prior."));
        all
    };
    let plain = of_prior(Box::<Elbo>::default());
    let found = of_prior(Box::new(VaeGan { features: features(), gamma: 0.7, pixels: 0.3 }));
    assert_eq!((plain.len(), found.len()), (3, 3));
    for ((name, a), (_, b)) in plain.iter().zip(&found) {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9), "{name}: {b:?}, not {a:?}");
        assert!(a.iter().any(|a| a.abs() > 1e-6), "{name}: {a:?}");
    }
}

/// Values of a graph in f64; β is 1.
fn values(graph: &Graph, roots: &[wavae::graph::Value], inputs: &[(&str, Vec<f64>)]) -> Vec<Vec<f64>> {
    let layout = graph.layout();
    let mut memory = Memory::<f64>::new(&layout);
    let mut interpreter = Interpreter::<f64>::new(graph, roots, &layout).unwrap();
    inputs.iter().for_each(|(name, x)| interpreter.write_real(name, x).unwrap());
    interpreter.run(&mut memory).unwrap();
    roots.iter().map(|&root| interpreter.read_real(root, &memory).to_vec()).collect()
}

fn draws(seed: u64, count: usize, shift: f64) -> Vec<f64> {
    let mut rng = Philox::new(seed, 0);
    (0..count).map(|_| f64::from(normal(&mut rng)) + shift).collect()
}

/// The objective of the test below: β-TC's parts as figures beside the KL that they sum to.
#[derive(Debug)]
struct Parts(BetaTc);

impl Part for Parts {
    fn loss(&self, g: &mut Graph, pass: &Pass<'_>) -> wavae::Result<wavae::vae::objective::Loss> {
        let parts = self.0.decompose(g, pass)?;
        let (log_q, log_p) = pass.densities(g)?;
        let kl = g.sub(log_q, log_p)?;
        let kl = g.mean_all(kl)?;
        let figures = vec![
            ("mi", parts.mutual_information),
            ("tc", parts.total_correlation),
            ("own", parts.dimension_kl),
            ("kl", kl),
        ];
        Ok(wavae::vae::objective::Loss { figures, ..pass.reconstruction.into() })
    }
}

#[test]
fn the_total_correlation_decomposition_sums_to_the_kl() {
    let model = aiming("parts", Parts(BetaTc { alpha: 1.0, gamma: 1.0, examples: 1000 }));
    let objective = Objective::new(&model, 16).unwrap();
    let roots: Vec<_> = objective.terms.figures.iter().map(|(_, value)| *value).collect();
    let (mut interpreter, mut memory) = objective.interpreter::<f64>(&roots).unwrap();
    interpreter.run(&mut memory).unwrap();
    let [mi, tc, own, kl] = [0, 1, 2, 3].map(|k| interpreter.read_real(roots[k], &memory)[0]);
    println!("I(x; z) {mi:.4} + TC {tc:.4} + own {own:.4} = KL {kl:.4}");
    assert!((mi + tc + own - kl).abs() < 1e-9 && kl > 0.0, "{mi} + {tc} + {own} is not {kl}");
    assert!(mi != 0.0 && tc != 0.0 && own != 0.0);
}

/// MMD² of samples of N(0, 1) and N(μ, 1) under the RBF kernel of variance s in one dimension is 2 (r − r·exp(−μ²/(2(s + 2))))
/// with r = √(s / (s + 2)); the unbiased estimate meets it within five standard errors over 60 draws, also at μ = 0.
#[test]
fn mmd_is_what_it_estimates() {
    const N: usize = 64;
    let kernel = Kernel::Rbf { scale: 1.5 };
    let mut g = Graph::new();
    let [a, b] = ["a", "b"].map(|name| g.input(name, TensorType::f32([N, 1])).unwrap());
    let mmd = kernel.mmd(&mut g, a, b).unwrap();
    let imq = Kernel::Imq.mmd(&mut g, a, b).unwrap();
    for shift in [0.0, 0.7] {
        let (mut of_rbf, mut of_imq) = (vec![], vec![]);
        for seed in 0..60 {
            let inputs = [("a", draws(2 * seed, N, 0.0)), ("b", draws(2 * seed + 1, N, shift))];
            let found = values(&g, &[mmd, imq], &inputs);
            of_rbf.push(found[0][0]);
            of_imq.push(found[1][0]);
        }
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        let error = |x: &[f64]| {
            let m = mean(x);
            (x.iter().map(|x| (x - m).powi(2)).sum::<f64>() / (x.len() * (x.len() - 1)) as f64).sqrt()
        };
        let s = 1.5f64;
        let r = (s / (s + 2.0)).sqrt();
        let exact = 2.0 * (r - r * (-shift * shift / (2.0 * (s + 2.0))).exp());
        let (found, within) = (mean(&of_rbf), 5.0 * error(&of_rbf));
        println!("shift {shift}: MMD² {found:.4} ± {:.4}, exactly {exact:.4}; IMQ {:.4}", within / 5.0, mean(&of_imq));
        assert!((found - exact).abs() < within, "{found}, not {exact} ± {within}");
        let far = mean(&of_imq) / error(&of_imq);
        assert!(if shift == 0.0 { far.abs() < 5.0 } else { far > 10.0 }, "IMQ is {far} standard errors off 0");
    }
}

/// Each dimension from another example, each example once in each dimension.
#[test]
fn shuffled_codes_mix_examples_and_keep_dimensions() {
    let mut g = Graph::new();
    let z = g.input("z", TensorType::f32([7, 3])).unwrap();
    let mixed = shuffled(&mut g, z).unwrap();
    let codes: Vec<f64> = (0..21).map(f64::from).collect(); // example · 3 + dimension
    let found = values(&g, &[mixed], &[("z", codes)]).remove(0);
    for d in 0..3 {
        let from: Vec<usize> = found.iter().skip(d).step_by(3).map(|&x| x as usize / 3).collect();
        assert!(found.iter().skip(d).step_by(3).all(|&x| x as usize % 3 == d));
        assert_eq!(from, (0..7).map(|i| (i + d + 1) % 7).collect::<Vec<_>>());
    }
    let narrow = g.input("narrow", TensorType::f32([3, 3])).unwrap();
    assert!(shuffled(&mut g, narrow).unwrap_err().to_string().contains("more than 3"));
}

#[test]
fn objectives_say_which_posterior_they_need() {
    let refused = |model: &Model| {
        let mut g = Graph::new();
        let x = g.input("x", TensorType::f32([5, 7, 5, 1])).unwrap();
        let batch = Batch::of(&g, x);
        model.vae.terms(&mut g, &batch, Mode::Train).map(drop).unwrap_err().to_string()
    };
    let point = |objective: Box<dyn Part>| {
        let mut model = with("point", Delta { latent: 3 }, StandardNormal);
        model.vae.objective = objective;
        model
    };
    assert!(refused(&point(Box::new(Iwae { samples: 2, dreg: false }))).contains("not a point"));
    assert!(refused(&point(Box::new(Dip { off_diagonal: 1.0, diagonal: 1.0, second: false }))).contains("Gaussian"));
    assert!(refused(&aiming("none", Iwae { samples: 0, dreg: false })).contains("1 sample or more"));
    let mut led = aiming("trained", Adversarial { weight: 3.0, discriminator: DISCRIMINATOR });
    led.vae.prior = Box::new(MixturePrior { components: 2 });
    assert!(refused(&led).contains("take the normal prior"));
}
