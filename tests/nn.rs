//! Layers: what they yield, what their parameters are called and how they start; batch norm's running statistics; and
//! that no activation hides a NaN.

mod common;

use wavae::graph::{Def, Graph, Value};
use wavae::nn::{
    Activation, AvgPool, BatchNorm, Conv, ConvTranspose, Flatten, GroupNorm, Linear, Mode, Module, Residual,
    Sequential, Start, Unflatten, Upsample,
};
use wavae::ops::conv::Conv2d;
use wavae::tensor::{Array, TensorType};
use wavae::testing::Gen;
use wavae::{Device, Error, Executable, Store};

/// Applies `layer` in the scope `layer` to an input of shape `input`.
fn build(layer: &impl Module, input: &[usize], mode: Mode) -> wavae::Result<(Graph, Value)> {
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32(input))?;
    let y = g.scoped("layer", |g| layer.forward(g, x, mode))?;
    Ok((g, y))
}

/// The output's shape, and `name shape` of every parameter in order.
fn describe(layer: &impl Module, input: &[usize]) -> (Vec<usize>, Vec<String>) {
    let (g, y) = build(layer, input, Mode::Train).unwrap();
    let params = g.params().into_iter().map(|v| format!("{} {:?}", g.label(v), g.shape(v).dims()));
    (g.shape(y).dims().to_vec(), params.collect())
}

#[test]
fn shapes_and_names() {
    let check = |described: (Vec<usize>, Vec<String>), shape: &[usize], params: &[&str]| {
        assert_eq!(described.0, shape, "{params:?}");
        assert_eq!(described.1, params);
    };
    check(describe(&Linear::new(5), &[2, 7]), &[2, 5], &["layer.weight [7, 5]", "layer.bias [5]"]);
    check(describe(&Linear::new(5).no_bias(), &[2, 7]), &[2, 5], &["layer.weight [7, 5]"]);
    let conv = Conv::new(6, 3).stride(2).pad(1);
    check(describe(&conv, &[2, 9, 8, 4]), &[2, 5, 4, 6], &["layer.weight [3, 3, 4, 6]", "layer.bias [6]"]);
    let geometry = Conv2d { groups: 2, pad: [0, 1, 2, 0], dilation: [1, 2], ..Conv2d::default() };
    let grouped = Conv::new(6, 3).geometry(geometry).no_bias();
    check(describe(&grouped, &[2, 9, 8, 4]), &[2, 9, 5, 6], &["layer.weight [3, 3, 2, 6]"]);
    let up = ConvTranspose::new(6, 4).stride(2).pad(1);
    check(describe(&up, &[2, 5, 4, 3]), &[2, 10, 8, 6], &["layer.weight [4, 4, 6, 3]", "layer.bias [6]"]);
    let norm = ["layer.weight [4]", "layer.bias [4]"];
    check(describe(&BatchNorm::default(), &[2, 3, 3, 4]), &[2, 3, 3, 4], &norm);
    check(describe(&GroupNorm::new(2), &[2, 3, 3, 4]), &[2, 3, 3, 4], &norm);
    check(describe(&Activation::Gelu, &[2, 7]), &[2, 7], &[]);
    check(describe(&Flatten, &[2, 3, 4, 5]), &[2, 60], &[]);
    check(describe(&Unflatten::image(3, 4, 5), &[2, 60]), &[2, 3, 4, 5], &[]);
    check(describe(&Upsample(3), &[2, 3, 4, 5]), &[2, 9, 12, 5], &[]);
    check(describe(&AvgPool(2), &[2, 6, 4, 5]), &[2, 3, 2, 5], &[]);
}

#[test]
fn stacks_scope_their_layers() {
    let block = |out| Residual::new(Sequential::new().then("conv", Conv::new(out, 1).no_bias()));
    let stack = Sequential::new().then("0", block(3)).then("1", block(5)).then("head", Sequential::new());
    let (shape, params) = describe(&stack, &[2, 4, 4, 3]);
    assert_eq!(shape, [2, 4, 4, 5]);
    let names = [
        "layer.0.conv.weight [1, 1, 3, 3]",
        "layer.1.conv.weight [1, 1, 3, 5]",
        "layer.1.shortcut.weight [1, 1, 3, 5]",
        "layer.1.shortcut.bias [5]",
    ];
    assert_eq!(params, names);
}

/// Batch norm's state is no parameter, and one layer used twice is one set of parameters.
#[test]
fn states_and_shared_weights() {
    let (g, _) = build(&BatchNorm::default(), &[2, 3, 3, 4], Mode::Train).unwrap();
    let layout = g.layout();
    assert_eq!(layout.states, [("layer.running".to_string(), TensorType::f32([2, 4]))]);
    assert_eq!(layout.params.len(), 2);

    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([2, 4])).unwrap();
    let layer = Linear::new(4);
    let once = g.scoped("fc", |g| layer.forward(g, x, Mode::Train)).unwrap();
    g.scoped("fc", |g| layer.forward(g, once, Mode::Train)).unwrap();
    assert_eq!(g.params().len(), 2);
    let refused = g.scoped("fc", |g| Linear::new(5).forward(g, x, Mode::Train));
    assert!(matches!(&refused, Err(Error::Name(m)) if m.contains("fc.weight")), "{refused:?}");
}

#[test]
fn errors_name_the_layer() {
    let stack = Sequential::new().then("encoder", Sequential::new().then("conv1", Conv::new(4, 5)));
    match build(&stack, &[2, 3, 3, 4], Mode::Train) {
        Err(Error::Shape { op, scope, .. }) => {
            assert_eq!((op.as_str(), scope.as_str()), ("conv2d", "layer.encoder.conv1"))
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
    assert!(build(&Linear::new(3), &[2, 3, 4, 5], Mode::Train).is_err(), "a linear layer over images");
    assert!(build(&GroupNorm::new(3), &[2, 3, 3, 4], Mode::Train).is_err(), "4 channels in 3 groups");
    assert!(build(&Unflatten::image(3, 4, 5), &[2, 61], Mode::Train).is_err(), "61 numbers as 60");
}

/// Draws `layer`'s `weight` many times over; mean and variance within five standard errors of the distribution's: for n
/// draws of variance σ² and kurtosis κ these are σ/√n and σ²·√((κ − 1)/n).
fn starts(layer: &impl Module, input: &[usize], name: &str, variance: f64, kurtosis: f64) {
    let (g, _) = build(layer, input, Mode::Train).unwrap();
    let store = Store::new(&Device::Cpu, &[&g]).unwrap();
    let mut drawn: Vec<f64> = vec![];
    for seed in 0..20 {
        store.init(&g, seed).unwrap();
        drawn.extend(store.read(name).unwrap().as_f32().iter().map(|&x| f64::from(x)));
    }
    let n = drawn.len() as f64;
    let mean = drawn.iter().sum::<f64>() / n;
    let second = drawn.iter().map(|x| x * x).sum::<f64>() / n;
    assert!(mean.abs() < 5.0 * (variance / n).sqrt(), "{layer:?}: {name} has mean {mean} over {n}");
    let error = 5.0 * variance * ((kurtosis - 1.0) / n).sqrt();
    assert!((second - variance).abs() < error, "{layer:?}: {name} has variance {second}, not {variance} ± {error}");
}

const UNIFORM: f64 = 1.8; // the kurtosis of a uniform distribution, whose variance is a third of the squared bound
const NORMAL: f64 = 3.0;

#[test]
fn initial_weights_have_their_distribution() {
    let linear = Linear::new(64);
    starts(&linear, &[2, 50], "layer.weight", 1.0 / (3.0 * 50.0), UNIFORM);
    starts(&linear, &[2, 50], "layer.bias", 1.0 / (3.0 * 50.0), UNIFORM);
    starts(&linear.clone().start(Start::Kaiming), &[2, 50], "layer.weight", 2.0 / 50.0, NORMAL);
    starts(&linear.start(Start::Xavier), &[2, 50], "layer.weight", 6.0 / (50.0 + 64.0) / 3.0, UNIFORM);
    let fan = 3.0 * 3.0 * 8.0;
    starts(&Conv::new(16, 3), &[1, 5, 5, 8], "layer.weight", 1.0 / (3.0 * fan), UNIFORM);
    starts(&Conv::new(16, 3).start(Start::Kaiming), &[1, 5, 5, 8], "layer.weight", 2.0 / fan, NORMAL);
    // Each output pixel of a 4×4 filter with stride 2 sums 2×2 taps.
    let up = ConvTranspose::new(16, 4).stride(2).pad(1).start(Start::Kaiming);
    starts(&up, &[1, 5, 5, 8], "layer.weight", 2.0 / (4.0 * 8.0), NORMAL);
}

#[test]
fn constant_starts_and_independent_streams() {
    let (g, _) = build(&BatchNorm::default(), &[2, 3, 3, 4], Mode::Train).unwrap();
    let store = Store::new(&Device::Cpu, &[&g]).unwrap();
    store.init(&g, 0).unwrap();
    assert_eq!(store.read("layer.weight").unwrap().as_f32(), [1.0; 4]);
    assert_eq!(store.read("layer.bias").unwrap().as_f32(), [0.0; 4]);
    assert_eq!(store.read("layer.running").unwrap().as_f32(), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);

    // A layer's start depends on its name and the seed, not on what stands before it.
    let weight = |stack: Sequential, seed| {
        let (g, _) = build(&stack, &[2, 7], Mode::Train).unwrap();
        let store = Store::new(&Device::Cpu, &[&g]).unwrap();
        store.init(&g, seed).unwrap();
        store.read("layer.b.weight").unwrap()
    };
    let alone = weight(Sequential::new().then("b", Linear::new(7)), 1);
    let behind = weight(Sequential::new().then("a", Linear::new(7)).then("b", Linear::new(7)), 1);
    assert_eq!(alone, behind);
    assert_ne!(alone, weight(Sequential::new().then("b", Linear::new(7)), 2));
}

/// Three batches, then evaluation: the running statistics by hand in f64, and the output they give.
#[test]
fn running_statistics_follow_the_batches() {
    const CHANNELS: usize = 3;
    let shape = [4, 2, 5, CHANNELS];
    let count = 4 * 2 * 5;
    let layer = BatchNorm { eps: 1e-5, momentum: 0.25 };
    let (train, y) = build(&layer, &shape, Mode::Train).unwrap();
    let (eval, z) = build(&layer, &shape, Mode::Eval).unwrap();
    assert_eq!(eval.layout().states.len(), 1);
    let store = Store::new(&Device::Cpu, &[&train, &eval]).unwrap();
    store.init(&train, 0).unwrap();
    let mut exe = Executable::compile(&Device::Cpu, &store, &train, &[y]).unwrap();
    let (mut mean, mut variance) = ([0.0; CHANNELS], [1.0; CHANNELS]);
    for seed in 0..3 {
        let x = Gen::Uniform(shape.into(), -1.0, 3.0).draw(seed).unwrap();
        exe.write("x", &x).unwrap();
        exe.run().unwrap();
        for c in 0..CHANNELS {
            let of_c: Vec<f64> = x.as_f32().iter().skip(c).step_by(CHANNELS).map(|&x| x.into()).collect();
            let m = of_c.iter().sum::<f64>() / count as f64;
            let v = of_c.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / (count - 1) as f64;
            mean[c] += 0.25 * (m - mean[c]);
            variance[c] += 0.25 * (v - variance[c]);
        }
    }
    let running = store.read("layer.running").unwrap();
    for c in 0..CHANNELS {
        // Some 40 additions in f32, each to 6e-8 of values up to 3.
        let found = (f64::from(running.as_f32()[c]), f64::from(running.as_f32()[CHANNELS + c]));
        assert!((found.0 - mean[c]).abs() < 1e-5 && (found.1 - variance[c]).abs() < 1e-5, "{found:?}");
    }

    let x: Array = Gen::normal(shape).draw(9).unwrap();
    let mut exe = Executable::compile(&Device::Cpu, &store, &eval, &[z]).unwrap();
    exe.write("x", &x).unwrap();
    exe.run().unwrap();
    assert_eq!(store.read("layer.running").unwrap(), running, "evaluation moved the running statistics");
    let out = exe.read(z).unwrap();
    for (i, (&x, &z)) in x.as_f32().iter().zip(out.as_f32()).enumerate() {
        let c = i % CHANNELS;
        let expected = (f64::from(x) - mean[c]) / (variance[c] + 1e-5).sqrt();
        assert!((f64::from(z) - expected).abs() < 1e-4, "element {i}: {z}, not {expected}");
    }
}

/// No layer hides state that training would not see: in evaluation the graph updates nothing.
#[test]
fn evaluation_updates_nothing() {
    let (g, _) = build(&BatchNorm::default(), &[2, 3, 3, 4], Mode::Eval).unwrap();
    let updates = g.nodes().iter().filter(|n| matches!(&n.def, Def::Apply(op) if op.updates() > 0)).count();
    assert_eq!(updates, 0);
}

/// A unit that swallows NaN hides where training went wrong. WGSL promises nothing about NaN, so on hardware this is what
/// drivers do in practice.
#[test]
fn activations_and_limits_pass_nan_on() {
    use Activation::{Elu, Gelu, LeakyRelu, Relu, Sigmoid, Silu, Softplus, Tanh};
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let mut g = Graph::new();
        let x = g.input("x", TensorType::f32([2, 64])).unwrap();
        let mut roots = vec![];
        for act in [Relu, LeakyRelu(0.1), Elu, Silu, Gelu, Tanh, Sigmoid, Softplus] {
            roots.push((format!("{act:?}"), act.forward(&mut g, x, Mode::Train).unwrap()));
        }
        roots.push(("clamp".into(), g.clamp(x, -12.0, 6.0).unwrap()));
        roots.push(("exp".into(), g.exp(x).unwrap()));
        let values: Vec<Value> = roots.iter().map(|r| r.1).collect();
        let store = Store::new(&device, &[&g]).unwrap();
        let mut exe = Executable::compile(&device, &store, &g, &values).unwrap();
        let input: Vec<f32> = (0..128).map(|i| if i == 71 { f32::NAN } else { i as f32 / 64.0 - 1.0 }).collect();
        exe.write("x", &Array::f32([2, 64], input).unwrap()).unwrap();
        exe.run().unwrap();
        for (name, value) in &roots {
            let out = exe.read(*value).unwrap();
            let nans: Vec<usize> = (0..128).filter(|&i| out.as_f32()[i].is_nan()).collect();
            assert_eq!(nans, [71], "{device}: {name}");
        }
    }
}
