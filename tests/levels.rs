//! Hierarchies of latent levels and vector quantization: gradients against differences, devices side by side, what defines
//! each, and files of codes.

mod common;

use common::models::{Objective, images};
use common::whole::{near_differences, near_exact};
use std::collections::HashMap;
use std::path::PathBuf;
use wavae::data::Dataset;
use wavae::eval::Compressed;
use wavae::graph::{Graph, Recompute, Value};
use wavae::nn::{Activation, Conv, ConvTranspose, Flatten, Linear, Mode, Module, Sequential, Unflatten};
use wavae::recipe::{Codec, Recipe, Run};
use wavae::rng::{Philox, normal};
use wavae::tensor::{Array, TensorType};
use wavae::testing::Gen;
use wavae::train::{Config, Progress, Rate, Source, Trainer, load, save};
use wavae::vae::{
    Batch, BernoulliLogits, CodePrior, Codebook, GaussianPixels, Ladder, Level, Model, Spread, Terms, VectorQuantized,
};
use wavae::{Device, Executable, Store};

fn gpu() -> Device {
    Device::Gpu(common::gpu())
}

fn ladder(levels: &[(usize, usize)], free_bits: f32) -> Ladder {
    let mlp = |out: usize| Sequential::new().then("fc", Linear::new(out)).then("act", Activation::Tanh);
    let encoder = Sequential::new().then("flatten", Flatten).then("mlp", mlp(17));
    let decoder = mlp(17).then("out", Linear::new(35)).then("image", Unflatten::image(7, 5, 1));
    Ladder {
        encoder: Box::new(encoder),
        levels: levels.iter().map(|&(latent, hidden)| Level { latent, hidden }).collect(),
        activation: Activation::Silu,
        decoder: Box::new(decoder),
        likelihood: Box::new(BernoulliLogits),
        free_bits,
    }
}

/// 8×8 RGB to a 4×4 grid of 6 codes.
fn quantized() -> VectorQuantized {
    let encoder = Sequential::new().then("conv", Conv::new(5, 4).stride(2).pad(1)).then("act", Activation::Silu);
    let decoder = Sequential::new()
        .then("conv", Conv::new(7, 3).pad(1))
        .then("act", Activation::Silu)
        .then("out", ConvTranspose::new(3, 4).stride(2).pad(1));
    VectorQuantized {
        encoder: Box::new(encoder),
        grid: [4, 4],
        codebook: Codebook { codes: 6, width: 3, decay: 0.9, restart: 0.1 },
        commitment: 0.25,
        decoder: Box::new(decoder),
        likelihood: Box::new(GaussianPixels { sigma: Spread::Fixed(0.3) }),
        prior: Some(CodePrior { width: 6, blocks: 1, heads: 2 }),
    }
}

fn batch_of(shape: [usize; 4]) -> Vec<(&'static str, Array)> {
    vec![("x", Gen::uniform(shape, 0.0, 1.0).draw(11).unwrap())]
}

#[test]
fn gradients_of_ladders() {
    for (levels, free_bits) in [(&[(3, 9)][..], 0.0), (&[(3, 9), (2, 9)], 0.0), (&[(3, 9), (2, 5), (4, 1)], 0.01)] {
        let objective = Objective::of(&ladder(levels, free_bits), batch_of([5, 7, 5, 1]), Recompute::Nothing).unwrap();
        near_differences(&objective);
        near_exact(&objective, "ladder");
    }
}

#[test]
fn ladders_without_levels_are_refused() {
    for levels in [vec![], vec![(0, 3)], vec![(1, 1); 9]] {
        let error = Objective::of(&ladder(&levels, 0.0), batch_of([2, 7, 5, 1]), Recompute::Nothing).err().unwrap();
        assert!(error.to_string().contains("a ladder has 1 to 8 levels"), "{error}");
    }
}

/// A trainer of `model` on blobs.
fn trainer(device: &Device, model: &dyn Model, image: [usize; 3], steps: u64) -> Trainer {
    let rate = Rate::Cosine { peak: 1e-2, warmup: 1, floor: 0.5 };
    let config = Config { steps, batch: 8, seed: 4, rate, ..Config::default() };
    let source = Source::Resident(std::sync::Arc::new(images(image, 37).into()));
    Trainer::new(device, model, &source, config).unwrap()
}

/// [`trainer`] of a ladder as it starts, but for posteriors of a variance of e⁻² of the prior's, give or take, so that the two
/// are told apart: KL(q ‖ p) is then about ½(e⁻² + 1) nats a dimension, KL(p ‖ q) ½(e² − 3).
fn narrow(model: &Ladder) -> Trainer {
    let trainer = trainer(&Device::Cpu, model, [7, 5, 1], 1);
    for (name, ty) in trainer.store().weights() {
        if name.ends_with("posterior.logvar.bias") {
            trainer.store().write(&name, &Array::f32(ty.shape.clone(), vec![-2.0; ty.len()]).unwrap()).unwrap();
        }
    }
    trainer
}

/// The mean of ln w is the bound, whose KL is worked out level by level: both from many samples, within five standard
/// errors. And the codes of all levels decode to what the bound was worked out with.
#[test]
fn a_ladders_bound_is_the_mean_of_its_log_weights() {
    const SAMPLES: usize = 400;
    let model = ladder(&[(3, 9), (2, 9)], 0.0);
    let mut trainer = narrow(&model);
    let set: Dataset = images([7, 5, 1], 8).into();
    let evaluator = trainer.evaluator();
    let weights = evaluator.map(&set, 9, |g, batch| {
        let weights = model.log_weights(g, batch, SAMPLES)?;
        Ok(vec![g.permute(weights, &[1, 0])?])
    });
    let weights: Vec<f64> = weights.unwrap()[0].as_f32().iter().map(|&w| w.into()).collect();
    let bounds: Vec<f64> = (0..SAMPLES as u64).map(|seed| evaluator.figures(&set, seed).unwrap().elbo).collect();
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let error =
        |x: &[f64]| (mean(&x.iter().map(|v| (v - mean(x)).powi(2)).collect::<Vec<_>>()) / x.len() as f64).sqrt();
    let each = weights.chunks_exact(SAMPLES).map(error).map(|e| e * e).sum::<f64>().sqrt() / 8.0;
    let (off, allowed) = (mean(&weights) - mean(&bounds), 5.0 * each.hypot(error(&bounds)));
    println!("mean ln w {:.4}, bound {:.4}, apart {off:.4} of {allowed:.4}", mean(&weights), mean(&bounds));
    assert!(off.abs() < allowed, "{off} {allowed}");
    let kl = evaluator.figures(&set, 0).unwrap().kl_dims;
    let levels = [kl[..3].iter().sum::<f64>(), kl[3..].iter().sum::<f64>()];
    assert!(levels.iter().all(|kl| *kl > 3.0 * allowed), "{allowed} is much of {levels:?} nats");

    let found = evaluator.map(&set, 3, |g, batch| {
        let terms = model.terms(g, batch, Mode::Eval)?;
        Ok(vec![terms.latent.z, terms.mean])
    });
    let found = found.unwrap();
    let decoded = evaluator.decode(found[0].as_f32()).unwrap();
    let far = decoded.iter().zip(found[1].as_f32()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far < 1e-6, "{far}");
}

/// Codes sampled through the prior: the top level is standard normal, and the level below depends on it.
#[test]
fn a_ladder_samples_from_the_top_down() {
    let model = ladder(&[(3, 9), (2, 9)], 0.0);
    let mut trainer = narrow(&model);
    let z = trainer.evaluator().sample(4000, 1).unwrap();
    let column = |j: usize| z.iter().skip(j).step_by(5).map(|&x| f64::from(x)).collect::<Vec<f64>>();
    let moment = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64;
    for j in [3, 4] {
        let top = column(j);
        // Standard errors of mean and second moment are 0.016 and 0.022.
        assert!(top.iter().sum::<f64>().abs() / 4000.0 < 0.08 && (moment(&top, &top) - 1.0).abs() < 0.11, "z{j}");
    }
    let related = |i: usize, j: usize| moment(&column(i), &column(j)).abs();
    let most = (0..3).flat_map(|i| [related(i, 3), related(i, 4)]).fold(0.0, f64::max);
    assert!(most > 0.08, "no level depends on the one above: {most}");
}

/// Losses of ten steps, all weights after, with the same from both devices: losses to 10⁻⁴, weights to a thousandth of their
/// way. Then the weights saved, spoiled and loaded again.
fn ten_steps(model: &dyn Model, image: [usize; 3], name: &str) {
    let run = |device: &Device| {
        let mut trainer = trainer(device, model, image, 10);
        let weights = |trainer: &Trainer| -> Vec<f32> {
            let names = trainer.store().weights().into_iter().map(|(name, _)| name);
            names.flat_map(|name| trainer.store().read(&name).unwrap().as_f32().to_vec()).collect()
        };
        let before = weights(&trainer);
        trainer.advance_many(10).unwrap();
        let losses: Vec<f32> = trainer.records(true).unwrap().iter().map(|r| r.loss.unwrap()).collect();
        let after = weights(&trainer);
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.safetensors"));
        save(trainer.store(), &file).unwrap();
        let spoiled = trainer.store().weights();
        for (name, ty) in spoiled {
            trainer.store().write(&name, &Array::f32(ty.shape.clone(), vec![0.5; ty.len()]).unwrap()).unwrap();
        }
        load(trainer.store(), &file).unwrap();
        assert!(weights(&trainer) == after, "{name}: what was saved is not what is loaded");
        (losses, before, after)
    };
    let (cpu, gpu) = (run(&Device::Cpu), run(&gpu()));
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    let off = cpu.0.iter().zip(&gpu.0).map(|(a, b)| ((a - b) / a).abs()).fold(0.0, f32::max);
    let (way, between) = (apart(&cpu.1, &cpu.2), apart(&cpu.2, &gpu.2));
    println!("{name}: losses {off:.1e} apart, weights {:.1e} of their way", between / way);
    assert!(cpu.1 == gpu.1 && off < 1e-4 && between < 1e-3 * way, "{name}: {off} {between} {way}");
    let early_and_late = [&cpu.0[..3], &cpu.0[7..]].map(|losses| losses.iter().sum::<f32>());
    assert!(early_and_late[1] < early_and_late[0], "{name}: nothing was learned: {:?}", cpu.0);
}

#[test]
fn ten_steps_of_a_ladder_on_both_devices() {
    ten_steps(&ladder(&[(3, 9), (2, 9)], 0.01), [7, 5, 1], "ladder");
}

#[test]
fn ten_steps_of_vector_quantization_on_both_devices() {
    ten_steps(&quantized(), [8, 8, 3], "quantized");
}

/// [`quantized`] with the table's choice held: e and e − z are given numbers. Its loss is smooth, and its gradient is what the
/// straight-through rule says.
#[derive(Debug)]
struct Held(VectorQuantized);

impl Model for Held {
    fn terms(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> wavae::Result<Terms> {
        let Self(VectorQuantized { encoder, codebook, decoder, likelihood, commitment, prior, .. }) = self;
        let x = batch.get(g, "x")?;
        let features = g.scoped("encoder", |g| encoder.forward(g, x, mode))?;
        let z = g.scoped("project", |g| Conv::new(codebook.width, 1).forward(g, features, mode))?;
        let [jump, vectors] = [batch.get(g, "jump")?, batch.get(g, "vectors")?];
        let through = g.add(z, jump)?;
        let decoded = g.scoped("decoder", |g| decoder.forward(g, through, mode))?;
        let log_prob = likelihood.log_prob(g, decoded, x)?;
        let log_prob = g.per_example(log_prob)?;
        let reconstruction_each = g.scale(log_prob, -1.0)?;
        let reconstruction = g.mean_all(reconstruction_each)?;
        let off = g.sub(z, vectors)?;
        let off = g.square(off)?;
        let off = g.per_example(off)?;
        let off = g.mean_all(off)?;
        let off = g.scale(off, *commitment)?;
        let loss = g.add(reconstruction, off)?;
        let indices = batch.get(g, "indices")?;
        let prior = prior.expect("the model has a prior");
        let log_probs = g.scoped("prior", |g| prior.log_probs(g, indices, codebook.codes))?;
        let log_probs = g.per_example(log_probs)?;
        let log_prob = g.mean_all(log_probs)?;
        let loss = g.sub(loss, log_prob)?;
        let latent = wavae::vae::Latent::point(z);
        let (players, figures) = (vec![], vec![]);
        let (elbo, kl, kl_each, mean) = (loss, loss, loss, decoded);
        Ok(Terms { loss, players, elbo, reconstruction, kl, figures, reconstruction_each, kl_each, latent, mean })
    }
    fn latent(&self) -> usize {
        self.0.latent()
    }
    fn decode(&self, g: &mut Graph, z: Value, batch: &Batch) -> wavae::Result<Value> {
        self.0.decode(g, z, batch)
    }
    fn sample(&self, g: &mut Graph, batch: &Batch) -> wavae::Result<Value> {
        self.0.sample(g, batch)
    }
}

#[test]
fn gradients_go_straight_through_the_table() {
    let columns = batch_of([5, 8, 8, 3]);
    let objective = Objective::of(&quantized(), columns.clone(), Recompute::Nothing).unwrap();
    near_exact(&objective, "quantized");
    // z and e as the objective has them.
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([5, 8, 8, 3])).unwrap();
    let batch = Batch::of(&g, x);
    let found = quantized().quantize(&mut g, &batch, Mode::Train).unwrap();
    let store = Store::new(&Device::Cpu, &[&g]).unwrap();
    store.init(&g, 3).unwrap();
    let mut exe = Executable::compile(&Device::Cpu, &store, &g, &[found.z, found.vectors, found.index]).unwrap();
    exe.write("x", &columns[0].1).unwrap();
    exe.run().unwrap();
    let [z, e] = [found.z, found.vectors].map(|v| exe.read(v).unwrap().as_f32().to_vec());
    let jump: Vec<f32> = z.iter().zip(&e).map(|(z, e)| e - z).collect();
    let grid = |values: Vec<f32>| Array::f32([5, 4, 4, 3], values).unwrap();
    let mut held = columns;
    let indices = exe.read(found.index).unwrap();
    let wavae::tensor::ArrayData::U32(indices) = indices.data else { panic!("indices are whole numbers") };
    let indices = Array::u32([5, 16], indices).unwrap();
    held.extend([("jump", grid(jump)), ("vectors", grid(e)), ("indices", indices)]);
    let held = Objective::of(&Held(quantized()), held, Recompute::Nothing).unwrap();
    near_differences(&held);
    let exact: HashMap<String, Vec<f64>> = held.interpret::<f64>().unwrap().into_iter().collect();
    let mut compared = 0;
    for (name, gradient) in objective.interpret::<f64>().unwrap() {
        let Some(held) = exact.get(&name) else { continue };
        let largest = held.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        // The jump was rounded to f32, 6·10⁻⁸ of it.
        let far = gradient.iter().zip(held).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(far <= 1e-5 * largest && largest > 0.0, "{name}: {far:e} of {largest:e}");
        compared += 1;
    }
    assert_eq!(compared, held.layout.params.len(), "encoder, projection, decoder and prior");
}

/// The prior over all 6³ codes of three places sums to 1, and what is drawn is as frequent as its probability says.
#[test]
fn the_prior_of_codes_samples_what_it_scores() {
    const DRAWS: usize = 5400;
    let prior = CodePrior { width: 6, blocks: 1, heads: 2 };
    let all: Vec<u32> = (0..216).flat_map(|i| [i / 36, i / 6 % 6, i % 6]).collect();
    let mut g = Graph::new();
    let rng = g.noise_state().unwrap();
    let indices = g.input("indices", TensorType::u32([216, 3])).unwrap();
    let log_probs = prior.log_probs(&mut g, indices, 6).unwrap();
    let log_probs = g.sum(log_probs, &[1]).unwrap();
    let mut roots = prior.sample(&mut g, rng, DRAWS, (3, 6)).unwrap();
    roots.push(log_probs);
    let store = Store::new(&Device::Cpu, &[&g]).unwrap();
    store.init(&g, 3).unwrap();
    // Larger weights than a fresh network has, so that the codes are far from equally likely.
    let wide = store.read("out.weight").unwrap().as_f32().iter().map(|w| 2.0 * w).collect();
    store.write("out.weight", &Array::f32([6, 6], wide).unwrap()).unwrap();
    let mut exe = Executable::compile(&Device::Cpu, &store, &g, &roots).unwrap();
    exe.write("indices", &Array::u32([216, 3], all).unwrap()).unwrap();
    exe.write("rng", &Array::u32([4], vec![3, 0, 1, 0]).unwrap()).unwrap();
    exe.run().unwrap();
    let p: Vec<f64> = exe.read(log_probs).unwrap().as_f32().iter().map(|&l| f64::from(l).exp()).collect();
    assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{}", p.iter().sum::<f64>());
    let mut counts = vec![0.0f64; 216];
    let drawn: Vec<Vec<u32>> = (roots[..3].iter())
        .map(|&v| match exe.read(v).unwrap().data {
            wavae::tensor::ArrayData::U32(index) => index,
            _ => panic!("indices are whole numbers"),
        })
        .collect();
    (0..DRAWS).for_each(|i| counts[(drawn[0][i] * 36 + drawn[1][i] * 6 + drawn[2][i]) as usize] += 1.0);
    let expected = |i: usize| p[i] * DRAWS as f64;
    let chi: f64 = (0..216).map(|i| (counts[i] - expected(i)).powi(2) / expected(i)).sum();
    let uniform: f64 = (0..216).map(|i| (counts[i] - 25.0).powi(2) / 25.0).sum();
    println!("χ² {chi:.0} of 215 degrees against the prior's own, {uniform:.0} against a uniform one");
    // 215 ± 21; five standard errors.
    assert!(chi < 320.0 && uniform > 1000.0, "{chi} {uniform}");
}

/// Rows, their nearest codes and the table after an update, from a given table on a device.
fn update(device: &Device, book: Codebook, z: &[f32], counts: &[f32], sums: &[f32]) -> (Vec<u32>, Vec<f32>, Vec<f32>) {
    let rows = z.len() / book.width;
    let mut g = Graph::new();
    let input = g.input("z", TensorType::f32([rows, book.width])).unwrap();
    let rng = g.noise_state().unwrap();
    let index = book.nearest(&mut g, input).unwrap();
    book.update(&mut g, input, index, rng).unwrap();
    let store = Store::new(device, &[&g]).unwrap();
    store.write("counts", &Array::f32([book.codes, 1], counts.to_vec()).unwrap()).unwrap();
    store.write("sums", &Array::f32([book.codes, book.width], sums.to_vec()).unwrap()).unwrap();
    let mut exe = Executable::compile(device, &store, &g, &[index]).unwrap();
    exe.write("z", &Array::f32([rows, book.width], z.to_vec()).unwrap()).unwrap();
    exe.write("rng", &Array::u32([4], vec![7, 0, 1, 0]).unwrap()).unwrap();
    exe.run().unwrap();
    let wavae::tensor::ArrayData::U32(index) = exe.read(index).unwrap().data.clone() else { panic!() };
    let read = |name: &str| store.read(name).unwrap().as_f32().to_vec();
    (index, read("counts"), read("sums"))
}

#[test]
fn a_table_follows_its_rows() {
    let mut rng = Philox::new(2, 0);
    let z: Vec<f32> = (0..37 * 3).map(|_| normal(&mut rng)).collect();
    let mut sums: Vec<f32> = (0..5 * 3).map(|_| 4.0 * normal(&mut rng)).collect();
    // Code 3 is far from everything, and nearly forgotten.
    let counts = [4.0f32, 5.0, 6.0, 0.3, 5.0];
    sums[9..12].copy_from_slice(&[9.0, -9.0, 9.0]);
    let book = Codebook { codes: 5, width: 3, decay: 0.8, restart: 0.0 };
    let near = |row: &[f32]| {
        let far = |k: usize| -> f64 {
            (0..3).map(|d| (f64::from(row[d]) - f64::from(sums[3 * k + d] / (counts[k] + 1e-5))).powi(2)).sum()
        };
        (0..5).min_by(|&a, &b| far(a).total_cmp(&far(b))).unwrap()
    };
    let nearest: Vec<usize> = z.chunks_exact(3).map(near).collect();
    assert!(!nearest.contains(&3), "code 3 should have no rows");
    let expected = |state: f32, batch: f64| 0.8 * f64::from(state) + 0.2 * batch;
    for device in [Device::Cpu, gpu()] {
        let (index, new_counts, new_sums) = update(&device, book, &z, &counts, &sums);
        assert!(index.iter().zip(&nearest).all(|(&a, &b)| a as usize == b), "{device}: {index:?} {nearest:?}");
        for k in 0..5 {
            let own = || z.chunks_exact(3).zip(&nearest).filter(|(_, n)| **n == k).map(|(row, _)| row);
            let count = expected(counts[k], own().count() as f64);
            assert!((f64::from(new_counts[k]) - count).abs() < 1e-5, "{device}: count {k}");
            for d in 0..3 {
                let sum = expected(sums[3 * k + d], own().map(|row| f64::from(row[d])).sum());
                assert!((f64::from(new_sums[3 * k + d]) - sum).abs() < 1e-4, "{device}: sum {k} {d}");
            }
        }
        // With restarts the dead code becomes a row of the batch with the mean count; the others go on.
        let (_, again, restarted) = update(&device, Codebook { restart: 0.1, ..book }, &z, &counts, &sums);
        let mean = 37.0 / 5.0;
        let vector: Vec<f32> = restarted[9..12].iter().map(|s| s / mean).collect();
        let row = z.chunks_exact(3).any(|row| row.iter().zip(&vector).all(|(a, b)| (a - b).abs() < 1e-4));
        assert!((again[3] - mean).abs() < 1e-4 && row, "{device}: {} {vector:?}", again[3]);
        for k in [0, 1, 2, 4] {
            assert!((again[k] - new_counts[k]).abs() < 1e-4, "{device}: code {k} is alive");
        }
    }
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn short(recipe: &str, out: &str, changes: &[(&str, &str)]) -> (Run, wavae::recipe::Summary) {
    let recipe = Recipe::named(recipe, changes).unwrap();
    let mut run = Run::new(recipe, None, &Device::Cpu).unwrap();
    let (steps, batch) = (run.trainer().config().steps, run.trainer().config().batch);
    let summary = run.train(&folder(out), &mut Progress::new(steps, batch)).unwrap();
    (run, summary)
}

/// A tenth of the recipe's training: both levels carry more than a nat, and the bound is better than independent pixels'.
#[test]
fn both_levels_of_digits_are_used() {
    let changes = [("train.steps", "200"), ("data.train", "2000"), ("data.test", "200"), ("train.beta.steps", "100")];
    let (mut run, summary) = short("ladder-digits", "ladder-digits", &changes);
    let seed = run.trainer().config().seed;
    let test = Recipe::named("ladder-digits", &changes).unwrap().data.open(None).unwrap().test;
    let kl = run.trainer().evaluator().figures(&test, seed).unwrap().kl_dims;
    let levels = [kl[..16].iter().sum::<f64>(), kl[16..].iter().sum::<f64>()];
    println!("KL by level {levels:?}, ELBO {:.2}, independent {:.2}", summary.figure.value, summary.figure.baseline);
    assert!(levels.iter().all(|kl| *kl > 1.0), "{levels:?}");
    assert!(summary.figure.value > summary.figure.baseline, "{:?}", summary.figure);
}

/// Codes of a table and rounded numbers: to a file, from the file, and the same images as without it.
#[test]
fn images_come_back_from_files_of_codes() {
    let sizes = [("data.train", "200"), ("data.test", "20"), ("data.valid", "20"), ("train.steps", "20")];
    let faces = [&sizes[..], &[("figure.rate", "4"), ("model.channels", "[8, 8]"), ("train.batch", "8")]].concat();
    short("vq-faces", "vq-faces", &faces);
    short("vae-digits", "vae-digits", &sizes);
    for (name, changes) in [("vq-faces", &faces[..]), ("vae-digits", &sizes)] {
        let test = Recipe::named(name, changes).unwrap().data.open(None).unwrap().test;
        let mut codec = Codec::open(&folder(name), &Device::Cpu).unwrap();
        for none in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(codec.compress(&test, none).unwrap_err().to_string().contains("steps above 0"));
        }
        let made = codec.compress(&test, 0.5).unwrap();
        let path = folder(name).join("test.wvz");
        let bytes = made.save(&path).unwrap();
        let file = Compressed::load(&path).unwrap();
        assert_eq!(file, made);
        assert_eq!(codec.decompress(&file).unwrap(), codec.decompress(&made).unwrap());
        let psnr = codec.psnr(&test, &file).unwrap();
        println!("{name}: {:.3} bits per pixel, {psnr:.2} dB", file.bits_per_pixel(bytes));
        assert!(psnr > 5.0 && file.bits_per_pixel(bytes) < 8.0);
        // To pictures and back in: the same set is compressed to the same file.
        let out = folder(name).join("images");
        assert_eq!(codec.write(&file, &out).unwrap(), 20);
        let read = codec.read(&(0..20).map(|i| out.join(format!("{i:04}.png"))).collect::<Vec<_>>()).unwrap();
        assert_eq!(read.len(), 20);
        // Damage, and files of others, are one error each.
        let mut damaged = std::fs::read(&path).unwrap();
        damaged[30] ^= 4;
        std::fs::write(&path, damaged).unwrap();
        let error = Compressed::load(&path).unwrap_err().to_string();
        assert!(error.contains("damaged") && error.contains("test.wvz"), "{error}");
        let [h, w, c] = codec.image();
        let foreign = [
            Compressed::from_indices(&vec![1 << 20; 64], 64, [h, w, c]).unwrap(),
            Compressed::from_indices(&[1; 3], 3, [h, w, c]).unwrap(),
            Compressed::from_indices(&[1; 3], 3, [h + 1, w, c]).unwrap(),
        ];
        for file in foreign {
            let error = codec.decompress(&file).unwrap_err().to_string();
            assert!(error.contains("decompress it with the run that compressed it"), "{error}");
        }
    }
    let digits = Codec::open(&folder("vae-digits"), &Device::Cpu).unwrap();
    let error = digits.read(&[folder("vq-faces").join("images/0000.png")]).unwrap_err().to_string();
    assert!(error.contains("is 32×32 pixels, the model takes 28×28"), "{error}");
}
