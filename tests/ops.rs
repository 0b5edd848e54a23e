//! The table of ops, walked: every case infers, agrees with its own f64 reference in f32, has a right gradient, and every
//! kernel variant agrees with the reference on a device and translates to every shading language. Trials are called
//! `family/case/check`, so `cargo test conv2d` runs one family.

mod common;

use libtest_mimic::{Arguments, Failed, Trial};
use std::sync::Arc;
use wavae::gpu::{GpuExecutable, GpuStore};
use wavae::lower::caps::Caps;
use wavae::ops::{OpEntry, registry};
use wavae::testing::{ErrorCase, Grad, OpCase, check_gradient, compare, lower_case, oracle, translate};

/// Bytes behind each intermediate that no kernel may touch.
const PAD: u64 = 256;

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = vec![];
    for entry in registry() {
        trials.extend(family(entry));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn fail(e: impl std::fmt::Display) -> Failed {
    Failed::from(e.to_string())
}

fn family(entry: &'static OpEntry) -> Vec<Trial> {
    let mut trials = vec![];
    for (i, case) in (entry.cases)().into_iter().enumerate() {
        let case = Arc::new(case);
        let name = |check: &str| format!("{}/{i} {}/{check}", entry.name, case.name);
        let shared = case.clone();
        trials.push(Trial::test(name("cpu"), move || cpu(&shared)));
        if case.grad == Grad::Check {
            let shared = case.clone();
            trials.push(Trial::test(name("gradient"), move || check_gradient(&shared).map_err(fail)));
        }
        let shared = case.clone();
        trials.push(Trial::test(name("translate"), move || translations(&shared)));
        let shared = case.clone();
        trials.push(Trial::test(name("device"), move || parity(&shared)));
    }
    for (i, case) in (entry.errors)().into_iter().enumerate() {
        trials.push(Trial::test(format!("{}/error {i} {}", entry.name, case.says), move || refused(&case)));
    }
    trials
}

/// The f32 reference within the case's tolerance of the f64 one.
fn cpu(case: &OpCase) -> Result<(), Failed> {
    let (exact, bounds) = oracle(case).map_err(fail)?;
    let computed = case.evaluate::<f32>(&case.draw().map_err(fail)?).map_err(fail)?;
    compare(&computed, &exact, &bounds).map_err(fail)
}

fn refused(case: &ErrorCase) -> Result<(), Failed> {
    match case.op.infer(&case.inputs) {
        Ok(ty) => Err(format!("accepted {:?} as {ty}", case.inputs).into()),
        Err(e) if e.to_string().contains(case.says) => Ok(()),
        Err(e) => Err(format!("says {e:?}, not {:?}", case.says).into()),
    }
}

/// Every variant for WebGPU's minimum and for a device with subgroups translates to every language.
fn translations(case: &OpCase) -> Result<(), Failed> {
    let rich = Caps { subgroup: Some(32), ..Caps::minimum() };
    for caps in [Caps::minimum(), Caps { software: true, subgroup: Some(8), ..Caps::minimum() }, rich] {
        for index in 0.. {
            let Some(parity) = lower_case(case, index, &caps, 0).map_err(fail)? else { break };
            translate(&parity.lowered, common::translate_everywhere).map_err(fail)?;
        }
    }
    Ok(())
}

/// Every variant on the test device, outputs poisoned and padded, against the f64 reference.
fn parity(case: &OpCase) -> Result<(), Failed> {
    let gpu = common::gpu();
    let (exact, bounds) = oracle(case).map_err(fail)?;
    let inputs = case.draw().map_err(fail)?;
    for index in 0.. {
        let Some(parity) = lower_case(case, index, gpu.caps(), PAD).map_err(fail)? else { break };
        let program = parity.lowered.program;
        let store = GpuStore::new(&gpu, &parity.graph.layout());
        let outputs = program.outputs.clone();
        let updates = case.op.updates();
        let mut exe = GpuExecutable::compile(&gpu, &store, program).map_err(fail)?;
        exe.poison().map_err(fail)?;
        for (k, array) in inputs.iter().enumerate() {
            match k < updates {
                true => store.write(&outputs[k].place, array.bytes()).map_err(fail)?,
                false => exe.write_input(k - updates, array.bytes()).map_err(fail)?,
            }
        }
        exe.run().map_err(fail)?;
        let mut computed: Vec<f32> = vec![];
        for output in &outputs {
            let bytes = match updates {
                0 => exe.read(&output.place).map_err(fail)?,
                _ => store.read(&output.place).map_err(fail)?,
            };
            let (data, tail) = bytes.split_at(output.ty.bytes());
            let untouched = |word: &[u8]| f32::from_le_bytes([word[0], word[1], word[2], word[3]]).is_nan();
            if !tail.chunks_exact(4).all(untouched) {
                return Err(format!("{} writes behind its output", parity.variant).into());
            }
            match output.ty.dtype {
                wavae::DType::F32 => computed.extend(bytemuck::cast_slice::<u8, f32>(data)),
                _ => computed.extend(bytemuck::cast_slice::<u8, u32>(data).iter().map(|&x| x as f32)),
            }
        }
        compare(&computed, &exact, &bounds).map_err(|e| format!("{}: {e}", parity.variant))?;
    }
    Ok(())
}
