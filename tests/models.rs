//! Whole models: every gradient on the device and on the CPU against f64, the objective against central differences,
//! training on both devices side by side, and bitwise repeatability.

mod common;

use common::models::{Model, Objective, conv, conv_with, mlp, mlp_with, resident, residual};
use common::whole::{gradients, near_exact, objective_gradient};
use wavae::device::planned_bytes;
use wavae::graph::{Graph, Recompute};
use wavae::lower::{Options, Precision, lower};
use wavae::nn::{Activation, Mode};
use wavae::ops::optimizer::Adam;
use wavae::train::{Config, Optimizer, Trainer};
use wavae::vae::{Batch, DiagonalGaussian, Model as _, zoo};
use wavae::{Device, Store, TensorType};

fn gpu() -> Device {
    Device::Gpu(common::gpu())
}

/// Computing forward values again changes no gradient and no running statistic: in f64 not by a bit, and a device stays
/// within its bound.
#[test]
fn checkpointed_gradients_are_the_plain_ones() {
    for (model, batch) in [(mlp(), 9), (conv(), 7), (residual(), 5)] {
        let plain = Objective::new(&model, batch).unwrap();
        let exact = plain.interpret::<f64>().unwrap();
        for recompute in [Recompute::Cheap, Recompute::Segments] {
            let objective = Objective::with(&model, batch, recompute).unwrap();
            let more = objective.graph.nodes().len() - plain.graph.nodes().len();
            assert!(more > 2, "{}: {recompute} computes {more} nodes again", model.name);
            assert!(objective.interpret::<f64>().unwrap() == exact, "{}: {recompute}", model.name);
            near_exact(&objective, model.name);
        }
    }
}

/// Training with running statistics: on the CPU the same weights, bit by bit; on a device it learns the same.
#[test]
fn checkpointed_training_is_the_plain_one() {
    let model = conv();
    let run = |device: &Device, recompute| {
        let config = Config { steps: 5, batch: 8, recompute, ..Config::default() };
        let mut trainer = Trainer::new(device, &model.vae, &resident(model.image, 37), config).unwrap();
        trainer.advance_many(5).unwrap();
        let losses: Vec<f32> = trainer.records(true).unwrap().iter().map(|r| r.loss.unwrap()).collect();
        let read = |(name, _): (String, _)| trainer.store().read(&name).unwrap().as_f32().to_vec();
        let weights: Vec<Vec<f32>> = trainer.store().weights().into_iter().map(read).collect();
        assert_eq!(trainer.plan().contains("computed again"), recompute != Recompute::Nothing, "{}", trainer.plan());
        (losses, weights)
    };
    for recompute in [Recompute::Cheap, Recompute::Segments] {
        assert!(run(&Device::Cpu, recompute) == run(&Device::Cpu, Recompute::Nothing), "{recompute}");
        let (device, cpu) = (run(&gpu(), recompute).0, run(&Device::Cpu, Recompute::Nothing).0);
        assert!(device.iter().zip(&cpu).all(|(a, b)| (a - b).abs() < 1e-3 * b.abs()), "{device:?} {cpu:?}");
    }
}

/// At the size of real work the plan shrinks, on the device and on the CPU.
#[test]
fn checkpointing_saves_memory() {
    let vae = zoo::conv_celeba64();
    let model = Model { name: "W2", vae, image: [64, 64, 3] };
    for (device, arenas) in [(Device::Cpu, 4), (gpu(), 2)] {
        let bytes = |recompute| {
            let Objective { graph, terms, .. } = Objective::with(&model, 16, recompute).unwrap();
            let store = Store::new(&device, &[&graph]).unwrap();
            planned_bytes(&device, &store, &graph, &[terms.loss], Precision::F32).unwrap() - arenas * 4 * 2_958_144
        };
        let plain = bytes(Recompute::Nothing);
        for recompute in [Recompute::Cheap, Recompute::Segments] {
            let bytes = bytes(recompute);
            println!("{device}: {recompute}: {plain} → {bytes} bytes beside the arenas");
            assert!(bytes < plain * 9 / 10, "{device}: {recompute}: {plain} → {bytes}");
        }
    }
}

#[test]
fn gradients_of_an_mlp() {
    gradients(&mlp(), 9);
}

#[test]
fn gradients_of_a_convolutional_model() {
    gradients(&conv(), 7);
}

#[test]
fn gradients_of_a_residual_model() {
    gradients(&residual(), 5);
}

#[test]
fn objective_of_an_mlp_against_differences() {
    objective_gradient(&mlp_with(DiagonalGaussian::new(3), Activation::Tanh), 9);
}

#[test]
fn objective_of_a_convolutional_model_against_differences() {
    objective_gradient(&conv_with(Activation::Silu, Activation::Softplus), 7);
}

#[test]
fn objective_of_a_residual_model_against_differences() {
    objective_gradient(&residual(), 5);
}

/// Losses of `steps` steps, all parameters before and after, and the other weights after.
struct Run {
    losses: Vec<f64>,
    before: Vec<f32>,
    after: Vec<f32>,
    states: Vec<f32>,
}

fn train(device: &Device, model: &Model, steps: u64) -> Run {
    let config = Config { steps, batch: 8, seed: 4, clip: 50.0, ..Config::default() };
    let source = resident(model.image, 37);
    let mut trainer = Trainer::new(device, &model.vae, &source, config).unwrap();
    let weights = |trainer: &Trainer, params: bool| -> Vec<f32> {
        let store = trainer.store();
        let names = store.weights().into_iter().map(|(name, _)| name);
        let wanted = names.filter(|name| store.layout().param(name).is_some() == params);
        wanted.flat_map(|name| store.read(&name).unwrap().as_f32().to_vec()).collect()
    };
    let before = weights(&trainer, true);
    let mut losses = vec![];
    while trainer.step() < steps {
        trainer.advance().unwrap();
        losses.extend(trainer.records(true).unwrap().iter().map(|r| f64::from(r.loss.unwrap())));
    }
    assert_eq!(losses.len() as u64, steps);
    Run { losses, before, after: weights(&trainer, true), states: weights(&trainer, false) }
}

fn length(x: impl Iterator<Item = f64>) -> f64 {
    x.map(|x| x * x).sum::<f64>().sqrt()
}

fn apart(a: &[f32], b: &[f32]) -> f64 {
    length(a.iter().zip(b).map(|(a, b)| f64::from(a - b)))
}

/// Training on both devices from the same seed: each loss within `loss` relative, and the parameters apart by at most a
/// thousandth of the way they went. (Adam divides a gradient by its own size, so where a gradient is rounding noise a
/// weight may go either way; those elements are few.)
fn side_by_side(model: &Model, steps: u64, loss: f64) {
    let cpu = train(&Device::Cpu, model, steps);
    let gpu = train(&gpu(), model, steps);
    assert_eq!(cpu.before, gpu.before, "the devices start apart");
    let off: Vec<f64> = cpu.losses.iter().zip(&gpu.losses).map(|(a, b)| (a - b).abs() / a.abs()).collect();
    let way = apart(&cpu.after, &cpu.before);
    let between = apart(&cpu.after, &gpu.after);
    let worst = off.iter().copied().fold(0.0, f64::max);
    println!("{}: {steps} steps: losses {worst:.1e} apart, parameters {:.1e} of their way", model.name, between / way);
    assert!(off.iter().all(|&off| off <= loss), "losses on the CPU {:?}, on the device {:?}", cpu.losses, gpu.losses);
    assert!(way > 0.0 && between <= 1e-3 * way, "parameters are {between:e} apart after a way of {way:e}");
    let size = length(cpu.states.iter().map(|&x| x.into()));
    assert!(apart(&cpu.states, &gpu.states) <= 1e-4 * size, "running statistics: {:?} {:?}", cpu.states, gpu.states);
    assert!(cpu.losses[steps as usize - 1] < cpu.losses[0], "nothing was learned: {:?}", cpu.losses);
}

#[test]
fn ten_steps_of_an_mlp_on_both_devices() {
    side_by_side(&mlp(), 10, 1e-4);
}

#[test]
fn ten_steps_of_a_convolutional_model_on_both_devices() {
    side_by_side(&conv(), 10, 1e-4);
}

#[test]
fn ten_steps_of_a_residual_model_on_both_devices() {
    side_by_side(&residual(), 10, 1e-4);
}

#[test]
fn fifty_steps_of_a_convolutional_model_on_both_devices() {
    side_by_side(&conv(), 50, 1e-3);
}

/// The bits of every loss, parameter and running statistic of a short training.
fn bits(device: &Device, model: &Model) -> Vec<u32> {
    let run = train(device, model, 3);
    let losses = run.losses.iter().map(|&l| l as f32);
    losses.chain(run.after).chain(run.states).map(f32::to_bits).collect()
}

#[test]
fn twenty_runs_on_the_device_agree_in_every_bit() {
    for model in [mlp(), conv()] {
        let first = bits(&gpu(), &model);
        for run in 1..20 {
            assert!(bits(&gpu(), &model) == first, "{}: run {run} differs", model.name);
        }
    }
}

#[test]
fn runs_on_the_cpu_agree_in_every_bit() {
    for model in [mlp(), conv(), residual()] {
        let first = bits(&Device::Cpu, &model);
        for run in 1..3 {
            assert!(bits(&Device::Cpu, &model) == first, "{}: run {run} differs", model.name);
        }
    }
}

/// Dispatches of whole training steps: what fusion is for. Each costs a GPU some microseconds whatever it computes.
#[test]
fn training_steps_are_few_dispatches() {
    let gpu = common::gpu();
    for (vae, batch, image, most) in
        [(zoo::mlp_mnist(), 128, [28, 28, 1], 22), (zoo::conv_celeba64(), 64, [64, 64, 3], 90)]
    {
        let mut g = Graph::new();
        let x = g.input("x", TensorType::f32([&[batch], image.as_slice()].concat())).unwrap();
        let batch = Batch::of(&g, x);
        let terms = vae.terms(&mut g, &batch, Mode::Train).unwrap();
        let params = g.params();
        let grads = g.grad(terms.loss, &params).unwrap();
        for (&param, &grad) in params.iter().zip(&grads) {
            g.store_grad(param, grad).unwrap();
        }
        let layout = g.layout();
        let squares = Optimizer::Adam(Adam::default()).update(&mut g, &layout, 0).unwrap();
        let roots = [terms.loss, terms.elbo, terms.reconstruction, terms.kl, squares];
        let report = lower(&g, &roots, &g.layout(), &Options::new(gpu.caps())).unwrap().report;
        assert!(report.dispatches < most, "{}: one more gathers the batch, {most} are the goal", report);
    }
}
