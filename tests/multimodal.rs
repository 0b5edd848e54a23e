//! Several modalities: products and mixtures of experts against closed forms in f64, whatever is missing; whole models
//! against differences and on the device.

mod common;

use common::models::Objective;
use common::whole::{near_differences, near_exact};
use rand::RngExt;
use wavae::cpu::{Interpreter, Memory};
use wavae::dist::Normal;
use wavae::eval::{mutual_evidence, recall_by};
use wavae::graph::{Graph, Recompute, Value};
use wavae::nn::{Activation, Flatten, Linear, Sequential, Unflatten};
use wavae::rng::Philox;
use wavae::tensor::{Array, Shape};
use wavae::testing::Gen;
use wavae::vae::{
    Alignment, BernoulliLogits, DiagonalGaussian, GaussianReals, Joint, Likelihood, Modality, Multimodal, Spread,
    product_of_experts, shared_information,
};

const JOINTS: [Joint; 3] = [Joint::Product, Joint::Mixture, Joint::MixtureOfProducts];

/// Values of a graph of inputs alone, in f64.
fn values(g: &Graph, roots: &[Value], inputs: &[(&str, Array)]) -> Vec<Vec<f64>> {
    let mut interpreter = Interpreter::<f64>::new(g, roots, &g.layout()).unwrap();
    let mut memory = Memory::new(&g.layout());
    inputs.iter().for_each(|(name, array)| interpreter.write(name, array).unwrap());
    interpreter.run(&mut memory).unwrap();
    roots.iter().map(|&root| interpreter.read_real(root, &memory).to_vec()).collect()
}

/// (mean, variance) of the product of two Gaussians.
fn product((m, v): (f64, f64), (n, w): (f64, f64)) -> (f64, f64) {
    ((m * w + n * v) / (v + w), v * w / (v + w))
}

/// Random means and log variances of `count` experts, [rows, latent].
fn experts(count: usize, rows: usize, latent: usize) -> Vec<[Array; 2]> {
    let mut rng = Philox::new(3, 9);
    let mut draw = |low: f32, high: f32| {
        let data = (0..rows * latent).map(|_| rng.random_range(low..high)).collect();
        Array::f32([rows, latent], data).unwrap()
    };
    (0..count).map(|_| [draw(-2.0, 2.0), draw(-4.0, 2.0)]).collect()
}

/// With any subset of three experts, present in any row: mean and precision are those of multiplying the Gaussians one by one,
/// and an expert of weight 0 is as good as left out.
#[test]
fn a_product_of_experts_is_the_closed_form() {
    let (rows, latent) = (8, 5);
    let experts = experts(3, rows, latent);
    let names = ["a", "b", "c"];
    let mut g = Graph::new();
    let mut given = vec![];
    let (mut normals, mut weights) = (vec![], vec![]);
    for (m, (name, [mu, logvar])) in names.iter().zip(&experts).enumerate() {
        // Row i has the modalities of the bits of i.
        let has = (0..rows).map(|i| (i >> m & 1) as f32).collect();
        let columns = [("mu", mu.clone()), ("logvar", logvar.clone()), ("has", Array::f32([rows, 1], has).unwrap())];
        let mut leaves = vec![];
        for (kind, array) in columns {
            let name = format!("{name}.{kind}");
            leaves.push(g.input(&name, array.ty()).unwrap());
            given.push((name, array));
        }
        normals.push(Normal { mu: leaves[0], logvar: leaves[1] });
        weights.push(leaves[2]);
    }
    let given: Vec<(&str, Array)> = given.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
    let joint = product_of_experts(&mut g, &normals, &weights).unwrap();
    let one = g.full([1, 1], 1.0).unwrap();
    let fewer: Vec<Normal> = (0..rows)
        .map(|bits| {
            let own: Vec<Normal> = (0..3).filter(|m| bits >> m & 1 == 1).map(|m| normals[m]).collect();
            product_of_experts(&mut g, &own, &vec![one; own.len()]).unwrap()
        })
        .collect();
    let roots: Vec<Value> = [&joint].into_iter().chain(&fewer).flat_map(|q| [q.mu, q.logvar]).collect();
    let found = values(&g, &roots, &given);
    for i in 0..rows * latent {
        let bits = i / latent;
        let own = (0..3).filter(|m| bits >> m & 1 == 1);
        let (mu, variance) = own.fold((0.0, 1.0), |all, m| {
            let [mu, logvar] = &experts[m];
            product(all, (mu.as_f32()[i].into(), f64::from(logvar.as_f32()[i]).exp()))
        });
        let precision = (-found[1][i]).exp();
        assert!((found[0][i] - mu).abs() < 1e-12 * (1.0 + mu.abs()), "mean {} for {mu}", found[0][i]);
        assert!((precision * variance - 1.0).abs() < 1e-12, "precision {precision} for {}", 1.0 / variance);
        // Without the expert: the prior alone is one row for all.
        let [mu, logvar] = [&found[2 + 2 * bits], &found[3 + 2 * bits]].map(|x| if x.len() == 1 { x[0] } else { x[i] });
        assert!((found[0][i] - mu).abs() < 1e-14 && (found[1][i] - logvar).abs() < 1e-14, "row {bits}");
    }
}

fn density(x: f64, (mu, variance): (f64, f64)) -> f64 {
    (-(x - mu).powi(2) / (2.0 * variance)).exp() / (std::f64::consts::TAU * variance).sqrt()
}

/// ln ∫ q(z|a) q(z|b) / p(z) dz by the trapezoid rule, which is exact to rounding for such functions; by the graph from
/// expert and posterior, and on the host from two posteriors.
#[test]
fn what_two_experts_share_is_the_integral() {
    let (rows, latent) = (3, 2);
    let both = experts(2, rows, latent);
    let mut g = Graph::new();
    let mut leaf = |name: &str, array: &Array| g.input(name, array.ty()).unwrap();
    let a = Normal { mu: leaf("ma", &both[0][0]), logvar: leaf("va", &both[0][1]) };
    let b = Normal { mu: leaf("mb", &both[1][0]), logvar: leaf("vb", &both[1][1]) };
    let one = g.full([1, 1], 1.0).unwrap();
    let q = [a, b].map(|expert| product_of_experts(&mut g, &[expert], &[one]).unwrap());
    let shared = shared_information(&mut g, q[0], b).unwrap();
    let arrays = [&both[0][0], &both[0][1], &both[1][0], &both[1][1]];
    let given: Vec<(&str, Array)> = ["ma", "va", "mb", "vb"].into_iter().zip(arrays.map(Array::clone)).collect();
    let found = values(&g, &[shared, q[0].mu, q[0].logvar, q[1].mu, q[1].logvar], &given);
    for i in 0..rows {
        for j in 0..rows {
            let mut expected = 0.0;
            for k in 0..latent {
                let of = |which: usize, row: usize| {
                    (found[1 + 2 * which][row * latent + k], found[2 + 2 * which][row * latent + k].exp())
                };
                let (qa, qb) = (of(0, i), of(1, j));
                let steps = (-40_000..=40_000).map(|s| f64::from(s) * 2.5e-4);
                let integral = steps.map(|z| density(z, qa) * density(z, qb) / density(z, (0.0, 1.0))).sum::<f64>();
                expected += (integral * 2.5e-4).ln();
            }
            let by_graph = found[0][i * rows + j];
            assert!((by_graph - expected).abs() < 1e-9, "{i}, {j}: {by_graph} for {expected}");
            let row =
                |x: &[f64], r: usize| x[r * latent..(r + 1) * latent].iter().map(|v| *v as f32).collect::<Vec<_>>();
            let sigma = |x: &[f64], r: usize| row(x, r).iter().map(|l| (0.5 * l).exp()).collect::<Vec<f32>>();
            let (ma, sa, mb, sb) = (row(&found[1], i), sigma(&found[2], i), row(&found[3], j), sigma(&found[4], j));
            let on_host = mutual_evidence((&ma, &sa), (&mb, &sb));
            assert!((on_host - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{i}, {j}: {on_host} for {expected}");
        }
    }
}

#[test]
fn recall_by_a_likeness_counts_ties_by_halves() {
    assert_eq!(recall_by(4, 1, |_, _| 0.0).unwrap(), 0.25);
    assert_eq!(recall_by(4, 1, |i, j| f64::from(u8::from(i == j))).unwrap(), 1.0);
    assert_eq!(recall_by(4, 2, |i, j| f64::from(u8::from(j == (i + 1) % 4))).unwrap(), 1.0 / 3.0);
    assert!(recall_by(4, 0, |_, _| 0.0).is_err() && recall_by(4, 1, |_, _| f64::NAN).is_err());
}

fn modality(column: &str, shape: &[usize], likelihood: impl Likelihood + 'static, weight: f32) -> Modality {
    let numbers: usize = shape.iter().product();
    let dims = shape.to_vec();
    let encoder = Sequential::new().then("flatten", Flatten).then("fc", Linear::new(11)).then("act", Activation::Tanh);
    let decoder = Sequential::new()
        .then("fc", Linear::new(13))
        .then("act", Activation::Tanh)
        .then("out", Linear::new(numbers * likelihood.width()))
        .then("shape", Unflatten { dims });
    Modality {
        column: column.into(),
        shape: Shape::from(shape.to_vec()),
        encoder: Box::new(encoder),
        decoder: Box::new(decoder),
        likelihood: Box::new(likelihood),
        weight,
    }
}

/// Three modalities of 7×5 bits, 3 numbers and 2×2×3 numbers, 4 latent dimensions.
fn model(joint: Joint, alignment: Alignment) -> Multimodal {
    let modalities = vec![
        modality("seen", &[7, 5, 1], BernoulliLogits, 1.0),
        modality("felt", &[3], GaussianReals { sigma: Spread::Fixed(0.5) }, 3.0),
        modality("heard", &[2, 2, 3], GaussianReals { sigma: Spread::Learned }, 0.5),
    ];
    Multimodal { modalities, expert: DiagonalGaussian::new(LATENT), joint, alignment }
}

const ROWS: usize = 8;
const LATENT: usize = 4;

/// A batch; `felt` drawn with another seed where `other` says so.
fn batch(rows: usize, other: bool) -> Vec<(&'static str, Array)> {
    let draw = |shape: &[usize], seed| Gen::uniform(shape.to_vec(), 0.0, 1.0).draw(seed).unwrap();
    let felt = draw(&[rows, 3], if other { 31 } else { 2 });
    vec![("seen", draw(&[rows, 7, 5, 1], 1)), ("felt", felt), ("heard", draw(&[rows, 2, 2, 3], 3))]
}

fn floats(has: [f32; ROWS]) -> Array {
    Array::f32([ROWS], has.to_vec()).unwrap()
}

/// Losses, gradients and losses' differences with modalities missing here and there.
#[test]
fn every_joint_and_alignment_in_a_whole_model() {
    let alignments = [Alignment::None, Alignment::Kl(0.7), Alignment::Contrast(2.0)];
    for (joint, alignment) in JOINTS.into_iter().zip(alignments).chain([(Joint::Product, Alignment::Contrast(2.0))]) {
        for missing in [false, true] {
            let mut columns = batch(ROWS, false);
            if missing {
                columns.push(("has_seen", floats([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0])));
                let has = Array::u32([ROWS], vec![1, 1, 0, 1, 0, 1, 1, 0]).unwrap();
                columns.push(("has_felt", has));
            }
            let objective = Objective::of(&model(joint, alignment), columns, Recompute::Nothing).unwrap();
            near_differences(&objective);
            near_exact(&objective, &format!("{joint:?}, {alignment:?}, missing {missing}"));
        }
    }
}

/// Roots of the training graph of a model, in f64.
fn trained(
    joint: Joint,
    columns: Vec<(&'static str, Array)>,
    pick: impl Fn(&Objective) -> Vec<Value>,
) -> Vec<Vec<f64>> {
    let objective = Objective::of(&model(joint, Alignment::None), columns, Recompute::Nothing).unwrap();
    let roots = pick(&objective);
    let (mut interpreter, mut memory) = objective.interpreter::<f64>(&roots).unwrap();
    interpreter.run(&mut memory).unwrap();
    roots.iter().map(|&root| interpreter.read_real(root, &memory).to_vec()).collect()
}

/// μ, ln σ², z and the terms of each example.
fn everything(objective: &Objective) -> Vec<Value> {
    let terms = &objective.terms;
    let q = terms.latent.q.unwrap();
    vec![q.mu, q.logvar, terms.latent.z, terms.reconstruction_each, terms.kl_each, terms.latent.mu]
}

/// What is missing is neither encoded nor rebuilt: its numbers change nothing.
#[test]
fn a_missing_modality_is_as_if_it_were_not_there() {
    for joint in JOINTS {
        let run = |other: bool, has: f32| {
            let mut columns = batch(ROWS, other);
            columns.push(("has_felt", floats([has; ROWS])));
            trained(joint, columns, everything)
        };
        assert_eq!(run(false, 0.0), run(true, 0.0), "{joint:?}");
        assert_ne!(run(false, 1.0), run(true, 1.0), "{joint:?}");
        let without_column = trained(joint, batch(ROWS, false), everything);
        // Constants are folded in f32.
        let apart = run(false, 1.0).concat().iter().zip(without_column.concat()).any(|(a, b)| (a - b).abs() > 1e-6);
        assert!(!apart, "{joint:?}: present is the default");
        // With nothing at all the posterior is the prior and there is nothing to rebuild.
        let mut nothing = batch(ROWS, false);
        nothing.extend(["has_seen", "has_felt", "has_heard"].map(|name| (name, floats([0.0; ROWS]))));
        let found = trained(joint, nothing, everything);
        assert!([0, 1, 3, 5].iter().all(|&k| found[k].iter().all(|x| *x == 0.0)), "{joint:?}: {found:?}");
        assert!(found[4].iter().all(|kl| kl.abs() < 1e-12), "{joint:?}: {:?}", found[4]);
    }
}

/// μ and ln σ² of each modality's posterior alone, of `rows` examples.
fn singles(rows: usize) -> Vec<Vec<Vec<f64>>> {
    let single = |m: usize| {
        let mut columns = batch(rows, false);
        let missing = Array::f32([rows], vec![0.0; rows]).unwrap();
        let names = ["has_seen", "has_felt", "has_heard"];
        (0..3).filter(|&other| other != m).for_each(|other| columns.push((names[other], missing.clone())));
        trained(Joint::Mixture, columns, everything)
    };
    (0..3).map(single).collect()
}

/// Mean and variance of number `at` of the product of the modalities in `bits`, from their posteriors alone, of which each
/// but one gives a prior back.
fn part(singles: &[Vec<Vec<f64>>], bits: usize, at: usize) -> (f64, f64) {
    let own = (0..3).filter(|m| bits >> m & 1 == 1);
    let (h, t) = own.fold((0.0, 1.0), |(h, t), m| {
        let precision = (-singles[m][1][at]).exp();
        (h + singles[m][0][at] * precision, t + precision - 1.0)
    });
    (h / t, 1.0 / t)
}

/// ln q(z) of a mixture: the logarithm of the mean density of the parts, each known from a batch that has nothing else.
#[test]
fn the_density_of_a_mixture_is_that_of_its_parts() {
    let singles = singles(ROWS);
    for joint in [Joint::Mixture, Joint::MixtureOfProducts] {
        // Rows from 4 on lack what is felt.
        let mut columns = batch(ROWS, false);
        columns.push(("has_felt", floats([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])));
        let found = trained(joint, columns, everything);
        for row in 0..ROWS {
            let whole = if row < 4 { 0b111 } else { 0b101 };
            let parts: Vec<usize> = (1..8usize)
                .filter(|bits| bits & !whole == 0 && (joint == Joint::MixtureOfProducts || bits.count_ones() == 1))
                .collect();
            let at = |k: usize| row * LATENT + k;
            let z = |k: usize| found[2][at(k)];
            let density_of =
                |bits: &usize| (0..LATENT).map(|k| density(z(k), part(&singles, *bits, at(k)))).product::<f64>();
            let log_q = (parts.iter().map(density_of).sum::<f64>() / parts.len() as f64).ln();
            let log_p = (0..LATENT).map(|k| density(z(k), (0.0, 1.0)).ln()).sum::<f64>();
            let kl = found[4][row];
            assert!((kl - (log_q - log_p)).abs() < 1e-9, "{joint:?}, row {row}: {kl} for {}", log_q - log_p);
            for k in 0..LATENT {
                let mean = parts.iter().map(|&bits| part(&singles, bits, at(k)).0).sum::<f64>() / parts.len() as f64;
                assert!((found[5][at(k)] - mean).abs() < 1e-12, "{joint:?}, row {row}: the mean");
            }
        }
    }
}

/// Each subset is drawn equally often, and none of which the example lacks something.
#[test]
fn subsets_are_drawn_evenly() {
    let rows = 1400;
    let singles = singles(rows);
    let mut columns = batch(rows, false);
    let has = (0..rows).map(|i| (i % 2) as f32).collect();
    columns.push(("has_felt", Array::f32([rows], has).unwrap()));
    for joint in JOINTS {
        let found = trained(joint, columns.clone(), everything);
        let mut counts = [[0usize; 8]; 2];
        for row in 0..rows {
            let at = |k: usize| row * LATENT + k;
            let apart = |bits: &usize| {
                (0..LATENT).map(|k| (part(&singles, *bits, at(k)).0 - found[0][at(k)]).abs()).sum::<f64>()
            };
            let nearest = (1..8usize).min_by(|a, b| apart(a).total_cmp(&apart(b))).unwrap();
            assert!(apart(&nearest) < 1e-9, "{joint:?}, row {row}: no subset");
            counts[row % 2][nearest] += 1;
        }
        let single = |bits: usize| joint != Joint::Mixture || bits.count_ones() == 1;
        for (whole, counts) in [(0b101usize, counts[0]), (0b111, counts[1])] {
            let allowed = |bits: usize| bits > 0 && bits & !whole == 0 && single(bits);
            let expected = rows as f64 / 2.0 / (1..8).filter(|&bits| allowed(bits)).count() as f64;
            for (bits, count) in counts.into_iter().enumerate() {
                // Four standard errors of a count.
                let off = (count as f64 - if allowed(bits) { expected } else { 0.0 }).abs();
                let most = if allowed(bits) { 4.0 * expected.sqrt() } else { 0.0 };
                assert!(off <= most, "{joint:?}: {counts:?} for {expected} each");
            }
        }
    }
}
