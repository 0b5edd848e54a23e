//! Cases of recurrences.

use super::{Cell, Recurrent, RecurrentGates, RecurrentGrad};
use crate::tensor::TensorType;
use crate::testing::{ErrorCase, Gen, OpCase, Tol};

/// Batch, steps, hidden numbers, lengths: one of each, odd extents, edges of tiles, an example without steps.
const SHAPES: [(usize, usize, usize, &[u32]); 6] = [
    (1, 1, 1, &[]),
    (2, 3, 5, &[]),
    (3, 4, 7, &[4, 0, 2]),
    (5, 2, 8, &[1, 2, 2, 1, 9]),
    (1, 7, 33, &[5]),
    (9, 5, 16, &[]),
];

pub(in crate::ops) fn cases() -> Vec<OpCase> {
    let mut cases = vec![];
    for (cell, reverse) in [Cell::Gru, Cell::Lstm].into_iter().flat_map(|c| [(c, false), (c, true)]) {
        for (k, (batch, steps, hidden, lengths)) in SHAPES.into_iter().enumerate() {
            if reverse && k % 2 == 1 {
                continue;
            }
            let (gates, states) = (cell.gates() * hidden, cell.states() * hidden);
            let name = format!("{batch}x{steps}x{hidden}{}{}", masked(lengths), if reverse { " reverse" } else { "" });
            let lengths = (!lengths.is_empty()).then(|| Gen::Words([batch].into(), lengths.to_vec()));
            let x = || Gen::normal([batch, steps, gates]);
            let w = |shape: [usize; 2]| Gen::Normal(shape.into(), (hidden as f32).sqrt().recip());
            // Activations err by a few 10⁻⁷ of 1; a step hands on what it got, less than doubled where weights are such.
            let tol = Tol { abs: 2e-6 * steps as f64, rel: 4e-6, depth: 0.0 };
            let inputs = vec![x(), w([hidden, gates]), Gen::normal([gates]), Gen::normal([batch, states])];
            let inputs = inputs.into_iter().chain(lengths.clone()).collect::<Vec<_>>();
            cases.push(OpCase::new(name.clone(), Recurrent { cell, reverse }, inputs).tol(tol));
            let gate = Gen::uniform([batch, steps, 4 * hidden], 0.0, 1.0);
            let inputs = vec![gate, Gen::normal([batch, steps, hidden]), Gen::normal([batch, steps, states])];
            let inputs = inputs.into_iter().chain([w([gates, hidden])]).chain(lengths).collect::<Vec<_>>();
            let tol = Tol { abs: 5e-6 * steps as f64, rel: 1e-5, depth: 0.0 };
            let case = OpCase::new(name.clone(), RecurrentGrad { cell, reverse }, inputs).tol(tol);
            cases.push(case.no_grad("it is a gradient itself"));
            if !reverse {
                let case = OpCase::new(name, RecurrentGates { cell }, [x(), x()]).tol(Tol::ELEMENTARY);
                cases.push(case.no_grad("it is part of a gradient"));
            }
        }
    }
    cases
}

fn masked(lengths: &[u32]) -> String {
    if lengths.is_empty() { String::new() } else { format!(" of {lengths:?}") }
}

pub(in crate::ops) fn errors() -> Vec<ErrorCase> {
    let f = |dims: &[usize]| TensorType::f32(dims);
    let op = |cell| Recurrent { cell, reverse: false };
    let (x, w, bias, first) = (f(&[2, 3, 12]), f(&[4, 12]), f(&[12]), f(&[2, 4]));
    let all = |x: &TensorType, w: &TensorType| vec![x.clone(), w.clone(), bias.clone(), first.clone()];
    let long = |lengths| [all(&x, &w), vec![lengths]].concat();
    let grad = RecurrentGrad { cell: Cell::Gru, reverse: false };
    let of_grad = vec![f(&[2, 3, 16]), f(&[2, 3, 4]), f(&[2, 3, 4]), f(&[4, 12])];
    vec![
        ErrorCase::new(op(Cell::Gru), all(&f(&[2, 3, 13]), &w), "takes F32 [B, T, 3·H]"),
        ErrorCase::new(op(Cell::Gru), all(&f(&[2, 12]), &w), "takes F32 [B, T, 3·H]"),
        ErrorCase::new(op(Cell::Gru), all(&x, &f(&[12, 4])), "w must be F32[4, 12]"),
        ErrorCase::new(op(Cell::Lstm), all(&x, &w), "w must be F32[3, 12]"),
        ErrorCase::new(op(Cell::Gru), long(TensorType::u32([3])), "lengths must be U32[2]"),
        ErrorCase::new(op(Cell::Gru), [x.clone()], "takes 4 tensors"),
        ErrorCase::new(RecurrentGates { cell: Cell::Gru }, [x, f(&[2, 3, 9])], "share must be F32[2, 3, 12]"),
        ErrorCase::new(grad, of_grad, "w transposed must be F32[12, 4]"),
    ]
}

pub(in crate::ops) fn bench() -> Vec<OpCase> {
    let case = |cell: Cell| {
        let (gates, states) = (cell.gates() * 256, cell.states() * 256);
        let shapes = [vec![64, 32, gates], vec![256, gates], vec![gates], vec![64, states]];
        let inputs = shapes.map(|shape| Gen::Normal(shape.into(), 0.1));
        OpCase::new("64x32x256", Recurrent { cell, reverse: false }, inputs)
    };
    vec![case(Cell::Gru), case(Cell::Lstm)]
}
