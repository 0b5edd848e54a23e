//! One op on a device against the f64 reference, element by element.

use super::{OpCase, Tol};
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use crate::lower::caps::Caps;
use crate::lower::shader::Shader;
use crate::lower::{Lowered, Options, lower};
use crate::tensor::{Array, ArrayData};

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
    let types = case.types();
    let out = case.op.infer(&types)?;
    let variants = case.op.variants(&types, &out, caps);
    let variant = match variants.get(index) {
        Some(v) => v.name,
        None if index == 0 && (case.op.pointwise().is_some() || case.op.alias()) => "chain",
        None => return Ok(None),
    };
    let mut graph = Graph::new();
    let mut inputs = vec![];
    for (k, ty) in types.into_iter().enumerate() {
        let name = format!("x{k}");
        inputs.push(match k < case.op.updates() {
            true => graph.state(&name, ty, Init::Constant(0.0))?,
            false => graph.input(&name, ty)?,
        });
    }
    let value = graph.apply_arc(case.op.clone(), &inputs)?;
    let roots = match case.op.updates() {
        0 => vec![value],
        n => inputs[..n].to_vec(),
    };
    let options = Options { caps, fuse: true, pad, choose: &|_, _, _| index };
    let lowered = lower(&graph, &roots, &graph.layout(), &options)?;
    Ok(Some(Parity { graph, roots, variant, lowered }))
}

/// The f64 reference of a case and the bound on each element's error.
pub fn oracle(case: &OpCase) -> Result<(Vec<f64>, Vec<f64>)> {
    let inputs = case.draw()?;
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
    let wrong = |i: &usize| !((f64::from(computed[*i]) - exact[*i]).abs() <= bounds[*i]);
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
