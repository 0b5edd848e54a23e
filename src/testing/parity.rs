//! One op on a device against the f64 reference, element by element.

use super::{OpCase, Tol};
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use crate::lower::caps::Caps;
use crate::lower::shader::Shader;
use crate::lower::{Lowered, Options, Precision, lower};
use crate::ops::{Lowering, Op};
use crate::tensor::{Array, ArrayData, DType, TensorType};
use half::f16;
use std::sync::Arc;

/// A case lowered with one chosen variant, ready for an executor.
pub struct Parity {
    /// The one-op graph: inputs are called `x0`, `x1`, …, states that the op updates likewise.
    pub graph: Graph,
    /// What to read back: the output, or the updated states.
    pub roots: Vec<Value>,
    /// The variant's name.
    pub variant: &'static str,
    /// Program and plan.
    pub lowered: Lowered,
}

/// Lowers `case` with its variant number `index` (`None` past the last). Pointwise ops have one variant, their chain.
/// `pad` bytes are added behind each intermediate.
pub fn lower_case(case: &OpCase, index: usize, caps: &Caps, pad: u64) -> Result<Option<Parity>> {
    lower_stored(case, index, caps, pad, Precision::F32)
}

/// The same with every input and the output stored in two bytes an element; `None` also for an op that updates leaves,
/// which stay f32.
pub fn lower_half(case: &OpCase, index: usize, caps: &Caps) -> Result<Option<Parity>> {
    if case.op.updates() > 0 {
        return Ok(None);
    }
    lower_stored(case, index, caps, 0, Precision::F16)
}

fn lower_stored(case: &OpCase, index: usize, caps: &Caps, pad: u64, precision: Precision) -> Result<Option<Parity>> {
    let types = case.types();
    let out = case.op.infer(&types)?;
    let variants = case.op.variants(&types, &out, caps);
    let variant = match variants.get(index) {
        Some(v) => v.name,
        None if index == 0 && (case.op.pointwise().is_some() || case.op.alias()) => "chain",
        None => return Ok(None),
    };
    let half = precision == Precision::F16;
    let mut graph = Graph::new();
    let mut inputs = vec![];
    for (k, ty) in types.into_iter().enumerate() {
        let name = format!("x{k}");
        let float = ty.dtype == DType::F32;
        let value = match k < case.op.updates() {
            true => graph.state(&name, ty, Init::Constant(0.0))?,
            false => graph.input(&name, ty)?,
        };
        inputs.push(if half && float { graph.detach(value)? } else { value });
    }
    let mut value = graph.apply_arc(case.op.clone(), &inputs)?;
    if half && out.dtype == DType::F32 {
        value = graph.detach(value)?;
    }
    let roots = match case.op.updates() {
        0 => vec![value],
        n => inputs[..n].to_vec(),
    };
    let name = case.op.name();
    let choose = |op: &Arc<dyn Op>, _: &[TensorType], _: &[Lowering]| if op.name() == name { index } else { 0 };
    let plain = Options { pad, choose: &choose, ..Options::new(caps) };
    let options = if half { Options { precision, large: 1, fuse: false, ..plain } } else { plain };
    let lowered = lower(&graph, &roots, &graph.layout(), &options)?;
    Ok(Some(Parity { graph, roots, variant, lowered }))
}

/// The f64 reference of a case and the bound on each element's error.
pub fn oracle(case: &OpCase) -> Result<(Vec<f64>, Vec<f64>)> {
    oracle_of(case, case.draw()?)
}

/// The same for inputs that are exact in f16, which are returned too, and an output rounded to f16: within half a unit in
/// the last place (2⁻¹¹) beside the case's own bound, below the smallest normal number (2⁻¹⁴) within that, for devices may
/// flush. What passes f16's range is not compared (an infinite bound).
pub fn half_oracle(case: &OpCase) -> Result<(Vec<Array>, Vec<f64>, Vec<f64>)> {
    let inputs: Vec<Array> = case.draw()?.into_iter().map(exact_in_half).collect();
    let (exact, mut bounds) = oracle_of(case, inputs.clone())?;
    for (bound, exact) in bounds.iter_mut().zip(&exact) {
        let size = exact.abs() + *bound;
        let inside = size < f64::from(f16::MAX);
        *bound = if inside { *bound + size * 2f64.powi(-11) + 2f64.powi(-14) } else { f64::INFINITY };
    }
    Ok((inputs, exact, bounds))
}

fn exact_in_half(mut array: Array) -> Array {
    if let ArrayData::F32(values) = &mut array.data {
        for x in values {
            let near = f16::from_f32(x.clamp(f16::MIN.into(), f16::MAX.into()));
            *x = if near.is_normal() { near.into() } else { 0.0 };
        }
    }
    array
}

fn oracle_of(case: &OpCase, inputs: Vec<Array>) -> Result<(Vec<f64>, Vec<f64>)> {
    let exact = case.evaluate::<f64>(&inputs)?;
    let Tol { abs, rel, depth } = case.tol;
    let mut bounds: Vec<f64> = exact.iter().map(|x| abs + rel * x.abs()).collect();
    if case.op.sums_products() {
        let magnitudes: Vec<Array> = inputs.into_iter().map(magnitude).collect();
        let sums = case.evaluate::<f64>(&magnitudes)?;
        bounds.iter_mut().zip(sums).for_each(|(b, s)| *b += depth * 2f64.powi(-24) * s);
    }
    Ok((exact, bounds))
}

fn magnitude(mut array: Array) -> Array {
    if let ArrayData::F32(values) = &mut array.data {
        values.iter_mut().for_each(|x| *x = x.abs());
    }
    array
}

/// Compares element by element.
///
/// # Errors
/// [`Error::Graph`] naming the first element beyond its bound; one that is not finite where the reference is never passes.
pub fn compare(computed: &[f32], exact: &[f64], bounds: &[f64]) -> Result<()> {
    if computed.len() != exact.len() {
        return Err(Error::Graph(format!("{} elements instead of {}", computed.len(), exact.len())));
    }
    let wrong = |i: &usize| bounds[*i] < f64::INFINITY && !((f64::from(computed[*i]) - exact[*i]).abs() <= bounds[*i]);
    let count = (0..exact.len()).filter(wrong).count();
    match (0..exact.len()).find(wrong) {
        None => Ok(()),
        Some(i) => Err(Error::Graph(format!(
            "element {i} is {} instead of {} ± {:.3e} ({count} of {} are wrong)",
            computed[i],
            exact[i],
            bounds[i],
            exact.len()
        ))),
    }
}

/// Hands every distinct shader of a lowered case to `each`.
pub fn translate(lowered: &Lowered, mut each: impl FnMut(&Shader) -> Result<()>) -> Result<()> {
    lowered.program.dispatches.iter().try_for_each(|d| each(&d.shader))
}
