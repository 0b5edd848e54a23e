//! Noise ops: known answers of Random123 on the device, moments, independence of streams and steps.

mod common;

use wavae::cpu::{Interpreter, Memory};
use wavae::gpu::{GpuExecutable, GpuStore};
use wavae::graph::{Graph, Value};
use wavae::lower::{Options, lower};
use wavae::ops::noise::Kind;
use wavae::{Array, TensorType};

/// The draws of a graph on the CPU.
fn run(g: &Graph, roots: &[Value], state: [u32; 4]) -> Vec<Vec<f32>> {
    let layout = g.layout();
    let mut memory = Memory::<f32>::new(&layout);
    let mut interpreter = Interpreter::new(g, roots, &layout).unwrap();
    interpreter.write("state", &Array::u32([4], state.to_vec()).unwrap()).unwrap();
    interpreter.run(&mut memory).unwrap();
    roots.iter().map(|&v| interpreter.read_real(v, &memory).to_vec()).collect()
}

fn graph() -> (Graph, Value) {
    let mut g = Graph::new();
    let state = g.input("state", TensorType::u32([4])).unwrap();
    (g, state)
}

/// Counter and key zero: the first line of Random123's `kat_vectors`, as 24-bit uniforms, on the device.
#[test]
fn known_answer_on_the_device() {
    let (mut g, state) = graph();
    let u = g.uniform(state, [4]).unwrap();
    let gpu = common::gpu();
    let lowered = lower(&g, &[u], &g.layout(), &Options::new(gpu.caps())).unwrap();
    let place = lowered.program.outputs[0].place.clone();
    let store = GpuStore::new(&gpu, &g.layout());
    let mut exe = GpuExecutable::compile(&gpu, &store, lowered.program).unwrap();
    exe.write_input(0, bytemuck::cast_slice(&[0u32; 4])).unwrap();
    exe.run().unwrap();
    let words: Vec<u32> = bytemuck::pod_collect_to_vec::<u8, f32>(&exe.read(&place).unwrap())
        .into_iter()
        .map(|u| (u * 16_777_216.0) as u32)
        .collect();
    assert_eq!(words[..4], [0x6627e8, 0xe169c5, 0xbc57ac, 0x9b00db]);
}

/// Sample moments lie within five standard errors of the distribution's.
#[test]
fn moments() {
    let n = 100_000;
    // Mean, variance, and the variances of the sample mean and of the sample second moment about the mean, times n.
    let list = [
        (Kind::Normal, 0.0, 1.0, 1.0, 2.0),
        (Kind::Uniform, 0.5, 1.0 / 12.0, 1.0 / 12.0, 1.0 / 80.0 - 1.0 / 144.0),
        (Kind::Bernoulli(0.3), 0.3, 0.21, 0.21, 0.21 * (1.0 - 4.0 * 0.21)),
    ];
    for (kind, mean, variance, mean_spread, variance_spread) in list {
        let (mut g, state) = graph();
        let x = g.noise(kind, state, [n]).unwrap();
        let x = run(&g, &[x], [7, 0, 41, 0]).remove(0);
        let moment = |f: &dyn Fn(f64) -> f64| x.iter().map(|&x| f(x.into())).sum::<f64>() / n as f64;
        let bound = |spread: f64| 5.0 * (spread / n as f64).sqrt();
        let (m, v) = (moment(&|x| x), moment(&|x| (x - mean) * (x - mean)));
        assert!((m - mean).abs() < bound(mean_spread), "{kind:?}: mean {m}");
        assert!((v - variance).abs() < bound(variance_spread), "{kind:?}: variance {v}");
        if kind == Kind::Normal {
            // Third and fourth moments of a normal: 0 and 3, whose estimates vary by 15/n and (105 − 9)/n.
            let (m3, m4) = (moment(&|x| x.powi(3)), moment(&|x| x.powi(4)));
            assert!(m3.abs() < bound(15.0) && (m4 - 3.0).abs() < bound(96.0), "moments {m3}, {m4}");
        }
        // Neighbours do not correlate: the product of two centred neighbours varies by variance².
        let lag: f64 =
            x.windows(2).map(|w| (f64::from(w[0]) - mean) * (f64::from(w[1]) - mean)).sum::<f64>() / n as f64;
        assert!(lag.abs() < bound(variance * variance), "{kind:?}: neighbours correlate by {lag}");
    }
}

/// Two draws of one graph, two steps and two seeds differ; the same state repeats.
#[test]
fn streams_steps_and_seeds_differ() {
    let (mut g, state) = graph();
    let (a, b) = (g.normal(state, [1000]).unwrap(), g.normal(state, [1000]).unwrap());
    assert_ne!(a, b);
    let base = run(&g, &[a, b], [1, 2, 3, 4]);
    assert_eq!(base, run(&g, &[a, b], [1, 2, 3, 4]));
    let mut seen = vec![base[0].clone(), base[1].clone()];
    for state in [[2, 2, 3, 4], [1, 3, 3, 4], [1, 2, 4, 4], [1, 2, 3, 5]] {
        seen.push(run(&g, &[a], state).remove(0));
    }
    for (i, x) in seen.iter().enumerate() {
        for y in &seen[..i] {
            // Correlation of 1000 independent pairs: standard error 1/√1000.
            let dot = x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>() / 1000.0;
            assert!(dot.abs() < 5.0 / 1000f32.sqrt(), "draws correlate by {dot}");
        }
    }
}
