//! The one table of op families. Tests, gradient checks, parity runs, shader translation and benches all walk it.

use crate::testing::{ErrorCase, OpCase};

/// A family of ops with its cases.
pub struct OpEntry {
    /// The family's name: the prefix of its trials.
    pub name: &'static str,
    /// Cases that must infer, evaluate, differentiate and agree on every device.
    pub cases: fn() -> Vec<OpCase>,
    /// Inputs that must be refused.
    pub errors: fn() -> Vec<ErrorCase>,
    /// Cases at the size of real work, for `cargo bench`.
    pub bench: fn() -> Vec<OpCase>,
}

/// Every op family there is. Adding an op: its file, its shader, its lines here and in `ops/mod.rs`.
pub fn registry() -> &'static [OpEntry] {
    const NONE: fn() -> Vec<OpCase> = Vec::new;
    macro_rules! entry {
        ($family:ident) => {
            OpEntry {
                name: stringify!($family),
                cases: super::$family::cases,
                errors: super::$family::errors,
                bench: NONE,
            }
        };
        ($family:ident, bench) => {
            OpEntry { bench: super::$family::bench, ..entry!($family) }
        };
    }
    &[
        entry!(noise, bench),
        entry!(norm, bench),
        entry!(optimizer, bench),
        entry!(loss_scale),
        entry!(pointwise, bench),
        entry!(reduce, bench),
        entry!(reshape),
        entry!(permute, bench),
        entry!(slice, bench),
        entry!(concat, bench),
        entry!(gather, bench),
        entry!(scatter, bench),
        entry!(index),
        entry!(cumsum),
        entry!(softmax, bench),
        entry!(standardize, bench),
        entry!(pool, bench),
        entry!(matmul, bench),
        entry!(recurrent, bench),
        entry!(conv, bench),
    ]
}
