//! The table of ops, walked: every case infers, agrees with its own f64 reference in f32, has a right gradient, and every
//! kernel variant agrees with the reference on a device and translates to every shading language. Trials are called
//! `family/case/check`, so `cargo test conv2d` runs one family.

mod common;

use common::checks::{cpu, half_parity, parity, translations};
use libtest_mimic::{Arguments, Failed, Trial};
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use wavae::ops::{Lowering, OpEntry, registry};
use wavae::testing::{ErrorCase, Grad, OpCase, check_gradient};

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
        let op = case.op.name();
        let prefix = if case.name.contains(op) { String::new() } else { format!("{op} ") };
        let name = |check: &str| format!("{}/{i} {prefix}{}/{check}", entry.name, case.name);
        let shared = case.clone();
        trials.push(Trial::test(name("cpu"), move || cpu(&shared).map_err(fail)));
        if case.grad == Grad::Check {
            let shared = case.clone();
            trials.push(Trial::test(name("gradient"), move || check_gradient(&shared).map_err(fail)));
        }
        let shared = case.clone();
        trials.push(Trial::test(name("translate"), move || translations(&shared).map_err(fail)));
        let shared = case.clone();
        trials.push(Trial::test(name("device"), move || parity(&shared).map_err(fail)));
        if case.op.updates() == 0 {
            let shared = case.clone();
            trials.push(Trial::test(name("half"), move || half(entry, i, &shared)));
        }
    }
    for (i, case) in (entry.errors)().into_iter().enumerate() {
        trials.push(Trial::test(format!("{}/error {i} {}", entry.name, case.says), move || refused(&case)));
    }
    trials
}

/// The variants of case `i` that run in f16. Every one is translated in f16 (`translations`), but compiling them all for a
/// device takes more than a minute.
fn half(entry: &OpEntry, i: usize, case: &OpCase) -> Result<(), Failed> {
    static CHOSEN: LazyLock<HashSet<(&str, usize, usize)>> = LazyLock::new(chosen_for_half);
    let mut chosen = (0..64).filter(|index| CHOSEN.contains(&(entry.name, i, *index)));
    chosen.try_for_each(|index| half_parity(case, index).map_err(fail))
}

/// Family, case and variant; none where the device has no f16. Largest outputs first, whatever is the first with its op's
/// files or the first with its name and imports: every op, every kernel, and every schedule with every way to fetch.
fn chosen_for_half() -> HashSet<(&'static str, usize, usize)> {
    let gpu = common::gpu();
    let (mut files, mut schedules, mut chosen) = (HashSet::new(), HashSet::new(), HashSet::new());
    for entry in registry().iter().filter(|_| gpu.caps().f16) {
        let cases = (entry.cases)().into_iter().enumerate();
        let mut cases: Vec<_> =
            cases.filter_map(|(i, case)| Some((case.op.infer(&case.types()).ok()?, i, case))).collect();
        cases.sort_by_key(|(out, i, _)| (Reverse(out.len()), *i));
        for (out, i, case) in cases {
            let mut variants = case.op.variants(&case.types(), &out, gpu.caps());
            if variants.is_empty() {
                variants.push(Lowering { name: "chain", passes: vec![], scratch: vec![] }); // pointwise
            }
            for (index, variant) in variants.iter().enumerate() {
                let kernels: Vec<_> = variant.passes.iter().map(|p| p.kernel).collect();
                let imports: Vec<_> = variant.passes.iter().map(|p| p.imports.clone()).collect();
                if files.insert((case.op.name(), kernels)) | schedules.insert((variant.name, imports)) {
                    chosen.insert((entry.name, i, index));
                }
            }
        }
    }
    chosen
}

fn refused(case: &ErrorCase) -> Result<(), Failed> {
    match case.op.infer(&case.inputs) {
        Ok(ty) => Err(format!("accepted {:?} as {ty}", case.inputs).into()),
        Err(e) if e.to_string().contains(case.says) => Ok(()),
        Err(e) => Err(format!("says {e:?}, not {:?}", case.says).into()),
    }
}
