//! Column sums that a matrix product's kernel computes along: every variant, on shapes at and off the edges of its tiles,
//! against the f64 reference.

mod common;

use std::mem::offset_of;
use wavae::cpu::{Interpreter, Memory};
use wavae::gpu::{GpuExecutable, GpuStore};
use wavae::graph::{Graph, Value};
use wavae::lower::{Options, lower};
use wavae::ops::SpareParams;
use wavae::testing::Gen;
use wavae::{Array, TensorType};

/// xᵀ·dy and the column sums of dy, the gradients of a linear layer.
fn linear(batch: usize, inputs: usize, outputs: usize) -> (Graph, [Value; 2]) {
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([batch, inputs])).unwrap();
    let dy = g.input("dy", TensorType::f32([batch, outputs])).unwrap();
    let weight = g.matmul_t(x, dy, true, false).unwrap();
    let bias = g.sum(dy, &[0]).unwrap();
    (g, [weight, bias])
}

#[test]
fn every_variant_sums_the_columns() {
    let gpu = common::gpu();
    let mut seen = vec![];
    for [batch, inputs, outputs] in
        [[1, 1, 1], [5, 7, 1], [3, 1, 4], [7, 65, 63], [64, 33, 20], [128, 20, 65], [17, 129, 257], [1024, 4, 8]]
    {
        let (g, roots) = linear(batch, inputs, outputs);
        let data = [Gen::normal([batch, inputs]).draw(1).unwrap(), Gen::normal([batch, outputs]).draw(2).unwrap()];
        let exact = reference(&g, roots, &data);
        for index in 0.. {
            let more = std::cell::Cell::new(false);
            let choose =
                |_: &std::sync::Arc<dyn wavae::ops::Op>, _: &[TensorType], variants: &[wavae::ops::Lowering]| {
                    more.set(more.get() || index + 1 < variants.len());
                    index
                };
            let options = Options { pad: 256, choose: &choose, ..Options::new(gpu.caps()) };
            let program = lower(&g, &roots, &g.layout(), &options).unwrap().program;
            let sums = program.dispatches.iter().filter(|d| d.label.starts_with("sum")).count();
            let outputs_at = program.outputs.clone();
            seen.push((program.dispatches[0].label.clone(), sums));
            let store = GpuStore::new(&gpu, &g.layout());
            let mut exe = GpuExecutable::compile(&gpu, &store, program).unwrap();
            exe.poison().unwrap();
            (0..2).for_each(|k| exe.write_input(k, data[k].bytes()).unwrap());
            exe.run().unwrap();
            for (k, output) in outputs_at.iter().enumerate() {
                let got: Vec<f32> = bytemuck::pod_collect_to_vec(&exe.read(&output.place).unwrap());
                for (i, (exact, bound)) in exact[k].iter().enumerate() {
                    let wrong = (f64::from(got[i]) - exact).abs();
                    assert!(wrong <= *bound, "{:?}, result {k}[{i}]: {} not {exact}", seen.last(), got[i]);
                }
            }
            if !more.get() {
                break;
            }
        }
    }
    let along = seen.iter().filter(|(_, sums)| *sums == 0).count();
    assert!(2 * along > seen.len(), "most variants take the sums along: {seen:?}");
}

#[test]
fn rust_and_wgsl_agree_on_the_parameters() {
    let (gpu, (g, roots)) = (common::gpu(), linear(64, 32, 32));
    let program = lower(&g, &roots, &g.layout(), &Options::new(gpu.caps())).unwrap().program;
    let fields = program.dispatches[0].shader.uniform_fields(3);
    let found: Vec<_> = fields.iter().map(|f| (f.name.as_str(), f.offset as usize)).collect();
    let expected = [
        ("first", offset_of!(SpareParams, first)),
        ("lanes", offset_of!(SpareParams, lanes)),
        ("rows", offset_of!(SpareParams, rows)),
        ("columns", offset_of!(SpareParams, columns)),
    ];
    assert_eq!(found, expected);
}

/// Results with the bounds of their errors: depth · ε · Σ|aᵢbᵢ|.
fn reference(g: &Graph, roots: [Value; 2], data: &[Array; 2]) -> [Vec<(f64, f64)>; 2] {
    let run = |data: [Array; 2]| {
        let mut interpreter = Interpreter::<f64>::new(g, &roots, &g.layout()).unwrap();
        let mut memory = Memory::<f64>::new(&g.layout());
        interpreter.write("x", &data[0]).unwrap();
        interpreter.write("dy", &data[1]).unwrap();
        interpreter.run(&mut memory).unwrap();
        roots.map(|root| interpreter.read_real(root, &memory).to_vec())
    };
    let magnitude = |a: &Array| Array::f32(a.shape.clone(), a.as_f32().iter().map(|x| x.abs()).collect()).unwrap();
    let depth = data[0].shape.dims()[0] as f64;
    let sums = run([magnitude(&data[0]), magnitude(&data[1])]);
    let exact = run([data[0].clone(), data[1].clone()]);
    let bound = |sum: &f64| depth * 2f64.powi(-24) * sum;
    [0, 1].map(|k| exact[k].iter().zip(&sums[k]).map(|(&x, s)| (x, bound(s))).collect())
}

/// Where the product cannot take them, the sums keep a dispatch: a column sum of something else, or of a deep matrix.
#[test]
fn other_sums_stay() {
    let gpu = common::gpu();
    let count = |g: &Graph, roots: &[Value]| {
        lower(g, roots, &g.layout(), &Options::new(gpu.caps())).unwrap().program.dispatches.len()
    };
    let (mut g, [weight, _]) = linear(8, 9, 10);
    let x = g.find("x").unwrap();
    let of_x = g.sum(x, &[0]).unwrap();
    assert_eq!(count(&g, &[weight, of_x]), 2);
    let (g, roots) = linear(1 << 16, 3, 4);
    assert!(count(&g, &roots) > 1);
}
