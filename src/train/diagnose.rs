//! Finds the first value that is not finite: the step is repeated by the reference interpreter, node by node.

use crate::cpu::{Interpreter, Memory};
use crate::device::Store;
use crate::error::{Error, Result};
use crate::graph::{Graph, StoreLayout, Value};
use crate::tensor::{Array, DType};

/// Repeats a step of `graph` on the CPU with the store's present weights and `inputs`; says which value is the first that
/// is not finite and who made it; `None` where all are finite.
pub(super) fn first_non_finite(
    graph: &Graph,
    roots: &[Value],
    store: &Store,
    inputs: &[(String, Array)],
) -> Result<Option<String>> {
    let layout = store.layout();
    for (name, _) in store.weights() {
        let array = store.read(&name)?;
        if let Some(i) = array.as_f32().iter().position(|x| !x.is_finite()) {
            return Ok(Some(format!("the weight {name} holds {} at element {i}", array.as_f32()[i])));
        }
    }
    let mut memory = copy(store, layout)?;
    let mut interpreter = Interpreter::<f32>::new(graph, roots, layout)?;
    inputs.iter().try_for_each(|(name, array)| interpreter.write(name, array))?;
    let mut found = None;
    let outcome =
        interpreter.run_inspected(&mut memory, |value, elements| match elements.iter().position(|x| !x.is_finite()) {
            None => Ok(()),
            Some(i) => {
                let (label, ty) = (graph.label(value), graph.ty(value));
                found = Some(format!("{label} {} holds {} at element {i}", ty.shape, elements[i]));
                Err(Error::NonFinite(String::new()))
            }
        });
    match (found, outcome) {
        (Some(found), _) => Ok(Some(found)),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Ok(None),
    }
}

fn copy(store: &Store, layout: &StoreLayout) -> Result<Memory<f32>> {
    let mut memory = Memory::new(layout);
    for param in &layout.params {
        let array = store.read(&param.name)?;
        if let Some(buffer) = memory.arenas.get_mut(&(crate::graph::Arena::Params, param.shard)) {
            buffer.copy_from(&array, param.offset)?;
        }
    }
    for (name, ty) in &layout.states {
        let array = store.read(name)?;
        if let Some(buffer) = memory.states.get_mut(name).filter(|_| ty.dtype != DType::U32) {
            buffer.copy_from(&array, 0)?;
        }
    }
    Ok(memory)
}
