//! Optimizers through a whole graph: gradients stored in the arena, their norm, the update; against PyTorch's formulas.

use wavae::cpu::{Buffer, Interpreter, Memory};
use wavae::graph::{Arena, Graph, Init, StoreLayout, Value};
use wavae::ops::optimizer::{Adam, Sgd};
use wavae::{Array, Result, TensorType};

const GRADS: [[f32; 2]; 3] = [[0.5, -0.25], [-0.1, 3.0], [2.0, 0.01]];

/// Two parameters of one element each, in the order (1, −2), updated with the given gradients; returns the parameters
/// and norms after each step.
fn train(
    grads: &[[f32; 2]],
    append: impl Fn(&mut Graph, &StoreLayout, Value) -> Result<Value>,
    hyper: impl Fn(u64) -> [f32; 4],
) -> Vec<([f64; 2], f64)> {
    let mut g = Graph::new();
    for name in ["a", "b"] {
        let param = g.param(name, [1], Init::Constant(0.0)).unwrap();
        let grad = g.input(&format!("{name}.dx"), TensorType::f32([1])).unwrap();
        g.store_grad(param, grad).unwrap();
    }
    let numbers = g.input("hyper", TensorType::f32([4])).unwrap();
    let layout = g.layout();
    let squares = append(&mut g, &layout, numbers).unwrap();
    let mut memory = Memory::<f64>::new(&layout);
    let offsets = [layout.params[0].offset, layout.params[1].offset];
    let weights = memory.arenas.get_mut(&(Arena::Params, 0)).unwrap().real_mut();
    (weights[offsets[0]], weights[offsets[1]]) = (1.0, -2.0);
    let mut interpreter = Interpreter::<f64>::new(&g, &[squares], &layout).unwrap();
    let mut trace = vec![];
    for (t, grad) in grads.iter().enumerate() {
        interpreter.write_real("a.dx", &[grad[0].into()]).unwrap();
        interpreter.write_real("b.dx", &[grad[1].into()]).unwrap();
        interpreter.write("hyper", &Array::f32([4], hyper(t as u64 + 1).to_vec()).unwrap()).unwrap();
        interpreter.run(&mut memory).unwrap();
        let weights = memory.arenas[&(Arena::Params, 0)].real();
        let padding: f64 = weights.iter().map(|x| x.abs()).sum();
        let pair = offsets.map(|at| weights[at]);
        assert_eq!(padding, pair[0].abs() + pair[1].abs(), "the padding between parameters stays zero");
        trace.push((pair, interpreter.read_real(squares, &memory).iter().sum::<f64>().sqrt()));
    }
    trace
}

/// The attributes and hyper numbers are f32, so each of them is off by up to 6e-8 of itself.
fn near(trace: &[([f64; 2], f64)], expected: &[[f64; 2]]) {
    for (t, (got, expected)) in trace.iter().zip(expected).enumerate() {
        for k in 0..2 {
            assert!((got.0[k] - expected[k]).abs() < 1e-6, "step {}: {:?}, not {expected:?}", t + 1, got.0);
        }
    }
    assert_eq!(trace.len(), expected.len());
}

/// Three steps of torch.optim.AdamW (lr 0.1, betas (0.9, 0.999), eps 1e-8), worked out by hand from its documented formula.
#[test]
fn adam_is_pytorchs() {
    let expected = [
        [0.900000002, -1.900000004],
        [0.8488973956993239, -1.968595131758021],
        [0.7772424237172317, -2.0218313794958225],
    ];
    let adam = Adam::default();
    near(&train(&GRADS, |g, layout, h| g.adam(adam, layout, 0, h), |t| adam.hyper(0.1, t, 0.0)), &expected);
    let expected = [
        [0.890000002, -1.880000004],
        [0.8299973956793238, -1.9297951317180213],
        [0.7500424497404384, -1.9637334281386427],
    ];
    let adam = Adam { weight_decay: 0.1, ..adam };
    near(&train(&GRADS, |g, layout, h| g.adam(adam, layout, 0, h), |t| adam.hyper(0.1, t, 0.0)), &expected);
}

/// Three steps of torch.optim.SGD (lr 0.1, momentum 0.9, weight decay 0.1), with and without Nesterov's look ahead.
#[test]
fn sgd_is_pytorchs() {
    let list = [(false, [0.629674, -2.3899555]), (true, [0.400797646, -2.5624402345])];
    for (nesterov, expected) in list {
        let sgd = Sgd { momentum: 0.9, nesterov, weight_decay: 0.1 };
        let trace = train(&GRADS, |g, layout, h| g.sgd(sgd, layout, 0, h), |_| Sgd::hyper(0.1, 0.0));
        near(&trace[2..], &[expected]);
    }
}

/// The norm is that of all gradients together, before clipping; plain descent then moves by rate · gradient · c / norm.
#[test]
fn gradients_are_clipped_by_their_common_norm() {
    let sgd = Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 };
    let trace = train(&[[3.0, 4.0], [0.3, 0.4]], |g, layout, h| g.sgd(sgd, layout, 0, h), |_| Sgd::hyper(0.5, 1.0));
    assert!((trace[0].1 - 5.0).abs() < 1e-12 && (trace[1].1 - 0.5).abs() < 1e-6, "{trace:?}");
    near(&trace, &[[1.0 - 0.5 * 0.6, -2.0 - 0.5 * 0.8], [0.7 - 0.15, -2.4 - 0.2]]);
}

/// A step with a gradient that is not finite changes nothing: not the weights, not the moments.
#[test]
fn a_bad_step_is_left_out() {
    let adam = Adam { weight_decay: 0.1, ..Adam::default() };
    let run = |grads: &[[f32; 2]]| train(grads, |g, layout, h| g.adam(adam, layout, 0, h), |_| adam.hyper(0.1, 2, 1.0));
    let clean = run(&[GRADS[0], GRADS[1]]);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let trace = run(&[GRADS[0], [bad, 1.0], GRADS[1]]);
        assert_eq!(trace[1].0, clean[0].0);
        assert_eq!(trace[2], clean[1]);
        assert!(!trace[1].1.is_finite());
    }
}

/// Two groups: each has its rate, is clipped by its own norm, and is left out alone where that is not finite.
#[test]
fn groups_are_updated_apart() {
    let mut g = Graph::new();
    for name in ["critic.a", "critics", "model.b"] {
        let param = g.param(name, [1], Init::Constant(0.0)).unwrap();
        let grad = g.input(&format!("{name}.dx"), TensorType::f32([1])).unwrap();
        g.store_grad(param, grad).unwrap();
    }
    g.set_groups(vec!["critic".into()]).unwrap();
    let layout = g.layout();
    let group = |name: &str| layout.shards[layout.param(name).unwrap().shard].group;
    assert_eq!(["critic.a", "critics", "model.b"].map(group), [1, 0, 0], "a scope is no prefix of a word");
    let sgd = Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 };
    let squares = [0, 1].map(|group| {
        let hyper = g.input(&format!("hyper {group}"), TensorType::f32([4])).unwrap();
        g.sgd(sgd, &layout, group, hyper).unwrap()
    });
    let mut memory = Memory::<f64>::new(&layout);
    let mut interpreter = Interpreter::<f64>::new(&g, &squares, &layout).unwrap();
    for (group, rate) in [(0, 0.5), (1, 0.25)] {
        let hyper = Array::f32([4], Sgd::hyper(rate, 1.0).to_vec()).unwrap();
        interpreter.write(&format!("hyper {group}"), &hyper).unwrap();
    }
    let mut step = |grads: [f64; 3]| {
        for (name, grad) in ["critic.a", "critics", "model.b"].into_iter().zip(grads) {
            interpreter.write_real(&format!("{name}.dx"), &[grad]).unwrap();
        }
        interpreter.run(&mut memory).unwrap();
        let weights = ["critic.a", "critics", "model.b"].map(|name| {
            let at = layout.param(name).unwrap();
            memory.arenas[&(Arena::Params, at.shard)].real()[at.offset]
        });
        (weights, squares.map(|v| interpreter.read_real(v, &memory).iter().sum::<f64>()))
    };
    // Norms 5 and 10, both clipped to 1.
    let (weights, sums) = step([10.0, 3.0, 4.0]);
    assert_eq!(sums, [25.0, 100.0]);
    let close = |got: [f64; 3], want: [f64; 3]| got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(close(weights, [-0.25, -0.3, -0.4]), "{weights:?}");
    let (weights, sums) = step([f64::NAN, 0.6, 0.8]);
    assert!(sums[0].is_finite() && !sums[1].is_finite(), "{sums:?}");
    assert!(close(weights, [-0.25, -0.6, -0.8]), "only the other group moves: {weights:?}");
}

#[test]
fn a_group_without_parameters_is_refused() {
    let mut g = Graph::new();
    g.param("encoder.weight", [2], Init::Constant(0.0)).unwrap();
    g.param("decoder.weight", [2], Init::Constant(0.0)).unwrap();
    for scopes in [&["critic"][..], &["decoder", "decoder.weight"]] {
        let scopes: Vec<String> = scopes.iter().map(|scope| scope.to_string()).collect();
        let message = g.set_groups(scopes.clone()).unwrap_err().to_string();
        assert!(message.contains(scopes.last().unwrap()) && message.contains("decoder, encoder"), "{message}");
    }
}

/// Bias corrections are worked out in f64: late in training 1 − βᵗ is 1, early it has all its digits.
#[test]
fn hyper_numbers() {
    let adam = Adam { beta1: 0.5, beta2: 0.75, ..Adam::default() };
    assert_eq!(adam.hyper(0.25, 1, 2.0), [0.25, 0.5, 0.25, 2.0]);
    assert_eq!(adam.hyper(0.25, 3, 0.0), [0.25, 0.875, 0.578125, 0.0]);
    assert_eq!(adam.hyper(0.25, 1 << 40, 0.0)[1..3], [1.0, 1.0]);
}

#[test]
fn no_parameters_is_an_error() {
    let mut g = Graph::new();
    let message = g.global_norm(&[]).unwrap_err().to_string();
    assert!(message.contains("no parameters"), "{message}");
}

/// A state follows its batch values.
#[test]
fn moving_average() {
    let mut g = Graph::new();
    let batch = g.input("batch", TensorType::f32([2])).unwrap();
    let state = g.state("running", TensorType::f32([2]), Init::Constant(0.0)).unwrap();
    g.ema(state, batch, 0.25).unwrap();
    let layout = g.layout();
    let mut memory = Memory::<f64>::new(&layout);
    memory.states.insert("running".into(), Buffer::Real(vec![0.0, 8.0]));
    let mut interpreter = Interpreter::<f64>::new(&g, &[], &layout).unwrap();
    for _ in 0..2 {
        interpreter.write_real("batch", &[4.0, 4.0]).unwrap();
        interpreter.run(&mut memory).unwrap();
    }
    assert_eq!(memory.states["running"].real(), [1.75, 6.25]);
}
