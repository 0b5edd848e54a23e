//! The training side: schedules, checkpoints, values that are not finite, metrics, progress, sources, objectives.

mod common;

use common::models::{Objective, autoencoder, conv, images, mlp, resident};
use common::training::{config, finish, trainer, weights};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use wavae::ops::optimizer::Sgd;
use wavae::tensor::Array;
use wavae::train::{
    Config, Evaluator, Group, Metrics, OnNonFinite, Optimizer, Progress, Rate, Record, Schedule, Trainer, load, save,
};
use wavae::vae::Elbo;
use wavae::{Device, Error, Result, Store};

/// A folder of its own for each test, emptied.
fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("train").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn schedules() {
    let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-6, "{a}, not {b}");
    near(Schedule::Constant(0.3).at(10_000), 0.3);
    let linear = Schedule::Linear { to: 2.0, steps: 10 };
    [(0, 0.0), (1, 0.2), (5, 1.0), (10, 2.0), (11, 2.0), (u64::MAX, 2.0)]
        .into_iter()
        .for_each(|(at, b)| near(linear.at(at), b));
    let cyclical = Schedule::Cyclical { to: 4.0, period: 8, ramp: 0.5 };
    [(0, 0.0), (1, 1.0), (4, 4.0), (7, 4.0), (8, 0.0), (10, 2.0)]
        .into_iter()
        .for_each(|(at, b)| near(cyclical.at(at), b));
    // Degenerate ones are finite.
    assert!(Schedule::Linear { to: 1.0, steps: 0 }.at(3) == 1.0);
    assert!(Schedule::Cyclical { to: 1.0, period: 0, ramp: 0.0 }.at(3).is_finite());

    near(Rate::constant(0.1).at(0, 100), 0.1);
    near(Rate::constant(0.1).at(99, 100), 0.1);
    let rate = Rate::Cosine { peak: 1.0, warmup: 4, floor: 0.2 };
    [(0, 0.25), (1, 0.5), (3, 1.0), (4, 1.0), (54, 0.6), (104, 0.2), (1000, 0.2)]
        .into_iter()
        .for_each(|(at, r)| near(rate.at(at, 105), r));
    assert!((4..104).all(|at| rate.at(at + 1, 105) < rate.at(at, 105)), "the cosine only falls");
    assert!(rate.at(3, 2).is_finite(), "fewer steps than the warm-up");
}

#[test]
fn a_checkpoint_comes_back_bit_for_bit() {
    let path = folder("checkpoint").join("deep/er/model.safetensors");
    let mut first = trainer(&Device::Cpu, config(20));
    finish(&mut first, 5);
    save(first.store(), &path).unwrap();
    assert!(!path.with_extension("part").exists());
    let saved = weights(&first);
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let mut second = trainer(&device, Config { seed: 99, ..config(20) });
        assert_ne!(weights(&second), saved);
        load(second.store(), &path).unwrap();
        assert_eq!(weights(&second), saved);
        // And it goes on from there: one validation is that of the first.
        let set = images(mlp().image, 20);
        let before = first.evaluator().figures(&set, 0).unwrap();
        let after = second.evaluator().figures(&set, 0).unwrap();
        assert!((before.elbo - after.elbo).abs() < 1e-4 * before.elbo.abs(), "{before:?} {after:?}");
        finish(&mut second, 15);
        assert!(second.evaluator().figures(&set, 0).unwrap().elbo > after.elbo, "training went on and did not improve");
    }
}

#[test]
fn checkpoints_that_do_not_fit_are_refused() {
    use safetensors::tensor::{Dtype, TensorView};
    let folder = folder("misfits");
    let trainer = trainer(&Device::Cpu, config(1));
    let before = weights(&trainer);
    let refused = |path: &PathBuf, says: &str| match load(trainer.store(), path) {
        Err(e @ Error::File { .. }) => {
            let message = e.to_string();
            assert!(message.contains(says) && message.contains(&*path.to_string_lossy()), "{message}");
        }
        other => panic!("{other:?}"),
    };
    refused(&folder.join("none.safetensors"), "No such file");
    let path = folder.join("model.safetensors");
    fs::write(&path, "not a checkpoint").unwrap();
    refused(&path, "no safetensors file");

    save(trainer.store(), &path).unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 4]).unwrap();
    refused(&path, "no safetensors file");

    // (change, what the message says)
    type Tensors = Vec<(String, Vec<usize>, Dtype, Vec<u8>)>;
    type Change = fn(&mut Tensors);
    let changes: [(Change, &str); 4] = [
        (|t| t.retain(|t| t.0 != "encoder.fc.bias"), "has no tensor encoder.fc.bias [33]"),
        (
            |t| t.iter_mut().filter(|t| t.0 == "encoder.fc.weight").for_each(|t| t.1.reverse()),
            "encoder.fc.weight is F32 [33, 35]",
        ),
        (
            |t| t.iter_mut().filter(|t| t.0 == "encoder.fc.bias").for_each(|t| t.2 = Dtype::I32),
            "encoder.fc.bias is I32",
        ),
        (|t| t.push(("extra.weight".into(), vec![1], Dtype::F32, vec![0; 4])), "holds extra.weight"),
    ];
    let file = safetensors::SafeTensors::deserialize(&whole).unwrap();
    for (change, says) in changes {
        let tensors = file.tensors().into_iter();
        let mut tensors: Tensors =
            tensors.map(|(n, v)| (n, v.shape().to_vec(), v.dtype(), v.data().to_vec())).collect();
        change(&mut tensors);
        let view = |dtype: Dtype, shape: &[usize], data| TensorView::new(dtype, shape.to_vec(), data).unwrap();
        let views = tensors.iter().map(|(name, shape, dtype, data)| (name, view(*dtype, shape, data)));
        fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        refused(&path, says);
    }
    assert_eq!(weights(&trainer), before, "a refused file left traces");
}

/// An infinite weight is named, and nothing else is touched by the step.
#[test]
fn an_infinite_weight_is_named() {
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let mut trainer = trainer(&device, config(10));
        finish(&mut trainer, 2);
        let name = "decoder.fc.weight";
        let mut values = trainer.store().read(name).unwrap().as_f32().to_vec();
        values[7] = f32::INFINITY;
        trainer.store().write(name, &Array::f32([3, 33], values).unwrap()).unwrap();
        let before = weights(&trainer);
        trainer.advance().unwrap();
        match trainer.records(true) {
            Err(Error::NonFinite(m)) => {
                assert!(m.contains("step 3") && m.contains(name) && m.contains("inf at element 7"), "{m}");
            }
            other => panic!("{:?}", other.map(|r| r.len())),
        }
        assert_eq!(weights(&trainer), before, "the bad step moved a weight");
    }
}

/// Weights that are finite but overflow on the way: the first value that is not finite is named by its layer.
#[test]
fn an_overflow_is_named_by_the_layer_where_it_starts() {
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let mut trainer = trainer(&device, config(10));
        let name = "decoder.out.weight";
        trainer.store().write(name, &Array::f32([33, 35], vec![3e38; 33 * 35]).unwrap()).unwrap();
        let before = weights(&trainer);
        trainer.advance().unwrap();
        match trainer.records(true) {
            Err(Error::NonFinite(m)) => {
                assert!(m.contains("step 1") && m.contains("decoder.out/matmul") && m.contains("[8, 35]"), "{m}");
            }
            other => panic!("{:?}", other.map(|r| r.len())),
        }
        assert_eq!(weights(&trainer), before);
    }
}

#[test]
fn a_bad_step_can_be_skipped() {
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let mut trainer = trainer(&device, Config { non_finite: OnNonFinite::Skip, ..config(10) });
        finish(&mut trainer, 2);
        let good = trainer.store().read("encoder.fc.bias").unwrap();
        trainer.store().write("encoder.fc.bias", &Array::f32([33], vec![f32::NAN; 33]).unwrap()).unwrap();
        let before = weights(&trainer);
        let bad = finish(&mut trainer, 1);
        assert!(!bad[0].grad_norm.unwrap().is_finite(), "{bad:?}");
        let bits = |weights: &[(String, Vec<f32>)]| -> Vec<u32> {
            weights.iter().flat_map(|(_, w)| w).map(|x| x.to_bits()).collect()
        };
        assert!(bits(&weights(&trainer)) == bits(&before), "the bad step moved a weight");
        trainer.store().write("encoder.fc.bias", &good).unwrap();
        let after = finish(&mut trainer, 2);
        assert!(after.iter().all(|r| r.loss.unwrap().is_finite() && r.grad_norm.unwrap().is_finite()), "{after:?}");
        assert!(weights(&trainer).iter().all(|(_, w)| w.iter().all(|x| x.is_finite())));
        assert_ne!(weights(&trainer), before);
    }
}

#[test]
fn metrics_are_lines_of_json() {
    let path = folder("metrics").join("metrics.jsonl");
    let mut trainer =
        trainer(&Device::Cpu, Config { validate_every: 2, beta: Schedule::Linear { to: 1.0, steps: 4 }, ..config(5) });
    let mut metrics = Metrics::to_file(&path).unwrap();
    let valid = images(mlp().image, 11);
    trainer.run(Some(&valid), &mut metrics, &mut Progress::hidden(5)).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), metrics.records().len());
    let steps = |kind: &str| -> Vec<u64> {
        lines.iter().filter(|l| l["kind"] == kind).map(|l| l["step"].as_u64().unwrap()).collect()
    };
    assert_eq!((steps("train"), steps("valid")), (vec![1, 2, 3, 4, 5], vec![2, 4, 5]));
    for line in &lines {
        let figure = |key: &str| line[key].as_f64().unwrap_or_else(|| panic!("{key} in {line}"));
        let train = line["kind"] == "train";
        assert_eq!(line.get("grad_norm").is_some(), train);
        assert!(figure("seconds") >= 0.0 && figure("reconstruction") > 0.0 && figure("kl") >= 0.0);
        assert!((figure("elbo") + figure("reconstruction") + figure("kl")).abs() < 1e-3, "{line}");
        // Nothing is minimised in validation.
        assert_eq!(line.get("loss").is_some(), train);
        let loss = figure("reconstruction") + figure("beta") * figure("kl");
        assert!(!train || (figure("loss") - loss).abs() < 1e-3, "{line}");
        assert!((figure("beta") - ((figure("step") - 1.0) / 4.0).min(1.0)).abs() < 1e-6, "{line}");
    }
    assert_eq!(metrics.series("valid", |r| r.kl).len(), 3);
}

/// This program again, as a child whose output is a pipe: plain lines, not one escape byte.
#[test]
fn progress_into_a_pipe_is_plain_text() {
    const MARK: &str = "WAVAE_TEST_CHILD";
    if std::env::var_os(MARK).is_some() {
        let mut trainer = trainer(&Device::Cpu, config(3));
        let valid = images(mlp().image, 8);
        trainer.run(Some(&valid), &mut Metrics::default(), &mut Progress::new(3, 8)).unwrap();
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "progress_into_a_pipe_is_plain_text", "--nocapture"]).env(MARK, "1");
    let output = child.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(!text.contains(['\u{1b}', '\r']), "{text:?}");
    for wanted in ["step 1/3", "step 3/3", "images/s", "ELBO", "reconstruction", "KL", "ETA", "validation ELBO"] {
        assert!(text.contains(wanted), "no {wanted:?} in {text:?}");
    }
}

/// The mean of the first and of the last five losses of a short training.
fn learned(device: &Device, mut trainer: Trainer, steps: u64) -> (f32, f32) {
    let records = finish(&mut trainer, steps);
    let mean = |records: &[Record]| records.iter().map(|r| r.loss.unwrap()).sum::<f32>() / records.len() as f32;
    let ends = (mean(&records[..5]), mean(&records[records.len() - 5..]));
    assert!(ends.0.is_finite() && ends.1.is_finite(), "{device}: {ends:?}");
    ends
}

#[test]
fn a_deterministic_autoencoder_learns() {
    let model = autoencoder();
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let source = resident(model.image, 37);
        let mut trainer = Trainer::new(&device, &model.vae, &source, config(60)).unwrap();
        trainer.advance().unwrap();
        let record = trainer.records(true).unwrap().remove(0);
        assert_eq!((record.kl, record.loss), (0.0, Some(record.reconstruction)), "a point has no KL");
        assert_eq!(record.elbo, None, "nor a bound");
        let (first, last) = learned(&device, trainer, 59);
        assert!(last < 0.9 * first, "{device}: {first} → {last}");
    }
}

#[test]
fn plain_descent_learns() {
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let sgd = Sgd { momentum: 0.9, nesterov: false, weight_decay: 1e-4 };
        let config = Config { optimizer: Optimizer::Sgd(sgd), clip: 5.0, ..config(60) };
        let (first, last) = learned(&device, trainer(&device, config), 60);
        assert!(last < 0.9 * first, "{device}: {first} → {last}");
    }
}

/// A group follows its own optimizer: at rate 0 it stands still while the others learn; with the numbers of the others the
/// result is theirs to the last bit where nothing is clipped.
#[test]
fn groups_follow_their_own_optimizers() {
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let run = |groups: Vec<Group>| {
            let mut trainer = trainer(&device, Config { groups, ..config(5) });
            let start = weights(&trainer);
            finish(&mut trainer, 5);
            (start, weights(&trainer))
        };
        let group = |rate: Rate| Group { scope: "encoder".into(), optimizer: Optimizer::default(), rate };
        let (start, still) = run(vec![group(Rate::constant(0.0))]);
        for ((name, before), (_, after)) in start.iter().zip(&still) {
            assert_eq!(before == after, name.starts_with("encoder."), "{device}: {name}");
        }
        assert!(still.iter().any(|(name, _)| name.starts_with("encoder.")), "{device}");
        let (_, apart) = run(vec![group(config(5).rate)]);
        let (_, together) = run(vec![]);
        assert_eq!(apart, together, "{device}");
        let missing = Config { groups: vec![Group { scope: "critic".into(), ..group(config(5).rate) }], ..config(5) };
        let model = mlp();
        let source = resident(model.image, 37);
        let message = Trainer::new(&device, &model.vae, &source, missing).err().unwrap().to_string();
        assert!(message.contains("critic"), "{message}");
    }
}

/// loss = reconstruction + β·Σ_d max(mean KL_d, free bits), from the terms themselves, in f64.
#[test]
fn the_objective_weighs_and_floors_the_kl() -> Result<()> {
    let mut losses = vec![];
    for free_bits in [0.0, 0.05, 1.0] {
        let mut model = mlp();
        model.vae.objective = Box::new(Elbo { free_bits, ..Elbo::default() });
        let mut objective = Objective::new(&model, 9)?;
        for beta in [0.0f32, 0.25, 4.0] {
            objective
                .inputs
                .iter_mut()
                .filter(|(n, _)| n == "beta")
                .for_each(|(_, b)| *b = Array::f32([], vec![beta]).unwrap());
            let t = objective.terms.clone();
            let (mut interpreter, mut memory) =
                objective.interpreter::<f64>(&[t.loss, t.elbo, t.reconstruction, t.kl, t.kl_each])?;
            interpreter.run(&mut memory)?;
            let value = |v| interpreter.read_real(v, &memory)[0];
            let each = interpreter.read_real(t.kl_each, &memory);
            let dims: Vec<f64> = (0..3).map(|d| each.iter().skip(d).step_by(3).sum::<f64>() / 9.0).collect();
            assert!((value(t.kl) - dims.iter().sum::<f64>()).abs() < 1e-12);
            assert!((value(t.elbo) + value(t.reconstruction) + value(t.kl)).abs() < 1e-10, "β must not touch the ELBO");
            let floored: f64 = dims.iter().map(|kl| kl.max(free_bits.into())).sum();
            let expected = value(t.reconstruction) + f64::from(beta) * floored;
            assert!((value(t.loss) - expected).abs() < 1e-10, "{} {expected}, {dims:?}", value(t.loss));
            losses.push(value(t.loss));
        }
    }
    assert!(losses[2] < losses[5] && losses[5] < losses[8], "the floors did nothing: {losses:?}");
    Ok(())
}

#[test]
fn impossible_settings_are_refused() {
    let model = mlp();
    let refused = |config: Config, count: usize, image: [usize; 3], says: &str| {
        let source = resident(image, count);
        match Trainer::new(&Device::Cpu, &model.vae, &source, config) {
            Ok(_) => panic!("accepted: {says}"),
            Err(e) => assert!(e.to_string().contains(says), "{e}"),
        }
    };
    refused(config(1), 7, model.image, "7 training examples are fewer than one batch of 8");
    refused(Config { batch: 0, ..config(1) }, 7, model.image, "batch");
    refused(config(1), 37, [8, 5, 1], "the decoder yields");
    let mut wrong = autoencoder();
    wrong.image = [5, 7, 1];
    let source = resident(wrong.image, 37);
    let e = Trainer::new(&Device::Cpu, &wrong.vae, &source, config(1)).err().unwrap();
    assert!(e.to_string().contains("the decoder yields"), "{e}");
}

/// A model that is only used takes its parameters and states, its own slots and inputs: no gradients, no moments.
#[test]
fn inference_allocates_nothing_of_training() {
    let (device, model) = (Device::Gpu(common::gpu()), conv());
    let mut evaluator = Evaluator::new(&model.vae, 8, resident(model.image, 1).types(8)).unwrap();
    let [bound, decode] = evaluator.graphs();
    let store = Store::new(&device, &[bound, decode]).unwrap();
    store.init(bound, 0).unwrap();
    evaluator.attach(&device, &store);
    evaluator.figures(&images(model.image, 8), 0).unwrap();
    evaluator.decode(&[0.0; 5]).unwrap();
    let layout = store.layout();
    let weights = layout.shards.iter().map(|shard| 4 * shard.len as u64).sum::<u64>();
    let states = layout.states.iter().map(|(_, ty)| ty.bytes() as u64).sum::<u64>();
    assert_eq!(store.allocated_bytes(), weights + states);
    let trainer = Trainer::new(&device, &model.vae, &resident(model.image, 37), config(1)).unwrap();
    let training = trainer.executable().planned_bytes();
    for exe in evaluator.compiled().unwrap() {
        println!("{}", exe.plan());
        assert!(exe.plan().contains("in 1 arenas"), "{}", exe.plan());
        assert!(exe.planned_bytes() < training - 3 * weights, "{} of {training} bytes", exe.planned_bytes());
    }
}

#[test]
fn evaluation_fills_up_its_last_batch() {
    let mut trainer = trainer(&Device::Cpu, config(1));
    let image = mlp().image;
    let set = images(image, 19); // two batches of 8 and three images
    let codes = trainer.evaluator().encode(&set).unwrap();
    assert_eq!(codes.len(), 19 * 3);
    let last = trainer.evaluator().encode(&set.subset(&[18])).unwrap();
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(near(&codes[18 * 3..], &last), "an image's code depends on its batch");
    let pictures = trainer.evaluator().decode(&codes).unwrap();
    assert_eq!(pictures.len(), 19 * 35);
    assert!(pictures.iter().all(|p| (0.0..=1.0).contains(p)));
    let wrong = trainer.evaluator().encode(&images([5, 7, 1], 3));
    assert!(matches!(wrong, Err(Error::Shape { .. })), "{wrong:?}");
    let figures = trainer.evaluator().figures(&set, 0).unwrap();
    assert!((figures.kl - figures.kl_dims.iter().sum::<f64>()).abs() < 1e-9);
    assert!((figures.elbo + figures.reconstruction + figures.kl).abs() < 1e-9);
}
