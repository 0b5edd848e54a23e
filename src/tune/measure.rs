//! Times every variant of a plan's steps, each step by itself with the chain that is fused into it, variants taking turns so
//! that a change in the machine's load hits all of them.

use super::{Choice, name};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, GpuExecutable, GpuStore};
use crate::graph::fuse::{Step, fuse};
use crate::graph::{Graph, StoreLayout, Value};
use crate::lower::caps::Caps;
use crate::lower::{Options, lower};
use crate::ops::{Lowering, Op};
use crate::tensor::{DType, TensorType};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Most samples of a variant. The smallest counts: load only ever adds to a time.
const SAMPLES: usize = 9;
/// Samples after which a variant that is this many times slower than the best is given up.
const TRIAL: (usize, f64) = (2, 2.0);
/// Another variant must be faster than the first by this factor: below it, noise would choose.
const MARGIN: f64 = 0.97;

/// A step cut out of its graph.
pub struct Cut {
    graph: Graph,
    /// What it writes.
    outs: Vec<Value>,
    op: Arc<dyn Op>,
    inputs: Vec<TensorType>,
}

/// Every distinct step of `plans` that has a choice of variants, by [`name`], with the number of its occurrences. Steps that
/// update their inputs in place are left out: repeating them would not be the same work.
pub fn steps(plans: &[(&Graph, &[Value])], caps: &Caps) -> BTreeMap<String, (usize, Result<Cut>)> {
    let mut found: BTreeMap<String, (usize, Result<Cut>)> = BTreeMap::new();
    for (g, roots) in plans {
        for step in fuse(g, roots, true) {
            let Some(op) = step.op.clone().filter(|op| op.updates() == 0) else { continue };
            let inputs: Vec<TensorType> = step.inputs.iter().map(|&v| g.ty(v).clone()).collect();
            if op.variants(&inputs, g.ty(step.node), caps).len() < 2 {
                continue;
            }
            match found.get_mut(&name(op.as_ref(), &inputs)) {
                Some((count, _)) => *count += 1,
                None => {
                    found.insert(name(op.as_ref(), &inputs), (1, cut(g, &step, op, inputs)));
                }
            }
        }
    }
    found
}

/// `step` as a graph of its own, whose inputs are what the step reads from memory.
fn cut(g: &Graph, step: &Step, op: Arc<dyn Op>, inputs: Vec<TensorType>) -> Result<Cut> {
    let mut small = Graph::new();
    let mut copies = HashMap::new();
    for v in step.reads() {
        if let std::collections::hash_map::Entry::Vacant(entry) = copies.entry(v) {
            entry.insert(small.input(&format!("input {}", v.index()), g.ty(v).clone())?);
        }
    }
    let outs = step.writes().into_iter().map(|v| copy(g, v, &mut small, &mut copies)).collect::<Result<_>>()?;
    Ok(Cut { graph: small, outs, op, inputs })
}

fn copy(g: &Graph, value: Value, small: &mut Graph, copies: &mut HashMap<Value, Value>) -> Result<Value> {
    if let Some(&known) = copies.get(&value) {
        return Ok(known);
    }
    let node = g.node(value);
    let op = node.op().ok_or_else(|| Error::Graph(format!("{} is not among a step's reads", g.label(value))))?;
    let inputs = node.inputs.iter().map(|&v| copy(g, v, small, copies)).collect::<Result<Vec<_>>>()?;
    let made = small.apply_arc(op.clone(), &inputs)?;
    copies.insert(value, made);
    Ok(made)
}

/// Times every variant of `step` on `gpu`.
///
/// # Errors
/// Where the step's first variant does not run; device errors.
pub fn step(gpu: &Gpu, step: &Cut) -> Result<Choice> {
    let (first, names) = compile(gpu, step, 0)?;
    let mut runs = vec![(0, first, f64::INFINITY)];
    for index in 1..names.len() {
        // A variant that this device cannot hold or compile is none.
        if let Ok((exe, _)) = compile(gpu, step, index) {
            runs.push((index, exe, f64::INFINITY));
        }
        gpu.check()?;
    }
    for (_, exe, _) in &mut runs {
        exe.profile()?; // where drivers compile
    }
    for sample in 0..SAMPLES {
        let best = runs.iter().map(|(_, _, ms)| *ms).fold(f64::INFINITY, f64::min);
        for (index, exe, ms) in &mut runs {
            if sample >= TRIAL.0 && *ms > TRIAL.1 * best && *index > 0 {
                continue;
            }
            *ms = ms.min(exe.profile()?.iter().map(|(_, ms)| ms).sum());
        }
    }
    let untuned_ms = runs[0].2;
    let best = runs.iter().skip(1).filter(|(_, _, ms)| *ms < MARGIN * untuned_ms).min_by(|a, b| a.2.total_cmp(&b.2));
    let (index, ms) = best.map_or((0, untuned_ms), |(index, _, ms)| (*index, *ms));
    Ok(Choice { variant: names[index].into(), ms, untuned: names[0].into(), untuned_ms })
}

/// `step` with variant `index`, its inputs filled; and the names of all its variants.
fn compile(gpu: &Gpu, step: &Cut, index: usize) -> Result<(GpuExecutable, Vec<&'static str>)> {
    let names = RefCell::new(vec![]);
    let choose = |op: &Arc<dyn Op>, inputs: &[TensorType], variants: &[Lowering]| {
        if name(op.as_ref(), inputs) != name(step.op.as_ref(), &step.inputs) {
            return 0;
        }
        *names.borrow_mut() = variants.iter().map(|v| v.name).collect();
        index
    };
    let layout = StoreLayout::default();
    let lowered = lower(&step.graph, &step.outs, &layout, &Options { choose: &choose, ..Options::new(gpu.caps()) })?;
    let mut exe = GpuExecutable::compile(gpu, &GpuStore::new(gpu, &layout), lowered.program)?;
    for (k, v) in step.graph.inputs().into_iter().enumerate() {
        exe.write_input(k, &fill(step.graph.ty(v)))?;
    }
    Ok((exe, names.into_inner()))
}

/// Numbers of ordinary size, so that nothing is denormal or infinite; indices that are valid in any table.
fn fill(ty: &TensorType) -> Vec<u8> {
    match ty.dtype {
        DType::F32 => (0..ty.len()).flat_map(|i| ((i as f32 * 0.618).fract() - 0.3).to_le_bytes()).collect(),
        DType::U32 => vec![0; ty.bytes()],
        DType::U8 => (0..ty.len()).map(|i| i as u8).collect(),
    }
}
