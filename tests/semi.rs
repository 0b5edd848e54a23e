//! Conditional and semi-supervised models: gradients of whole objectives against central differences in f64 and on both
//! devices; what their bounds are by definition; which labels training sees.

mod common;

use common::models::{self, Objective};
use common::whole::{near_differences, near_exact};
use wavae::eval::propagated_classes;
use wavae::flow::{Chain, Planar};
use wavae::graph::{Graph, Recompute};
use wavae::nn::{Activation, Linear, Sequential};
use wavae::recipe::{DataSpec, Recipe};
use wavae::tensor::Shape;
use wavae::testing::Gen;
use wavae::vae::{
    Above, Batch, Behind, ClassPrior, Classifier, DiagonalGaussian, Draws, Flowed, GaussianReals, M2, Model, Posterior,
    Prior, PriorContext, Spread, Stacked, StandardNormal, Vae,
};
use wavae::{Array, Device, Executable, Store, TensorType};

const CLASSES: usize = 3;

fn net(units: usize) -> Sequential {
    let flat = Sequential::new().then("flatten", wavae::nn::Flatten);
    flat.then("fc", Linear::new(units)).then("act", Activation::Tanh)
}

/// A model of 7×5 images under a class.
fn conditional(posterior: impl Posterior + 'static, prior: impl Prior + 'static) -> Vae {
    let vae = models::with("conditional", posterior, prior).vae;
    Vae { classes: Some(CLASSES), ..vae }
}

fn classifier(units: usize) -> Classifier {
    Classifier { net: Box::new(net(units)), classes: CLASSES }
}

const ALPHA: f32 = 1.7;

fn m2(prior: impl Prior + 'static) -> M2 {
    M2::new(conditional(DiagonalGaussian::new(2), prior), classifier(6), ALPHA).unwrap()
}

/// An M2 whose features and class meet in a layer of their own.
fn m2_behind() -> M2 {
    let posterior = Behind { net: Box::new(net(5)), base: Box::new(DiagonalGaussian::new(2)) };
    M2::new(conditional(posterior, StandardNormal), classifier(6), ALPHA).unwrap()
}

/// An M2 of codes of length `code`.
fn m2_of_codes(code: usize) -> M2 {
    let decoder = net(5).then("out", Linear::new(code));
    let likelihood = GaussianReals { sigma: Spread::Learned };
    let vae = Vae::new(net(6), DiagonalGaussian::new(2), decoder, likelihood);
    M2::new(Vae { classes: Some(CLASSES), ..vae }, classifier(4), ALPHA).unwrap()
}

fn stacked(above: Above) -> Stacked {
    Stacked { below: models::with("below", DiagonalGaussian::new(4), StandardNormal).vae, above }
}

const LABELS: [u32; 5] = [2, 0, 1, 1, 0];
const SOME: [u32; 5] = [0, 1, 0, 1, 0];

/// Five images with these labels, which of them may be used.
fn columns(labels: [u32; 5], labelled: [u32; 5]) -> Vec<(&'static str, Array)> {
    let ints = |x: [u32; 5]| Array::u32([5], x.to_vec()).unwrap();
    let x = Gen::uniform([5, 7, 5, 1], 0.0, 1.0).draw(11).unwrap();
    vec![("x", x), ("label", ints(labels)), ("labelled", ints(labelled))]
}

fn objective(model: &dyn Model, labels: [u32; 5], labelled: [u32; 5]) -> Objective {
    Objective::of(model, columns(labels, labelled), Recompute::Nothing).unwrap()
}

#[test]
fn gradients_of_whole_objectives() {
    let flowed = || Flowed { base: DiagonalGaussian::new(3), flow: Box::new(Chain::new().then(Planar)) };
    let models: [(&str, Box<dyn Model>); 9] = [
        ("conditional", Box::new(conditional(DiagonalGaussian::new(3), StandardNormal))),
        ("conditional, class prior", Box::new(conditional(DiagonalGaussian::new(3), ClassPrior))),
        ("conditional, class prior behind a flow", Box::new(conditional(flowed(), ClassPrior))),
        ("classifier", Box::new(classifier(6))),
        ("m2", Box::new(m2(StandardNormal))),
        ("m2, class prior", Box::new(m2(ClassPrior))),
        ("m2, features and class meeting in a layer", Box::new(m2_behind())),
        ("m1", Box::new(stacked(Above::Classifier(classifier(6))))),
        ("m1+m2", Box::new(stacked(Above::M2(m2_of_codes(4))))),
    ];
    for (name, model) in models {
        println!("{name}");
        let objective = objective(model.as_ref(), LABELS, SOME);
        near_differences(&objective);
        near_exact(&objective, name);
    }
}

/// Reconstruction, and the KL in parts, of each of the five examples.
fn bounds(model: &dyn Model, labels: [u32; 5], labelled: [u32; 5]) -> (Vec<f64>, Vec<f64>) {
    bounds_of(&objective(model, labels, labelled))
}

fn bounds_of(objective: &Objective) -> (Vec<f64>, Vec<f64>) {
    let roots = [objective.terms.reconstruction_each, objective.terms.kl_each];
    let (mut interpreter, mut memory) = objective.interpreter::<f64>(&roots).unwrap();
    interpreter.run(&mut memory).unwrap();
    let [a, b] = roots.map(|root| interpreter.read_real(root, &memory).to_vec());
    (a, b)
}

/// Equation 6 of Kingma 2014: with a label the bound is the conditional model's plus ln p(y) = −ln C. That model draws the
/// same noise.
#[test]
fn a_bound_with_a_label_is_the_conditional_models() {
    let m2_objective = objective(&m2(ClassPrior), LABELS, [1; 5]);
    let mut alone = objective(&conditional(DiagonalGaussian::new(2), ClassPrior), LABELS, [1; 5]);
    for (name, weight) in &mut alone.weights {
        weight.clone_from(&m2_objective.weights[name]);
    }
    let ((reconstruction, kl), (own_reconstruction, own_kl)) = (bounds_of(&m2_objective), bounds_of(&alone));
    for i in 0..5 {
        let (kl, own_kl) = (&kl[3 * i..][..3], &own_kl[2 * i..][..2]);
        let off = reconstruction[i] - own_reconstruction[i];
        assert!(off.abs() < 1e-12, "example {i}: reconstruction is {off:e} off");
        let off = kl.iter().sum::<f64>() - own_kl.iter().sum::<f64>() - (CLASSES as f64).ln();
        assert!(off.abs() < 1e-6, "example {i}: the KL is {off:e} off"); // ln C is a constant in f32
    }
}

/// ln q(y|x) of the five examples at the weights of `objective`, in f32.
fn log_q(model: &dyn Model, objective: &Objective) -> Vec<f64> {
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([5, 7, 5, 1])).unwrap();
    let batch = Batch::of(&g, x);
    let log_q = model.classify(&mut g, &batch).unwrap();
    let store = Store::new(&Device::Cpu, &[&g]).unwrap();
    for (name, _) in store.weights() {
        store.write(&name, &objective.weights[&name]).unwrap();
    }
    let mut exe = Executable::compile(&Device::Cpu, &store, &g, &[log_q]).unwrap();
    exe.write("x", &columns(LABELS, [0; 5])[0].1).unwrap();
    exe.run().unwrap();
    exe.read(log_q).unwrap().as_f32().iter().map(|&l| l.into()).collect()
}

/// Equations 6 and 7 of Kingma 2014: the bound without a label is the mean under q(y|x) of the bounds with the label y, plus
/// the entropy of q(y|x). The noise is the same.
#[test]
fn a_bound_without_a_label_is_the_mean_of_those_with_one() {
    for model in [m2(StandardNormal), m2(ClassPrior), m2_behind()] {
        let log_q = log_q(&model, &objective(&model, LABELS, [0; 5]));
        let total = |(reconstruction, kl): (Vec<f64>, Vec<f64>), i: usize| {
            reconstruction[i] + kl.chunks_exact(3).nth(i).unwrap().iter().sum::<f64>()
        };
        let under = [0, 1, 2].map(|class| bounds(&model, [class; 5], [1; 5]));
        let free = bounds(&model, LABELS, [0; 5]);
        let mixed = bounds(&model, LABELS, SOME);
        for i in 0..5 {
            let q = &log_q[CLASSES * i..][..CLASSES];
            let each = |y: usize| q[y].exp() * (total(under[y].clone(), i) + q[y]);
            let expected: f64 = (0..CLASSES).map(each).sum();
            let found = total(free.clone(), i);
            // q(y|x) is known in f32.
            assert!((found - expected).abs() < 1e-5, "example {i}: {found}, not {expected}");
            let known = if SOME[i] == 1 { total(under[LABELS[i] as usize].clone(), i) } else { found };
            assert!((total(mixed.clone(), i) - known).abs() < 1e-12, "example {i} among others");
        }
    }
}

/// Equation 9: the loss is the mean of the negative bounds, with β (0.7 here) on both KL, and α times the mean −ln q(y|x) of
/// the labels that may be used; 0 where there are none.
#[test]
fn the_loss_is_the_bounds_and_the_labels_there_are() {
    let model = m2(ClassPrior);
    for known in [SOME, [1; 5], [0; 5]] {
        let objective = objective(&model, LABELS, known);
        let (reconstruction, kl) = bounds(&model, LABELS, known);
        let mean = |each: &[f64]| each.iter().sum::<f64>() / 5.0;
        let log_q = log_q(&model, &objective);
        let used: Vec<usize> = (0..5).filter(|&i| known[i] == 1).collect();
        let taught = used.iter().map(|&i| -log_q[CLASSES * i + LABELS[i] as usize]).sum::<f64>();
        let taught = taught / used.len().max(1) as f64;
        let terms = &objective.terms;
        let roots = [terms.loss, terms.elbo, terms.figures[0].1];
        let (mut interpreter, mut memory) = objective.interpreter::<f64>(&roots).unwrap();
        interpreter.run(&mut memory).unwrap();
        let [loss, elbo, figure] = roots.map(|root| interpreter.read_real(root, &memory)[0]);
        let (reconstruction, kl) = (mean(&reconstruction), mean(&kl));
        let expected = reconstruction + f64::from(0.7f32) * kl + f64::from(ALPHA) * taught;
        // q(y|x) is known in f32.
        assert!((figure - taught).abs() < 1e-5, "{known:?}: {figure}, not {taught}");
        assert!((loss - expected).abs() < 1e-5, "{known:?}: {loss}, not {expected}");
        assert!((elbo + reconstruction + kl).abs() < 1e-9, "{known:?}: {elbo}");
    }
}

/// Where neither posterior nor decoder looks at the class, the bound is the same under every class in every bit, though its
/// codes are drawn.
#[test]
fn classes_share_their_noise() {
    let model = m2(StandardNormal);
    let under = [0, 1, 2].map(|class| {
        let mut objective = objective(&model, [class; 5], [1; 5]);
        for name in ["posterior.mu.weight", "posterior.logvar.weight", "decoder.fc.weight"] {
            let old = &objective.weights[name];
            let (shape, mut rows) = (old.shape.clone(), old.as_f32().to_vec());
            let from = rows.len() - CLASSES * shape.last();
            rows[from..].fill(0.0);
            objective.weights.insert(name.into(), Array::f32(shape, rows).unwrap());
        }
        let (mut interpreter, mut memory) =
            objective.interpreter::<f64>(&[objective.terms.reconstruction_each]).unwrap();
        interpreter.run(&mut memory).unwrap();
        interpreter.read_real(objective.terms.reconstruction_each, &memory).to_vec()
    });
    assert_eq!(under[0], under[1]);
    assert_eq!(under[0], under[2]);
}

/// Blocks that are drawn alike: one noise for each row of a block, each sample and each dimension, the same in every block.
#[test]
fn blocks_are_drawn_alike() {
    let (samples, blocks, rows, latent) = (2, 3, 2, 2);
    let posterior = DiagonalGaussian::new(latent);
    let mut g = Graph::new();
    let features = g.full([blocks * rows, 4], 0.0).unwrap();
    let z = posterior.infer(&mut g, features, Draws { samples, alike: blocks }).unwrap().z;
    let store = Store::new(&Device::Cpu, &[&g]).unwrap();
    store.init(&g, 3).unwrap();
    let mut exe = Executable::compile(&Device::Cpu, &store, &g, &[z]).unwrap();
    exe.write("rng", &Array::u32([4], vec![3, 0, 0, 0]).unwrap()).unwrap();
    exe.run().unwrap();
    let z = exe.read(z).unwrap();
    assert_eq!(z.shape.dims(), [samples * blocks * rows, latent]);
    let mut drawn = vec![];
    for sample in z.as_f32().chunks_exact(blocks * rows * latent) {
        let first = &sample[..rows * latent];
        assert!(sample.chunks_exact(rows * latent).all(|block| block == first), "{sample:?}");
        drawn.extend_from_slice(first);
    }
    drawn.sort_by(f32::total_cmp);
    assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]), "one noise for several: {drawn:?}");
    let refused = posterior.infer(&mut g, features, Draws { samples, alike: 4 }).unwrap_err().to_string();
    assert!(refused.contains("4 equal blocks"), "{refused}");
}

/// ln p(x) is above the bound, and with one class M2 is its conditional model.
#[test]
fn classes_are_summed_in_the_likelihood() {
    use wavae::train::{Config, Source, Trainer};
    let set = wavae::data::Dataset::from(models::images([7, 5, 1], 24)).with_labels(vec![0; 24], CLASSES).unwrap();
    let model = m2(ClassPrior);
    let source = Source::of(set.clone(), &Device::Cpu, 1);
    let mut trainer = Trainer::new(&Device::Cpu, &model, &source, Config { batch: 8, ..Config::default() }).unwrap();
    let unlabelled = set.without("label");
    let evaluator = trainer.evaluator();
    let estimate = evaluator.log_likelihood(&model, &unlabelled, 25, 8, 3).unwrap().estimate().unwrap();
    // Of ln p(x) = ln Σ_y p(x, y) no term is above the sum, and the sum is at most ln C above the largest.
    let labelled = conditional(DiagonalGaussian::new(2), ClassPrior);
    let each: Vec<f64> = (0..CLASSES as u32)
        .map(|class| {
            let set = unlabelled.clone().with_labels(vec![class; 24], CLASSES).unwrap();
            let estimate = evaluator.log_likelihood(&labelled, &set, 25, 8, 3).unwrap().estimate().unwrap();
            estimate.log_likelihood
        })
        .collect();
    let mean = each.iter().sum::<f64>() / CLASSES as f64;
    let largest = each.iter().fold(f64::NEG_INFINITY, |m, &x| m.max(x));
    let found = estimate.log_likelihood;
    assert!(found > mean - 0.05 && found < largest + 0.5, "{found}, by class {each:?}");
}

/// p(z|y) as a density and as a sampler: its samples of each class have the mean and the deviation of its table, within five
/// standard errors, and its density is the Gaussian's.
#[test]
fn a_class_prior_samples_what_it_scores() {
    const ROWS: usize = 9000;
    let mut g = Graph::new();
    let label = g.input("label", TensorType::u32([ROWS])).unwrap();
    let z = g.input("z", TensorType::f32([ROWS, 1])).unwrap();
    let rng = g.noise_state().unwrap();
    let label = Some(g.one_hot(label, CLASSES).unwrap());
    let encode = |_: &mut Graph, _| Err(wavae::Error::Config("not asked for".into()));
    let context = PriorContext { data: Shape::from([1]), latent: 1, label, encode: &encode };
    let drawn = ClassPrior.sample(&mut g, rng, ROWS, &context).unwrap();
    let scored = ClassPrior.log_prob(&mut g, z, &context).unwrap();
    let store = Store::new(&Device::Cpu, &[&g]).unwrap();
    let (mu, logvar) = ([-3.0f32, 0.5, 4.0], [0.0f32, -1.5, 1.0]);
    store.write("prior.mu", &Array::f32([CLASSES, 1], mu.to_vec()).unwrap()).unwrap();
    store.write("prior.logvar", &Array::f32([CLASSES, 1], logvar.to_vec()).unwrap()).unwrap();
    let mut exe = Executable::compile(&Device::Cpu, &store, &g, &[drawn, scored]).unwrap();
    let labels: Vec<u32> = (0..ROWS as u32).map(|i| i % CLASSES as u32).collect();
    exe.write("label", &Array::u32([ROWS], labels).unwrap()).unwrap();
    exe.write("rng", &Array::u32([4], vec![3, 0, 0, 0]).unwrap()).unwrap();
    let points: Vec<f32> = (0..ROWS).map(|i| i as f32 / 1000.0 - 4.5).collect();
    exe.write("z", &Array::f32([ROWS, 1], points.clone()).unwrap()).unwrap();
    exe.run().unwrap();
    let (samples, scores) = (exe.read(drawn).unwrap(), exe.read(scored).unwrap());
    for class in 0..CLASSES {
        let own: Vec<f64> = samples.as_f32().iter().skip(class).step_by(CLASSES).map(|&z| z.into()).collect();
        let (mean, variance) = (f64::from(mu[class]), f64::from(logvar[class]).exp());
        let n = own.len() as f64;
        let found = own.iter().sum::<f64>() / n;
        let spread = own.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / n;
        assert!((found - mean).abs() < 5.0 * (variance / n).sqrt(), "class {class}: mean {found}, not {mean}");
        assert!((spread - variance).abs() < 5.0 * variance * (2.0 / n).sqrt(), "class {class}: variance {spread}");
        for i in (class..ROWS).step_by(CLASSES) {
            let off = (f64::from(points[i]) - mean).powi(2) / variance;
            let exact = -0.5 * (off + variance.ln() + (2.0 * std::f64::consts::PI).ln());
            let found = f64::from(scores.as_f32()[i]);
            assert!((found - exact).abs() < 1e-5 * exact.abs().max(1.0), "z {}: {found}, not {exact}", points[i]);
        }
    }
    let mut g = Graph::new();
    let rng = g.noise_state().unwrap();
    let context = PriorContext { data: Shape::from([1]), latent: 1, label: None, encode: &encode };
    let refused = ClassPrior.sample(&mut g, rng, 3, &context).unwrap_err().to_string();
    assert!(refused.contains("conditional model"), "{refused}");
}

fn digits(changes: &[(&str, &str)]) -> DataSpec {
    let mut all = vec![("data.train", "600"), ("data.valid", "20"), ("data.test", "30")];
    all.extend(changes);
    Recipe::named("m2-digits", &all).unwrap().data
}

/// As many labels of each class, the same by the same seed, visited as often as was asked; none where it is tested.
#[test]
fn training_sees_so_many_labels_of_each_class() {
    let parts = digits(&[("data.labels", "53"), ("data.labelled_share", "0.4")]).open(None).unwrap();
    let flags = parts.train.integers("labelled").unwrap();
    let mut counts = [0; 10];
    for (label, flag) in parts.train.integers("label").unwrap().iter().zip(flags) {
        counts[*label as usize] += flag;
    }
    assert_eq!(counts, [6, 6, 6, 5, 5, 5, 5, 5, 5, 5]);
    let visited = parts.train.visited();
    let share = visited.iter().filter(|&&i| flags[i as usize] == 1).count() as f64 / visited.len() as f64;
    assert!((share - 0.4).abs() < 0.02, "{share}");
    assert!((0..600).all(|i| visited.contains(&i)));
    for set in [&parts.valid, &parts.test] {
        assert!(set.integers("labelled").unwrap().iter().all(|&flag| flag == 0));
        assert_eq!(set.visited().len(), set.len());
    }
    assert_eq!(parts, digits(&[("data.labels", "53"), ("data.labelled_share", "0.4")]).open(None).unwrap());
    let refused = |changes: &[(&str, &str)]| digits(changes).open(None).unwrap_err().to_string();
    assert!(refused(&[("data.labels", "601")]).contains("too few of class"));
    assert!(refused(&[("data.labelled_share", "1.0")]).contains("share"));
}

/// Two arcs that lie around each other, with a label at the inner end of each: labels travel along the arcs, where the nearest
/// label would be wrong for more than half.
#[test]
fn labels_travel_along_what_hangs_together() {
    let at = |class: usize, i: usize| {
        let turn = i as f32 / 15.0;
        let angle = turn + class as f32 * std::f32::consts::PI;
        [(1.0 + turn) * angle.cos(), (1.0 + turn) * angle.sin()]
    };
    let known: Vec<f32> = (0..120).flat_map(|i| at(i / 60, i % 60)).collect();
    let mut labels = vec![None; 120];
    (labels[0], labels[60]) = (Some(0), Some(1));
    let found = propagated_classes((&known, &labels), &known, (2, 2), 2).unwrap();
    assert!((0..120).all(|i| found[i] == u32::from(i >= 60)), "{found:?}");
    for (k, classes) in [(0, 2), (120, 2), (2, 1)] {
        assert!(propagated_classes((&known, &labels), &known, (2, classes), k).is_err());
    }
    assert!(propagated_classes((&known, &vec![None; 120]), &known, (2, 2), 2).is_err());
}
