//! Gradient rules against central differences, in f64.

use super::{Gen, OpCase};
use crate::cpu::{Interpreter, Memory};
use crate::error::{Error, Result};
use crate::graph::{Graph, StoreLayout, Value};
use crate::tensor::{DType, TensorType};

/// Checks the case's gradient rule for each floating-point input by itself: with a random tangent v and a random
/// cotangent w, ⟨w, J v⟩ by central differences must equal ⟨Jᵀ w, v⟩ from the rule. A plain sum as cotangent would hide
/// errors (it is flat for a softmax); random ones do not.
///
/// # Errors
/// [`Error::Graph`] with both numbers where they differ.
pub fn check_gradient(case: &OpCase) -> Result<()> {
    let mut g = Graph::new();
    let types = case.types();
    let names: Vec<String> = (0..types.len()).map(|k| format!("x{k}")).collect();
    let inputs = names.iter().zip(&types).map(|(n, ty)| g.input(n, ty.clone())).collect::<Result<Vec<_>>>()?;
    let out = g.apply_arc(case.op.clone(), &inputs)?;
    let cotangent = g.input("cotangent", g.ty(out).clone())?;
    let reals: Vec<usize> = (0..types.len()).filter(|&k| types[k].dtype == DType::F32).collect();
    let wrt: Vec<Value> = reals.iter().map(|&k| inputs[k]).collect();
    let grads = g.pullback(out, cotangent, &wrt)?;
    let mut roots = grads.clone();
    roots.push(out);
    let layout = StoreLayout::default();
    let mut memory = Memory::<f64>::new(&layout);
    let mut interpreter = Interpreter::<f64>::new(&g, &roots, &layout)?;
    let arrays = case.draw()?;
    let wide = |ty: &TensorType, seed: u64| -> Result<Vec<f64>> {
        Ok(Gen::Normal(ty.shape.clone(), 1.0).draw(seed)?.as_f32().iter().map(|&x| x.into()).collect())
    };
    let w = wide(g.ty(out), 7)?;
    for (name, array) in names.iter().zip(&arrays) {
        interpreter.write(name, array)?;
    }
    interpreter.write_real("cotangent", &w)?;
    interpreter.run(&mut memory)?;
    let analytic: Vec<Vec<f64>> = grads.iter().map(|&v| interpreter.read_real(v, &memory).to_vec()).collect();
    for (grad, &k) in analytic.iter().zip(&reals) {
        let x: Vec<f64> = arrays[k].as_f32().iter().map(|&x| x.into()).collect();
        let v = wide(&types[k], 100 + k as u64)?;
        let mut along = |h: f64| -> Result<f64> {
            let moved: Vec<f64> = x.iter().zip(&v).map(|(x, v)| x + h * v).collect();
            interpreter.write_real(&names[k], &moved)?;
            interpreter.run(&mut memory)?;
            Ok(interpreter.read_real(out, &memory).iter().zip(&w).map(|(y, w)| y * w).sum())
        };
        // Fourth-order central difference: truncation h⁴, rounding ε/h.
        let h = 1e-4;
        let numeric = (8.0 * (along(h)? - along(-h)?) - (along(2.0 * h)? - along(-2.0 * h)?)) / (12.0 * h);
        along(0.0)?;
        let exact: f64 = grad.iter().zip(&v).map(|(g, v)| g * v).sum();
        let size: f64 = grad.iter().zip(&v).map(|(g, v)| (g * v).abs()).sum();
        let bound = 1e-7 * (size + exact.abs()) + 1e-8;
        if !((numeric - exact).abs() <= bound) {
            let message = format!("gradient of input {k}: the rule says {exact:.12}, differences say {numeric:.12}");
            return Err(Error::Graph(message));
        }
    }
    Ok(())
}
