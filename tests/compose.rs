//! Functions composed of ops: logsumexp by its definition, its gradient (a softmax), and where the plain form overflows.

mod common;

use wavae::graph::Graph;
use wavae::testing::Gen;
use wavae::{Array, Device, Executable, Result, Store, TensorType};

const SHAPE: [usize; 3] = [5, 7, 63];

/// logsumexp over the last axis and the gradient of its inner product with `w`, on `device`.
fn logsumexp(device: &Device, x: &Array, w: &Array) -> Result<(Vec<f32>, Vec<f32>)> {
    let mut g = Graph::new();
    let xs = g.input("x", TensorType::f32(SHAPE))?;
    let ws = g.input("w", TensorType::f32([5, 7]))?;
    let y = g.logsumexp(xs, &[2])?;
    let dx = g.pullback(y, ws, &[xs])?[0];
    let store = Store::new(device, &[&g])?;
    let mut exe = Executable::compile(device, &store, &g, &[y, dx])?;
    exe.write("x", x)?;
    exe.write("w", w)?;
    exe.run()?;
    Ok((exe.read(y)?.as_f32().to_vec(), exe.read(dx)?.as_f32().to_vec()))
}

#[test]
fn logsumexp_and_its_gradient() -> Result<()> {
    let w = Gen::normal([5, 7]).draw(2)?;
    for (scale, device) in [1.0, 300.0].into_iter().flat_map(|s| [(s, Device::Cpu), (s, Device::Gpu(common::gpu()))]) {
        let x = Gen::Normal(SHAPE.into(), scale).draw(1)?;
        let (y, dx) = logsumexp(&device, &x, &w)?;
        for (row, (x, dx)) in x.as_f32().chunks(63).zip(dx.chunks(63)).enumerate() {
            let top = x.iter().fold(f64::MIN, |m, &x| m.max(x.into()));
            let sum: f64 = x.iter().map(|&x| (f64::from(x) - top).exp()).sum();
            let exact = top + sum.ln();
            // A rounding of the result, and the elementary functions' own error on numbers of size ln 63.
            let bound = 1.2e-7 * exact.abs() + 2e-5;
            assert!((f64::from(y[row]) - exact).abs() <= bound, "{device}: row {row} is {} not {exact}", y[row]);
            let cotangent = f64::from(w.as_f32()[row]);
            for (&x, &dx) in x.iter().zip(dx) {
                let softmax = (f64::from(x) - exact).exp();
                // x - top is rounded to its own size, up to 1e3 here; a softmax is at most 1.
                let bound = cotangent.abs() * (softmax * (f64::from(scale) * 4e-6 + 2e-5) + 1e-7);
                assert!(
                    (f64::from(dx) - cotangent * softmax).abs() <= bound,
                    "{device}: {dx} not {}",
                    cotangent * softmax
                );
            }
        }
    }
    Ok(())
}
