//! Half-precision storage: whole models against f64 and against f32, loss scaling, what it saves, and where it is refused.
//! Kernels by themselves are checked in `ops.rs`, which runs the whole table with inputs and outputs in f16.

mod common;

use common::models::{Model, Objective, conv, conv_with, mlp, mlp_with, resident, residual};
use std::sync::Arc;
use wavae::data::{ImageSet, synthetic_digits};
use wavae::graph::{Arena, Graph, Recompute, Value};
use wavae::lower::caps::Caps;
use wavae::lower::half::narrow;
use wavae::lower::program::{BufferKey, Place};
use wavae::lower::shader::Shader;
use wavae::lower::{Options, Precision, lower};
use wavae::nn::{Activation, Mode};
use wavae::ops::reduce::Kind;
use wavae::ops::{Lowering, Op};
use wavae::testing::Gen;
use wavae::train::{Config, Source, Trainer};
use wavae::vae::{Batch, DiagonalGaussian, Model as _, zoo};
use wavae::{Array, Device, TensorType};

/// The test device, where it has f16; what these tests say elsewhere is that it is refused.
fn device() -> Option<Device> {
    let gpu = common::gpu();
    if gpu.caps().f16 {
        return Some(Device::Gpu(gpu));
    }
    println!("{} has no f16", gpu.info());
    let model = mlp();
    let config = Config { precision: Precision::F16, batch: 8, ..Config::default() };
    let error = Trainer::new(&Device::Gpu(gpu), &model.vae, &resident(model.image, 16), config).err();
    assert!(error.is_some_and(|e| e.to_string().contains("use precision f32")));
    None
}

fn norm(x: impl Iterator<Item = f64>) -> f64 {
    x.map(|x| x * x).sum::<f64>().sqrt()
}

/// Every gradient in norm, all tensors of 32 elements or more in f16. A stored value is off by at most u = 2⁻¹¹ of itself,
/// and independently of the others, so each of the n tensors stored on the way to a gradient adds some u/√3 of the
/// gradient's norm where nothing cancels: √n·u/√3 together, 0.2 % for n = 50. Where terms cancel (the inputs of a norm, the
/// heads of the posterior) more; 16·u = 0.8 % leaves room for that, and is far below what a wrong element would do. The
/// activations are smooth: at a kink a gradient jumps where rounding moves a value across.
fn gradients(model: &Model, batch: usize, ways: &[bool]) {
    let Some(_) = device() else { return };
    let objective = Objective::new(model, batch).unwrap();
    let exact = objective.interpret::<f64>().unwrap();
    for &fuse in ways {
        let half = objective.execute_with(|o| Options { fuse, precision: Precision::F16, large: 32, ..o }).unwrap();
        let mut worst = (0.0f64, "");
        for ((name, exact), (_, half)) in exact.iter().zip(&half) {
            let off = norm(exact.iter().zip(half).map(|(a, b)| a - b)) / norm(exact.iter().copied());
            worst = if off > worst.0 { (off, name) } else { worst };
        }
        println!("{}: fuse {fuse}: {} is off by {:.1e} of its norm", model.name, worst.1, worst.0);
        assert!(worst.0 > 1e-6, "nothing was stored in f16");
        assert!(worst.0 <= 16.0 * 2f64.powi(-11), "{worst:?}");
    }
}

#[test]
fn gradients_of_an_mlp() {
    gradients(&mlp_with(DiagonalGaussian::new(3), Activation::Tanh), 9, &[true, false]);
}

#[test]
fn gradients_of_a_convolutional_model() {
    gradients(&conv_with(Activation::Silu, Activation::Softplus), 7, &[true]);
}

#[test]
fn gradients_of_a_residual_model() {
    gradients(&residual(), 5, &[true]);
}

fn losses(device: &Device, model: &Model, precision: Precision, steps: u64) -> Vec<f64> {
    let config = Config { steps, batch: 32, seed: 4, clip: 50.0, precision, ..Config::default() };
    let source = resident(model.image, 64);
    let mut trainer = Trainer::new(device, &model.vae, &source, config).unwrap();
    trainer.advance_many(steps).unwrap();
    trainer.records(true).unwrap().iter().map(|r| f64::from(r.loss.unwrap())).collect()
}

/// A loss is a sum over values each off by u = 2⁻¹¹ at most, and the weights drift apart by what the gradients are off:
/// losses within 4·u of each other.
#[test]
fn ten_steps_track_those_in_f32() {
    let Some(device) = device() else { return };
    let [f32, f16] = [Precision::F32, Precision::F16].map(|p| losses(&device, &conv(), p, 10));
    let off = f32.iter().zip(&f16).map(|(a, b)| (a - b).abs() / a.abs()).fold(0.0, f64::max);
    println!("losses {off:.1e} apart");
    assert!(off > 0.0, "nothing was stored in f16");
    assert!(f32.len() == 10 && off <= 4.0 * 2f64.powi(-11), "{f32:?} {f16:?}");
}

/// Six epochs on digits end where f32 ends: within 1 % of the bound, which is what another seed changes.
#[test]
fn a_longer_training_ends_where_f32_ends() {
    let Some(device) = device() else { return };
    let all = synthetic_digits(1280, 7).unwrap();
    let split = |range: std::ops::Range<usize>| {
        let indices: Vec<usize> = range.collect();
        ImageSet::new(all.height, all.width, all.channels, all.gather(&indices)).unwrap()
    };
    let (train, valid) = (Arc::new(split(0..1024)), split(1024..1280));
    let bound = |device: &Device, precision| {
        let config = Config { steps: 100, batch: 64, seed: 2, precision, ..Config::default() };
        let source = Source::Resident(Arc::new((*train).clone().into()));
        let vae = zoo::mlp_mnist();
        let mut trainer = Trainer::new(device, &vae, &source, config).unwrap();
        while trainer.step() < 100 {
            trainer.advance_many(20).unwrap();
        }
        trainer.records(true).unwrap();
        trainer.validate(&valid).unwrap().elbo
    };
    let [f32, f16] = [bound(&Device::Cpu, Precision::F32), bound(&device, Precision::F16)];
    println!("validation bound after 100 steps: {f32:.2} in f32, {f16:.2} in f16");
    assert!((f32 - f16).abs() <= 0.01 * f32.abs(), "{f32} in f32, {f16} in f16");
}

/// A scale far too large: the steps that overflow are skipped without touching a weight, and halve it, until one fits.
#[test]
fn steps_that_overflow_are_skipped_and_the_scale_adapts() {
    let Some(device) = device() else { return };
    let model = conv();
    let config = Config { steps: 40, batch: 32, precision: Precision::F16, ..Config::default() };
    let source = resident(model.image, 64);
    let mut trainer = Trainer::new(&device, &model.vae, &source, config).unwrap();
    let weights = |trainer: &Trainer| {
        let params = trainer.store().layout().params.clone();
        params.iter().map(|p| trainer.store().read(&p.name).unwrap()).collect::<Vec<_>>()
    };
    let scale = |trainer: &Trainer| trainer.store().read("train.loss_scale").unwrap().as_f32()[0];
    assert_eq!(scale(&trainer), 1024.0);
    let start = 2f32.powi(24);
    trainer.store().write("train.loss_scale", &Array::f32([], vec![start]).unwrap()).unwrap();
    let before = weights(&trainer);
    trainer.advance().unwrap();
    let record = trainer.records(true).unwrap().remove(0);
    assert!(record.loss.unwrap().is_finite() && !record.grad_norm.unwrap().is_finite(), "{record:?}");
    assert_eq!(before, weights(&trainer));
    assert_eq!(scale(&trainer), start / 2.0);
    trainer.advance_many(30).unwrap();
    let norms: Vec<f32> = trainer.records(true).unwrap().iter().map(|r| r.grad_norm.unwrap()).collect();
    let skipped = norms.iter().take_while(|n| !n.is_finite()).count();
    assert!(skipped > 0 && skipped < 20 && norms[skipped..].iter().all(|n| n.is_finite()), "{norms:?}");
    assert_eq!(scale(&trainer), start / 2f32.powi(1 + skipped as i32));
    assert_ne!(before, weights(&trainer));
    let names: Vec<String> = trainer.store().weights().into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| !name.starts_with("train.")), "a checkpoint would hold {names:?}");
}

/// Weights beyond f16's range overflow whatever the scale is: the run ends with an error, but not before it is at 1.
#[test]
fn what_no_scale_can_help_stops_the_run() {
    let Some(device) = device() else { return };
    let model = conv();
    let config = Config { steps: 40, batch: 32, precision: Precision::F16, ..Config::default() };
    let mut trainer = Trainer::new(&device, &model.vae, &resident(model.image, 64), config).unwrap();
    let param = trainer.store().layout().params.iter().find(|p| p.ty.len() >= 1024).unwrap().clone();
    let huge = Array::f32(param.ty.shape.clone(), vec![1e6; param.ty.len()]).unwrap();
    trainer.store().write(&param.name, &huge).unwrap();
    trainer.store().write("train.loss_scale", &Array::f32([], vec![4.0]).unwrap()).unwrap();
    trainer.advance().unwrap();
    trainer.records(true).unwrap();
    trainer.advance_many(3).unwrap();
    let error = trainer.records(true).unwrap_err().to_string();
    assert!(error.contains("f16"), "{error}");
}

/// The roots of `g` in `precision`, every tensor that may be in f16.
fn roots(
    device: &Device,
    g: &Graph,
    roots: &[Value],
    inputs: &[&[f32]],
    precision: Precision,
    fuse: bool,
) -> Vec<Vec<f32>> {
    let Device::Gpu(gpu) = device else { unreachable!() };
    let options = Options { precision, large: 1, fuse, ..Options::new(gpu.caps()) };
    let lowered = lower(g, roots, &g.layout(), &options).unwrap();
    let places: Vec<Place> = lowered.program.outputs.iter().map(|o| o.place.clone()).collect();
    let store = wavae::gpu::GpuStore::new(gpu, &g.layout());
    let mut exe = wavae::gpu::GpuExecutable::compile(gpu, &store, lowered.program).unwrap();
    inputs.iter().enumerate().for_each(|(k, x)| exe.write_input(k, bytemuck::cast_slice(x)).unwrap());
    exe.run().unwrap();
    places.iter().map(|place| bytemuck::pod_collect_to_vec(&exe.read(place).unwrap())).collect()
}

/// The gradient of a maximum asks which elements equal it. Fused, the maximum is taken over registers: had one of the two
/// been rounded on its way, no element might, and the gradient would be 0/0. Nor may a checkpoint compute one of them again
/// from what was rounded.
#[test]
fn a_maximum_is_found_again() {
    let Some(device) = device() else { return };
    let [x, w] = [1, 2].map(|seed| Gen::normal([64, 64]).draw(seed).unwrap());
    for (product, recompute) in [(false, Recompute::Nothing), (true, Recompute::Cheap)] {
        let mut g = Graph::new();
        let [x_in, w_in] = ["x", "w"].map(|name| g.input(name, TensorType::f32([64, 64])).unwrap());
        let h = if product { g.matmul(x_in, w_in).unwrap() } else { x_in };
        let h = g.scale(h, 0.1).unwrap();
        let y = g.tanh(h).unwrap();
        let rows = g.max(y, &[1]).unwrap();
        let mut loss = g.sum_all(rows).unwrap();
        if product {
            // Another reader, so that y is computed where h is, before h is rounded.
            let aside = g.detach(y).unwrap();
            let aside = g.matmul(aside, w_in).unwrap();
            let aside = g.sum_all(aside).unwrap();
            loss = g.add(loss, aside).unwrap();
        }
        let forward = g.nodes().len();
        let grads = g.grad(loss, &[y]).unwrap();
        let (g, map) = g.checkpoint(forward, recompute).unwrap();
        for (precision, fuse) in [(Precision::F32, true), (Precision::F16, false), (Precision::F16, true)] {
            let inputs = [x.as_f32(), w.as_f32()];
            let read = [map[grads[0].index()], loss];
            let dy = &roots(&device, &g, &read, &inputs, precision, fuse)[0];
            let shares: Vec<f32> = dy.chunks(64).map(|row| row.iter().sum()).collect(); // of equals, if there are any
            let chosen: Vec<usize> = dy.chunks(64).map(|row| row.iter().filter(|d| **d != 0.0).count()).collect();
            let says = format!("product {product}, {recompute}, {precision}, fuse {fuse}: {chosen:?} chosen");
            assert!(shares.iter().all(|s| (s - 1.0).abs() <= 1e-3) && chosen.iter().all(|n| *n <= 3), "{says}");
        }
    }
}

/// As a categorical sample is drawn and a mixture's density computed: one of each row is chosen, and shares add up to 1.
#[test]
fn the_largest_of_each_row_is_chosen() {
    let Some(device) = device() else { return };
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([64, 65])).unwrap();
    let score = g.tanh(x).unwrap();
    let best = g.reduce(Kind::Max, score, &[1], true).unwrap();
    let best = g.expand(best, [64, 65]).unwrap();
    let one = g.full([], 1.0).unwrap();
    let chosen = g.where_at_least(score, best, one).unwrap();
    let count = g.sum(chosen, &[1]).unwrap();
    let total = g.logsumexp(score, &[1]).unwrap();
    let loss = g.sum_all(total).unwrap();
    let share = g.grad(loss, &[score]).unwrap()[0];
    let shares = g.sum(share, &[1]).unwrap();
    let x = Gen::normal([64, 65]).draw(3).unwrap();
    for fuse in [false, true] {
        let out = roots(&device, &g, &[count, shares], &[x.as_f32()], Precision::F16, fuse);
        assert_eq!(out[0], [1.0; 64], "fuse {fuse}");
        assert!(out[1].iter().all(|s| (s - 1.0).abs() <= 2f32.powi(-10)), "fuse {fuse}: {:?}", out[1]);
    }
}

/// Out of range must be seen, not clipped: loss scaling lives by it.
#[test]
fn numbers_beyond_the_range_become_infinite_on_this_device() {
    let Some(device) = device() else { return };
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([8])).unwrap();
    let stored = g.detach(x).unwrap();
    let y = g.detach(stored).unwrap();
    let numbers = [1e5f32, -3e38, f32::INFINITY, f32::NAN, 65504.0, 1.0 + 2f32.powi(-11) * 1.5, 2f32.powi(-14), 0.1];
    let read = &roots(&device, &g, &[y], &[&numbers], Precision::F16, false)[0];
    println!("{numbers:?} come back as {read:?}");
    assert!(read[..4].iter().all(|x| !x.is_finite()) && read[4] == 65504.0, "{read:?}");
    assert_eq!(read[5], 1.0 + 2f32.powi(-10), "not rounded to the nearest");
    assert_eq!(read[6], 2f32.powi(-14));
}

/// The training step of W2 with caps that need no device, by the kernels of the least temporaries: those stay f32.
fn plan(precision: Precision) -> wavae::lower::Lowered {
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([64, 64, 64, 3])).unwrap();
    let batch = Batch::of(&g, x);
    let terms = zoo::conv_celeba64().terms(&mut g, &batch, Mode::Train).unwrap();
    let params = g.params();
    let grads = g.grad(terms.loss, &params).unwrap();
    for (&param, &grad) in params.iter().zip(&grads) {
        g.store_grad(param, grad).unwrap();
    }
    let caps = Caps { f16: true, subgroup: Some(32), ..Caps::minimum() };
    let scratch = |variant: &Lowering| variant.scratch.iter().map(TensorType::bytes).sum::<usize>();
    let least = |_: &Arc<dyn Op>, _: &[TensorType], all: &[Lowering]| {
        (0..all.len()).min_by_key(|&i| scratch(&all[i])).unwrap_or_default()
    };
    let options = Options { precision, choose: &least, ..Options::new(&caps) };
    lower(&g, &[terms.loss], &g.layout(), &options).unwrap()
}

#[test]
fn intermediates_take_about_half_the_bytes() {
    let [f32, f16] = [Precision::F32, Precision::F16].map(plan);
    println!("{}\n{}", f32.report, f16.report);
    let weights: u64 = f32.report.arena_bytes / 2; // copies of half the bytes
    let left = (f16.report.slot_bytes - weights) as f64 / f32.report.slot_bytes as f64;
    assert!(left <= 0.55, "{left:.2} of the bytes of f32's intermediates");
    assert!(f16.report.slot_bytes <= (1.3 * f16.report.bound_bytes as f64) as u64);
    let enabled = |p: &wavae::lower::Lowered| {
        p.program.dispatches.iter().filter(|d| d.shader.source.starts_with("enable f16;")).count()
    };
    assert_eq!(enabled(&f32), 0);
    assert!(enabled(&f16) > f16.program.dispatches.len() / 2);
    for dispatch in &f16.program.dispatches {
        common::translate_everywhere(&dispatch.shader).unwrap();
        masters_stay_wide(&dispatch.shader, &dispatch.groups);
    }
}

/// Whatever lives in an arena, a state or an input is bound as f32.
fn masters_stay_wide(shader: &Shader, groups: &[wavae::lower::program::Group]) {
    for (layout, group) in shader.layout().iter().zip(groups) {
        for (binding, place) in layout.storage.iter().zip(&group.storage) {
            let narrow = [": array<f16>", ": array<vec4<f16>>"].map(|ty| format!(" {}{ty}", binding.name));
            let narrow = narrow.iter().any(|text| shader.source.contains(text));
            let slot = matches!(place.buffer, BufferKey::Slot(_));
            assert!(slot || !narrow, "{} is bound as f16 in {}", binding.name, shader.name);
            let grads = matches!(place.buffer, BufferKey::Arena(Arena::Grads, _));
            assert!(!grads || !narrow, "{}", shader.name);
        }
    }
}

#[test]
fn devices_without_f16_refuse() {
    let caps = Caps::minimum();
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([2000])).unwrap();
    let y = g.exp(x).unwrap();
    let options = Options { precision: Precision::F16, ..Options::new(&caps) };
    let error = lower(&g, &[y], &g.layout(), &options).map(drop).unwrap_err().to_string();
    assert!(error.contains("no 16-bit floats"), "{error}");
    let model = mlp();
    let config = Config { precision: Precision::F16, batch: 8, ..Config::default() };
    let on_cpu = Trainer::new(&Device::Cpu, &model.vae, &resident(model.image, 16), config);
    let error = on_cpu.map(drop).unwrap_err().to_string();
    assert!(error.contains("the CPU device computes in f32") && error.contains("use precision f32"), "{error}");
}

const KERNEL: &str = "
@group(0) @binding(1) var<storage, read> x: array<f32>; // (n)
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
struct Pair { x: array<f32, 2> }
fn both(i: u32) -> f32 { return x[i] + w[i].y; }
@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    var pair: Pair;
    pair.x[0] = both(id.x);
    let all = w[id.x];
    let nested = x[u32(x[id.x])] * -x[2] + dot(all, w[1]);
    if id.x < arrayLength(&x) {
        var x: array<vec2<f32>, 2>;
        x[1] = vec2(nested);
        y[id.x] = select(0.0, x[1].x, pair.x[0] > 1.0)
            + y[0];
    }
    y[7] = 1.0;
    y[8] = y[9];
}";

#[test]
fn reads_and_writes_are_converted_and_nothing_else() {
    let shader = Shader::from_source("test", KERNEL).unwrap();
    let text = narrow(&shader, &["x", "w", "y"]).unwrap().source.clone();
    for expected in [
        "enable f16; \n",
        "x: array<f16>; // (n)",
        "w: array<vec4<f16>>",
        "struct Pair { x: array<f32, 2> }",
        "return f32(x[i]) + f32(w[i].y);",
        "pair.x[0] = both(id.x);",
        "let all = vec4<f32>(w[id.x]);",
        "f32(x[u32(f32(x[id.x]))]) * -f32(x[2]) + dot(all, vec4<f32>(w[1]))",
        "arrayLength(&x)",
        "x[1] = vec2(nested);",
        "y[id.x] = f16(select(0.0, x[1].x, pair.x[0] > 1.0)\n            + f32(y[0]));",
        "y[7] = f16(1.0);",
        "y[8] = f16(f32(y[9]));",
    ] {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
    let some = narrow(&shader, &["w"]).unwrap().source.clone();
    assert!(some.contains("return x[i] + f32(w[i].y)") && some.contains("y[7] = 1.0;"), "{some}");
    assert!(Arc::ptr_eq(&shader, &narrow(&shader, &[]).unwrap()));
}

#[test]
fn what_cannot_be_narrowed_is_an_error() {
    let kernel = |declaration: &str, body: &str| {
        let text = format!(
            "@group(0) @binding(1) var<storage, read_write> y: {declaration};\n\
             @compute @workgroup_size(1) fn main() {{ {body} }}"
        );
        let shader = Shader::from_source("test", &text).unwrap();
        narrow(&shader, &["y"]).map(drop).map_err(|e| e.to_string())
    };
    kernel("array<f32>", "y[0] = y[1];").unwrap();
    for (declaration, body, says) in [
        ("array<f32>", "y[0] += 1.0;", "no plain assignment"),
        ("array<f32>", "let p = &y[0]; *p = 1.0;", "f16"),
        ("array<u32>", "y[0] = 1u;", "not an array of f32"),
        ("array<mat2x2<f32>>", "y[0] = mat2x2<f32>();", "whole arrays"),
    ] {
        let error = kernel(declaration, body).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    let shader = Shader::from_source("test", KERNEL).unwrap();
    assert!(narrow(&shader, &["z"]).unwrap_err().to_string().contains("no variable z"));
}

#[test]
fn precision_has_names_and_is_refused_where_it_is_missing() {
    assert_eq!("f16".parse::<Precision>().unwrap(), Precision::F16);
    assert_eq!(Precision::default().to_string().parse::<Precision>().unwrap(), Precision::F32);
    assert!("bf16".parse::<Precision>().is_err());
    let caps = Caps::minimum();
    let error = Precision::F16.check(&caps).unwrap_err().to_string();
    assert!(error.contains("use precision f32"), "{error}");
    assert!(Precision::F32.check(&caps).is_ok() && Precision::F16.check(&Caps { f16: true, ..caps }).is_ok());
}
