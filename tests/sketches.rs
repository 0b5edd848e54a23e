//! Models of sketches: pairs of numbers against the direct formula, what is written step by step against what is known of a
//! model without memory and against what the whole says, gradients as of any model.

mod common;

use common::models::Objective;
use common::whole::{near_differences, near_exact};
use std::f64::consts::PI;
use std::sync::Arc;
use wavae::cpu::{Interpreter, Memory};
use wavae::data::{Dataset, sketches};
use wavae::dist::BivariateMixture;
use wavae::error::Result;
use wavae::graph::{Graph, Recompute, Value};
use wavae::nn::Mode;
use wavae::train::{Config, Evaluator, Source, Trainer};
use wavae::vae::{DiagonalGaussian, Elbo, Model, Reader, SequenceVae, Strokes, Writer};
use wavae::{Array, Device, Executable, Store, TensorType};

/// Weights of three Gaussians (up to a constant), means, ln σ and artanh ρ: two of |ρ| = 0.9, one of 0.999.
const PARTS: [[f64; 3]; 6] = [
    [0.4, -0.3, 0.9],
    [0.5, -1.0, 0.0],
    [-0.2, 0.7, 1.5],
    [-0.5, 0.3, -1.5],
    [0.2, -0.8, -1.0],
    [1.4722, -1.4722, 3.8],
];

fn mixture(v: &[Value]) -> BivariateMixture {
    BivariateMixture { logits: v[0], mu: [v[1], v[2]], logsigma: [v[3], v[4]], skew: v[5] }
}

/// ln p(x, y) as the paper has it (equation 3 and the density of a Gaussian with a correlation), and the size of what cancels
/// in the largest term's square form.
fn direct_with_size(parts: &[[f64; 3]; 6], [x, y]: [f64; 2]) -> [f64; 2] {
    let total: f64 = parts[0].iter().map(|l| l.exp()).sum();
    let log_p = (0..3).map(|k| {
        let [l, mx, my, sx, sy, r] = [0, 1, 2, 3, 4, 5].map(|i| parts[i][k]);
        let (sx, sy, rho) = (sx.exp(), sy.exp(), r.tanh());
        let (u, v, rest) = ((x - mx) / sx, (y - my) / sy, 1.0 - rho * rho);
        let square = (u * u + v * v - 2.0 * rho * u * v) / rest;
        let size = (u.abs() + v.abs()).powi(2) / rest;
        [l - total.ln() - 0.5 * square - (2.0 * PI * sx * sy * rest.sqrt()).ln(), size]
    });
    let log_p: Vec<[f64; 2]> = log_p.collect();
    let most = log_p.iter().copied().fold([f64::NEG_INFINITY, 0.0], |a, b| if b[0] > a[0] { b } else { a });
    [most[0] + log_p.iter().map(|l| (l[0] - most[0]).exp()).sum::<f64>().ln(), most[1]]
}

fn direct(parts: &[[f64; 3]; 6], pair: [f64; 2]) -> f64 {
    direct_with_size(parts, pair)[0]
}

/// ln p of the pairs in f64.
fn real(parts: &[[f64; 3]; 6], pairs: &[[f64; 2]]) -> Vec<f64> {
    let mut g = Graph::new();
    let x = [0, 1].map(|k| g.input(&format!("x{k}"), TensorType::f32([pairs.len()])).unwrap());
    let v: Vec<Value> = (0..6).map(|k| g.input(&format!("v{k}"), TensorType::f32([3])).unwrap()).collect();
    let root = mixture(&v).log_prob(&mut g, x).unwrap();
    let mut interpreter = Interpreter::<f64>::new(&g, &[root], &g.layout()).unwrap();
    for k in 0..2 {
        let numbers: Vec<f64> = pairs.iter().map(|pair| pair[k]).collect();
        interpreter.write_real(&format!("x{k}"), &numbers).unwrap();
    }
    parts.iter().enumerate().for_each(|(k, part)| interpreter.write_real(&format!("v{k}"), part).unwrap());
    let mut memory = Memory::new(&g.layout());
    interpreter.run(&mut memory).unwrap();
    interpreter.read_real(root, &memory).to_vec()
}

fn close(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found} is not {expected} within {within:e}");
}

#[test]
fn pairs_have_the_density_of_the_formula() {
    let pairs: Vec<[f64; 2]> = [-1e6, -30.0, -1.0, 0.0, 0.31, 2.0, 1e3]
        .iter()
        .flat_map(|&x| [-1e4, -0.7, 0.0, 1.1, 77.0].map(|y| [x, y]))
        .collect();
    for (&pair, found) in pairs.iter().zip(real(&PARTS, &pairs)) {
        let [exact, size] = direct_with_size(&PARTS, pair);
        // Constants of the graph, ln 2π here, are in f32.
        close(found, exact, 32.0 * f64::EPSILON * size + 1e-12 * exact.abs() + 1e-7);
    }
}

#[test]
fn the_density_of_pairs_is_one_over_the_plane() {
    let (step, side) = (0.02, 600);
    let at = |i: usize| (i as f64 - side as f64 / 2.0 + 0.5) * step;
    let pairs: Vec<[f64; 2]> = (0..side * side).map(|i| [at(i / side), at(i % side)]).collect();
    // The narrowest σ, across the ridge of ρ = 0.99: 0.22 · √(1 − ρ) ≈ 0.02; the midpoint rule converges from there.
    let mut parts = PARTS;
    parts[5][2] = 0.99f64.atanh();
    let p: Vec<f64> = real(&parts, &pairs).iter().map(|l| l.exp() * step * step).collect();
    close(p.iter().sum(), 1.0, 1e-4);
    let total: f64 = parts[0].iter().map(|l| l.exp()).sum();
    for k in 0..2 {
        let mean: f64 = (0..3).map(|c| parts[0][c].exp() / total * parts[1 + k][c]).sum();
        close(p.iter().zip(&pairs).map(|(p, pair)| p * pair[k]).sum(), mean, 1e-3);
    }
    let product: f64 = p.iter().zip(&pairs).map(|(p, [x, y])| p * x * y).sum();
    let of = |c: usize| parts[1][c] * parts[2][c] + parts[5][c].tanh() * (parts[3][c] + parts[4][c]).exp();
    close(product, (0..3).map(|c| parts[0][c].exp() / total * of(c)).sum(), 1e-3);
}

/// In f32 on both devices, with gradients: outliers, scales and correlations beyond all limits.
#[test]
fn pairs_stay_finite_at_hard_inputs() {
    let hard = [[1e12f32, 0.0, -1e12, 3.0], [0.0, 1e12, -1e12, 3.0]];
    let parts = [
        [80.0f32, -80.0, 0.0],
        [0.0, 1e3, 0.0],
        [0.0, -1e3, 0.0],
        [-90.0, 90.0, 0.0],
        [90.0, -90.0, 0.0],
        [40.0, -40.0, 0.0],
    ];
    let mut g = Graph::new();
    let x = [0, 1].map(|k| g.input(&format!("x{k}"), TensorType::f32([4])).unwrap());
    let v: Vec<Value> = (0..6).map(|k| g.input(&format!("v{k}"), TensorType::f32([3])).unwrap()).collect();
    let log_p = mixture(&v).log_prob(&mut g, x).unwrap();
    let sum = g.sum_all(log_p).unwrap();
    let roots = [vec![log_p], g.grad(sum, &v).unwrap()].concat();
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let store = Store::new(&device, &[&g]).unwrap();
        let mut exe = Executable::compile(&device, &store, &g, &roots).unwrap();
        for (k, x) in hard.iter().enumerate() {
            exe.write(&format!("x{k}"), &Array::f32([4], x.to_vec()).unwrap()).unwrap();
        }
        for (k, part) in parts.iter().enumerate() {
            exe.write(&format!("v{k}"), &Array::f32([3], part.to_vec()).unwrap()).unwrap();
        }
        exe.run().unwrap();
        for (k, &root) in roots.iter().enumerate() {
            let found = exe.read(root).unwrap();
            assert!(found.as_f32().iter().all(|v| v.is_finite()), "{k}: {:?}", found.as_f32());
        }
    }
}

/// Sketches cut to at most eleven movements.
fn short(n: usize) -> Dataset {
    let set = sketches(n, 5).unwrap();
    let mut x: Vec<f32> =
        set.floats("x").unwrap().chunks_exact(64 * 5).flat_map(|row| row[..12 * 5].to_vec()).collect();
    let lengths =
        set.integers("length").unwrap().iter().enumerate().map(|(i, &length)| (length as usize).min(5 + i % 7));
    let lengths: Vec<usize> = lengths.collect();
    for (row, &length) in x.chunks_exact_mut(12 * 5).zip(&lengths) {
        row.chunks_exact_mut(5).skip(length).for_each(|step| step.copy_from_slice(&[0.0, 0.0, 0.0, 0.0, 1.0]));
    }
    let lengths = lengths.into_iter().map(|length| length as u32).collect();
    Dataset::new("x", Array::f32([n, 12, 5], x).unwrap())
        .unwrap()
        .with("length", Array::u32([n], lengths).unwrap())
        .unwrap()
}

fn model(components: usize, reader: Reader, writer: Writer) -> SequenceVae {
    let strokes = Strokes::like(short(50).floats("x").unwrap(), components).unwrap();
    SequenceVae::new(strokes, reader, DiagonalGaussian::new(3), writer)
}

const READER: Reader = Reader::Lstm { hidden: 5, bidirectional: true };

fn models() -> Vec<(&'static str, SequenceVae)> {
    vec![
        ("lstm", model(3, READER, Writer::Lstm { hidden: 7 })),
        ("gru", model(2, Reader::Gru { hidden: 5, bidirectional: false }, Writer::Gru { hidden: 6 }).dropout(0.4)),
        (
            "transformer",
            model(1, Reader::Transformer { layers: 1, heads: 1 }, Writer::Transformer { layers: 1, heads: 5 })
                .objective(Elbo { free_bits: 0.05, capacity: None }),
        ),
    ]
}

#[test]
fn gradients_of_models_of_sketches() {
    let set = short(5);
    for (name, model) in models() {
        let columns = set.columns().iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
        let objective = Objective::of(&model, columns, Recompute::Nothing).unwrap();
        near_differences(&objective);
        near_exact(&objective, name);
    }
}

fn untrained(model: &SequenceVae, set: &Dataset) -> Trainer {
    let source = Source::Resident(Arc::new(set.clone()));
    Trainer::new(&Device::Cpu, model, &source, Config { steps: 1, batch: 5, ..Config::default() }).unwrap()
}

/// A model of two Gaussians whose steps have one distribution, `head`, whatever the code and the steps before.
fn forgetful(head: [f32; 15], set: &Dataset) -> (SequenceVae, Trainer, f32) {
    let strokes = Strokes::like(set.floats("x").unwrap(), 2).unwrap();
    let model = SequenceVae::new(strokes, READER, DiagonalGaussian::new(3), Writer::Lstm { hidden: 7 });
    let trainer = untrained(&model, set);
    trainer.store().write("decoder.out.weight", &Array::f32([7, 15], vec![0.0; 105]).unwrap()).unwrap();
    trainer.store().write("decoder.out.bias", &Array::f32([15], head.to_vec()).unwrap()).unwrap();
    (model, trainer, strokes.scale)
}

/// The sketches that are written of the codes `z` of `set`.
fn written(model: &SequenceVae, evaluator: &Evaluator, set: &Dataset, temperature: f32) -> Result<Vec<f32>> {
    let found = evaluator.map(set, 3, |g, batch| {
        let z = batch.get(g, "z")?;
        Ok(vec![model.draw(g, z, batch, temperature)?])
    })?;
    Ok(found[0].as_f32().to_vec())
}

fn coded(n: usize) -> Dataset {
    let z = (0..n * 3).map(|i| ((i * 37) % 19) as f32 / 6.0 - 1.5).collect();
    short(n).with("z", Array::f32([n, 3], z).unwrap()).unwrap()
}

/// Weights, μx, μy, ln σx, ln σy, artanh ρ of two Gaussians each, then the pen.
const HEAD: [f32; 15] = [0.3, -0.5, 0.5, -1.0, -0.25, 0.4, -0.3, 0.2, -0.7, 0.1, 1.2, -1.0, 0.5, -0.2, -1.0];

/// −ln p(x|z) is that of movements before the end, in the units of the data, and of the pen at every step.
#[test]
fn what_counts_of_a_sketch() {
    let set = short(10);
    let (_, mut trainer, scale) = forgetful(HEAD, &set);
    let bounds = trainer.evaluator().bounds(&set, 0).unwrap();
    let mut parts = [[-1e3f64; 3]; 6]; // the third has no weight
    (0..6).for_each(|k| parts[k][..2].copy_from_slice(&[HEAD[2 * k], HEAD[2 * k + 1]].map(f64::from)));
    (1..6).for_each(|k| parts[k][2] = 0.0);
    let pens: Vec<f64> = HEAD[12..].iter().map(|&l| f64::from(l).exp()).collect();
    let scale = f64::from(scale);
    for ((row, bound), &length) in
        set.floats("x").unwrap().chunks_exact(60).zip(&bounds).zip(set.integers("length").unwrap())
    {
        let mut expected = 0.0;
        for (t, step) in row.chunks_exact(5).enumerate() {
            if t < length as usize {
                expected -= direct(&parts, [0, 1].map(|k| f64::from(step[k]) / scale)) - 2.0 * scale.ln();
            }
            let pen = (0..3).position(|k| step[2 + k] == 1.0).unwrap();
            expected -= (pens[pen] / pens.iter().sum::<f64>()).ln();
        }
        close(bound.reconstruction.into(), expected, 1e-5 * expected.abs());
    }
}

#[test]
fn a_sure_model_writes_what_it_is_sure_of() {
    let set = coded(10);
    let mut head = HEAD;
    (head[0], head[1]) = (-60.0, 60.0);
    head[6..10].fill(-20.0); // limited to −7
    for (pen, state) in [(0, [1.0, 0.0, 0.0]), (1, [0.0, 1.0, 0.0])] {
        head[12..].fill(-60.0);
        head[12 + pen] = 60.0;
        let (model, mut trainer, scale) = forgetful(head, &set);
        for temperature in [0.0, 1.0] {
            let within = scale * if temperature > 0.0 { 6.0 * (-7f32).exp() } else { 1e-6 };
            for step in written(&model, trainer.evaluator(), &set, temperature).unwrap().chunks_exact(5) {
                assert_eq!(step[2..], state);
                let off = [step[0] + scale, step[1] - 0.4 * scale];
                assert!(off.iter().all(|off| off.abs() <= within), "{step:?} at {temperature}");
            }
        }
    }
    head[12..].copy_from_slice(&[-60.0, -60.0, 60.0]);
    let (model, mut trainer, _) = forgetful(head, &set);
    let nothing = written(&model, trainer.evaluator(), &set, 1.0).unwrap();
    assert!(nothing.chunks_exact(5).all(|step| step == [0.0, 0.0, 0.0, 0.0, 1.0]), "{nothing:?}");
    let refused = written(&model, trainer.evaluator(), &set, -1.0).unwrap_err();
    assert!(refused.to_string().contains("temperature"), "{refused}");
}

/// Weights and pens to the power of 1/τ, variances times τ.
#[test]
fn temperature_sharpens_what_is_drawn() {
    let set = coded(2000);
    let mut head = HEAD;
    head[14] = -60.0; // sketches never end
    let (model, mut trainer, scale) = forgetful(head, &set);
    for temperature in [1.0f32, 0.25] {
        let all = written(&model, trainer.evaluator(), &set, temperature).unwrap();
        let tau = f64::from(temperature);
        let n = (all.len() / 5) as f64;
        let share = |k: usize| {
            let p = |k: usize| (f64::from(head[k]) / tau).exp();
            p(k) / (p(k) + p(k ^ 1))
        };
        let near = |found: f64, p: f64, what: &str| {
            let error = (p * (1.0 - p) / n).sqrt();
            assert!((found - p).abs() < 5.0 * error, "{what} at {tau}: {found}, not {p} ± {error}");
        };
        let down = all.chunks_exact(5).filter(|step| step[2] == 1.0).count() as f64 / n;
        near(down, share(12), "the pen");
        let parameter = |k: usize, c: usize| f64::from(head[2 * k + c]);
        let weights = [share(0), share(1)];
        // Moments of the mixture, within five of their standard errors.
        let check = |of: &dyn Fn([f64; 2]) -> f64, expected: f64| {
            let values: Vec<f64> = all.chunks_exact(5).map(|s| of([0, 1].map(|k| f64::from(s[k] / scale)))).collect();
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
            close(mean, expected, 5.0 * (variance / n).sqrt());
        };
        let expect = |of: &dyn Fn(usize) -> f64| (0..2).map(|c| weights[c] * of(c)).sum::<f64>();
        let sigma = |k: usize, c: usize| parameter(3 + k, c).exp() * tau.sqrt();
        for k in 0..2 {
            check(&|d| d[k], expect(&|c| parameter(1 + k, c)));
            check(&|d| d[k] * d[k], expect(&|c| parameter(1 + k, c).powi(2) + sigma(k, c).powi(2)));
        }
        let product = |c: usize| parameter(1, c) * parameter(2, c) + parameter(5, c).tanh() * sigma(0, c) * sigma(1, c);
        check(&|d| d[0] * d[1], expect(&product));
    }
}

/// The surest sketch, written step by step, is that of the distributions that the whole has after the same steps.
#[test]
fn step_by_step_is_what_the_whole_says() {
    let set = coded(10);
    for (name, model) in models() {
        let mut trainer = untrained(&model, &set);
        let evaluator = trainer.evaluator();
        let sketches = written(&model, evaluator, &set, 0.0).unwrap();
        let again = set.clone().with("x", Array::f32([10, 12, 5], sketches.clone()).unwrap()).unwrap();
        let heads = evaluator.map(&again, 0, |g, batch| {
            let z = batch.get(g, "z")?;
            Ok(vec![model.heads(g, z, batch, Mode::Eval)?])
        });
        let heads = heads.unwrap().remove(0);
        let width = heads.shape.last();
        let m = (width - 3) / 6;
        let scale = Strokes::like(short(50).floats("x").unwrap(), m).unwrap().scale;
        let best = |row: &[f32]| (0..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best });
        let mut steps = 0;
        for (row, heads) in sketches.chunks_exact(60).zip(heads.as_f32().chunks_exact(12 * width)) {
            for (step, head) in row.chunks_exact(5).zip(heads.chunks_exact(width)) {
                let (k, pen) = (best(&head[..m]), best(&head[6 * m..]));
                assert_eq!(step[2 + pen], 1.0, "{name}: {step:?}");
                if pen == 2 {
                    break;
                }
                let off = [0, 1].map(|i| (step[i] - head[(1 + i) * m + k] * scale).abs());
                assert!(off.iter().all(|&off| off < 1e-5), "{name}: {step:?} {head:?}");
                steps += 1;
            }
        }
        println!("{name}: {steps} movements");
        assert!(steps > 0, "{name}: nothing was compared");
    }
}
