//! The table of ops, walked: every case infers, agrees with its own f64 reference in f32, has a right gradient, and every
//! kernel variant agrees with the reference on a device and translates to every shading language. Trials are called
//! `family/case/check`, so `cargo test conv2d` runs one family.

mod common;

use common::checks::{cpu, parity, translations};
use libtest_mimic::{Arguments, Failed, Trial};
use std::sync::Arc;
use wavae::ops::{OpEntry, registry};
use wavae::testing::{ErrorCase, Grad, check_gradient};

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
    }
    for (i, case) in (entry.errors)().into_iter().enumerate() {
        trials.push(Trial::test(format!("{}/error {i} {}", entry.name, case.says), move || refused(&case)));
    }
    trials
}

fn refused(case: &ErrorCase) -> Result<(), Failed> {
    match case.op.infer(&case.inputs) {
        Ok(ty) => Err(format!("accepted {:?} as {ty}", case.inputs).into()),
        Err(e) if e.to_string().contains(case.says) => Ok(()),
        Err(e) => Err(format!("says {e:?}, not {:?}", case.says).into()),
    }
}
