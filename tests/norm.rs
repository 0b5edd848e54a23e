//! Normalization as a whole: gradients through the statistics, running statistics, and a layer on a device.

mod common;

use wavae::cpu::{Interpreter, Memory};
use wavae::gpu::{GpuExecutable, GpuStore};
use wavae::graph::{Graph, Value};
use wavae::lower::{Options, lower};
use wavae::testing::{Gen, compare};
use wavae::{Array, Result, TensorType};

const EPS: f32 = 1e-3;

/// A graph of x, gamma, beta and a cotangent, with the result and its gradients.
struct Layer {
    g: Graph,
    inputs: Vec<(&'static str, TensorType)>,
    y: Value,
    grads: Vec<Value>,
}

fn layer(shape: &[usize], build: impl Fn(&mut Graph, &[Value]) -> Result<Value>) -> Layer {
    let channels = shape[shape.len() - 1];
    let f = |dims: &[usize]| TensorType::f32(dims);
    let inputs = vec![("x", f(shape)), ("gamma", f(&[channels])), ("beta", f(&[channels])), ("dy", f(shape))];
    let mut g = Graph::new();
    let values: Vec<Value> = inputs.iter().map(|(name, ty)| g.input(name, ty.clone()).unwrap()).collect();
    let y = build(&mut g, &values[..3]).unwrap();
    let grads = g.pullback(y, values[3], &values[..3]).unwrap();
    Layer { g, inputs, y, grads }
}

fn draw(layer: &Layer) -> Vec<Array> {
    let each = |(k, (_, ty)): (usize, &(&str, TensorType))| Gen::Normal(ty.shape.clone(), 1.3).draw(k as u64).unwrap();
    layer.inputs.iter().enumerate().map(each).collect()
}

/// ⟨w, J v⟩ by fourth-order central differences against ⟨Jᵀ w, v⟩ from the rule, in f64, for each of x, gamma and beta.
fn check(layer: &Layer) {
    let layout = layer.g.layout();
    let mut memory = Memory::<f64>::new(&layout);
    let roots: Vec<Value> = layer.grads.iter().copied().chain([layer.y]).collect();
    let mut run = Interpreter::<f64>::new(&layer.g, &roots, &layout).unwrap();
    let wide = |array: &Array| array.as_f32().iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    let start: Vec<Vec<f64>> = draw(layer).iter().map(wide).collect();
    for ((name, _), values) in layer.inputs.iter().zip(&start) {
        run.write_real(name, values).unwrap();
    }
    run.run(&mut memory).unwrap();
    let grads: Vec<Vec<f64>> = layer.grads.iter().map(|&v| run.read_real(v, &memory).to_vec()).collect();
    for k in 0..3 {
        let (name, ty) = &layer.inputs[k];
        let v = wide(&Gen::Normal(ty.shape.clone(), 1.0).draw(50 + k as u64).unwrap());
        let mut along = |h: f64| -> f64 {
            let moved: Vec<f64> = start[k].iter().zip(&v).map(|(x, v)| x + h * v).collect();
            run.write_real(name, &moved).unwrap();
            run.run(&mut memory).unwrap();
            run.read_real(layer.y, &memory).iter().zip(&start[3]).map(|(y, w)| y * w).sum()
        };
        let h = 1e-3;
        let numeric = (8.0 * (along(h) - along(-h)) - (along(2.0 * h) - along(-2.0 * h))) / (12.0 * h);
        along(0.0);
        let exact: f64 = grads[k].iter().zip(&v).map(|(g, v)| g * v).sum();
        let size: f64 = grads[k].iter().zip(&v).map(|(g, v)| (g * v).abs()).sum();
        // Truncation h⁴ times fifth derivatives of order 10³ here, over rounding ε/h.
        assert!((numeric - exact).abs() <= 1e-7 * size + 1e-9, "{name}: rule {exact}, differences {numeric} of {size}");
    }
}

fn batch(g: &mut Graph, v: &[Value]) -> Result<Value> {
    Ok(g.batch_norm(v[0], v[1], v[2], EPS)?.0)
}
fn group(groups: usize) -> impl Fn(&mut Graph, &[Value]) -> Result<Value> {
    move |g, v| g.group_norm(v[0], groups, v[1], v[2], EPS)
}

#[test]
fn gradients_through_the_statistics() {
    for shape in [&[7, 1][..], &[5, 3], &[2, 3, 5, 6], &[65, 17]] {
        check(&layer(shape, batch));
    }
    for (shape, groups) in [(&[3, 5, 6][..], 2), (&[2, 3, 3, 4], 1), (&[1, 7, 4], 4), (&[5, 8], 2)] {
        check(&layer(shape, group(groups)));
    }
}

/// With given statistics the gradient treats them as constants.
#[test]
fn gradients_with_fixed_statistics() {
    check(&layer(&[2, 3, 5, 4], |g, v| {
        let stats = g.running_stats(4)?;
        let stats = g.affine(stats, 1.0, 1.0)?; // states are zero here: mean 1, variance 1
        g.normalize(v[0], stats, v[1], v[2], EPS)
    }));
}

/// Every output and gradient of a layer with an activation behind it, fused on the device, against the reference in f64.
#[test]
fn layers_on_the_device() {
    let gpu = common::gpu();
    let silu = |build: fn(&mut Graph, &[Value]) -> Result<Value>| {
        move |g: &mut Graph, v: &[Value]| {
            let y = build(g, v)?;
            g.sigmoid(y)
        }
    };
    let grouped: fn(&mut Graph, &[Value]) -> Result<Value> = |g, v| g.group_norm(v[0], 4, v[1], v[2], EPS);
    for layer in [layer(&[3, 9, 9, 12], silu(batch)), layer(&[3, 9, 9, 12], silu(grouped))] {
        let arrays = draw(&layer);
        let roots: Vec<Value> = [layer.y].into_iter().chain(layer.grads.iter().copied()).collect();
        let layout = layer.g.layout();
        let mut memory = Memory::<f64>::new(&layout);
        let mut run = Interpreter::<f64>::new(&layer.g, &roots, &layout).unwrap();
        let program = lower(&layer.g, &roots, &layout, &Options::new(gpu.caps())).unwrap().program;
        let places: Vec<_> = program.outputs.iter().map(|o| (o.place.clone(), o.ty.bytes())).collect();
        let store = GpuStore::new(&gpu, &layout);
        let mut exe = GpuExecutable::compile(&gpu, &store, program).unwrap();
        exe.poison().unwrap();
        for (k, (array, (name, _))) in arrays.iter().zip(&layer.inputs).enumerate() {
            run.write(name, array).unwrap();
            exe.write_input(k, array.bytes()).unwrap();
        }
        run.run(&mut memory).unwrap();
        exe.run().unwrap();
        for (&root, (place, bytes)) in roots.iter().zip(&places) {
            let exact = run.read_real(root, &memory);
            let computed: Vec<f32> = bytemuck::pod_collect_to_vec(&exe.read(place).unwrap()[..*bytes]);
            // Sums of 243 terms of order 1, each rounded.
            compare(&computed, exact, &vec![2e-5; exact.len()]).unwrap();
        }
    }
}

/// Momentum 0.1 and the unbiased variance, as torch.nn.BatchNorm1d documents: after one batch with mean 2 and squared
/// deviations summing to 8 over 3 rows the state is 0.9·(0, 1) + 0.1·(2, 8/2).
#[test]
fn running_statistics() {
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([3, 1])).unwrap();
    let gamma = g.full([1], 1.0).unwrap();
    let beta = g.full([1], 0.0).unwrap();
    let running = g.running_stats(1).unwrap();
    let (y, stats) = g.batch_norm(x, gamma, beta, 0.0).unwrap();
    g.update_running(running, stats, 0.1, 3).unwrap();
    let layout = g.layout();
    let mut memory = Memory::<f64>::new(&layout);
    memory.states.insert("running".into(), wavae::cpu::Buffer::Real(vec![0.0, 1.0]));
    let mut run = Interpreter::<f64>::new(&g, &[y], &layout).unwrap();
    run.write_real("x", &[0.0, 2.0, 4.0]).unwrap();
    run.run(&mut memory).unwrap();
    let state = memory.states["running"].real();
    assert!((state[0] - 0.2).abs() < 1e-8 && (state[1] - 1.3).abs() < 1e-7, "{state:?}");
    let deviation = (8.0f64 / 3.0).sqrt();
    for (y, expected) in run.read_real(y, &memory).iter().zip([-2.0 / deviation, 0.0, 2.0 / deviation]) {
        assert!((y - expected).abs() < 1e-12);
    }
}

/// Statistics by themselves have no gradient, and say so.
#[test]
fn moments_alone_are_refused() {
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([3, 2])).unwrap();
    let ones = g.full([2], 1.0).unwrap();
    let (_, stats) = g.batch_norm(x, ones, ones, EPS).unwrap();
    let loss = g.sum_all(stats).unwrap();
    let message = g.grad(loss, &[x]).unwrap_err().to_string();
    assert!(message.contains("only in batch_norm and group_norm"), "{message}");
}
