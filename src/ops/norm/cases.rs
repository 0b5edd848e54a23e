//! Cases of the normalization family.

use super::{Moments, NormGrad, NormSums, Normalize, Segments, TrackMoments};
use crate::tensor::TensorType;
use crate::testing::{ErrorCase, Gen, OpCase, Tol};

const EPS: f32 = 1e-5;
const WHOLE: &str = "the composite's gradient is checked: tests/norm.rs";
const IS_GRADIENT: &str = "it is a gradient itself";
const IN_PLACE: &str = "it updates a state in place";

/// Shapes of x with their groups: one row, odd channels, channels past a workgroup, rows past a batch of four.
const SHAPES: [(&[usize], Option<usize>); 16] = [
    (&[1, 1], None),
    (&[257, 1], None),
    (&[63, 5], None),
    (&[2, 7, 11, 3], None),
    (&[3, 5, 5, 65], None),
    (&[1031, 16], None),
    (&[1, 1, 1, 4], Some(2)),
    (&[2, 7, 5, 6], Some(3)),
    (&[3, 9, 7, 10], Some(1)),
    (&[2, 9, 7, 5], Some(5)),
    (&[5, 64], Some(4)),
    (&[1, 33, 32, 8], Some(2)),
    (&[2049, 33], None),
    (&[2, 45, 47, 9], Some(9)),
    (&[2, 1031, 7], Some(7)),
    (&[3, 129, 66], Some(2)),
];

/// The statistics of some tensor: means about 0, variances away from 0.
fn stats(view: &Segments) -> Gen {
    let half = view.n * view.groups;
    let wave = |k: usize| (k as f32 * 0.7).sin();
    let values = (0..half).map(wave).chain((0..half).map(|k| 1.2 + wave(k + 3))).collect();
    Gen::Values(view.stats().shape, values)
}

pub(in crate::ops) fn cases() -> Vec<OpCase> {
    let mut cases = vec![];
    for (shape, groups) in SHAPES {
        let view = Segments::seen(shape, groups);
        let x = || Gen::Normal(shape.into(), 1.5);
        let channel = || Gen::normal([view.channels]);
        let name = |what: &str| format!("{what} {shape:?} groups {groups:?}");
        // Each element enters through some log₂ count joins, each rounding values up to some 7 by half an ulp.
        let tol = Tol { abs: 2e-6, rel: 4e-6, depth: 0.0 };
        cases.push(OpCase::new(name("moments"), Moments { groups }, [x()]).tol(tol).no_grad(WHOLE));
        // A standard deviation is at least √0.2, so values reach some 30; four roundings.
        let apply = Normalize { eps: EPS, groups, own: true };
        let tol = Tol { abs: 1e-5, rel: 1e-6, depth: 0.0 };
        cases
            .push(OpCase::new(name("apply"), apply, [x(), stats(&view), channel(), channel()]).tol(tol).no_grad(WHOLE));
        // Sums of `rows` terms up to some 20, each addition rounding a partial sum that grows with the root of its length.
        let rows = view.rows as f64;
        let tol = Tol { abs: 2e-6 + 6e-8 * rows * rows.sqrt(), rel: 1e-6, depth: 0.0 };
        let sums = NormSums { eps: EPS, groups };
        cases.push(OpCase::new(name("sums"), sums, [x(), x(), stats(&view)]).tol(tol).no_grad(IS_GRADIENT));
        let sums = Gen::Normal([2, view.n, view.channels].into(), 0.3 * view.rows as f32);
        let inputs = [x(), x(), stats(&view), channel(), sums];
        let tol = Tol { abs: 2e-5, rel: 1e-6, depth: 0.0 };
        cases.push(OpCase::new(name("grad"), NormGrad { eps: EPS, groups }, inputs).tol(tol).no_grad(IS_GRADIENT));
    }
    cases.extend(far());
    cases.extend(track());
    cases
}

/// Mean 1000, standard deviation 1, also with a zero in front: subtracting squares, or shifting by the first element, would
/// lose everything. Joins round the mean by up to 3·10⁻⁵ each, the variance by twice that times the deviation.
fn far() -> Vec<OpCase> {
    let list: [(&[usize], Option<usize>); 2] = [(&[1500, 3], None), (&[2, 500, 6], Some(2))];
    let mut cases = vec![];
    for (shape, groups) in list {
        let len: usize = shape.iter().product();
        // A sequence with unit variance: √12·(fractional part − ½).
        let wave = |i: usize| 1000.0 + 12f32.sqrt() * ((i as f32 * 0.618_034).fract() - 0.5);
        for first in [1000.0, 0.0] {
            let mut values: Vec<f32> = (0..len).map(wave).collect();
            values[0] = first;
            let name = format!("moments far {shape:?} after {first}");
            let case = OpCase::new(name, Moments { groups }, [Gen::Values(shape.into(), values)]);
            cases.push(case.tol(Tol { abs: 3e-4, rel: 1e-6, depth: 0.0 }).no_grad(WHOLE));
        }
    }
    cases
}

fn track() -> Vec<OpCase> {
    let bad = Gen::Values([2, 2].into(), vec![f32::NAN, 1.0, f32::INFINITY, 2.0]);
    let list = [(1, 1, None), (65, 7, None), (2, 5, Some(bad))];
    let case = |(channels, count, batch): (usize, usize, Option<Gen>)| {
        let batch = batch.unwrap_or_else(|| Gen::uniform([2, channels], 0.1, 3.0));
        let op = TrackMoments { momentum: 0.1, count };
        let case = OpCase::new(format!("track {channels} of {count}"), op, [Gen::normal([2, channels]), batch]);
        case.tol(Tol { abs: 1e-6, ..Tol::ROUNDED }).no_grad(IN_PLACE)
    };
    list.into_iter().map(case).collect()
}

pub(in crate::ops) fn errors() -> Vec<ErrorCase> {
    let f = |dims: &[usize]| TensorType::f32(dims);
    let apply = |groups| Normalize { eps: EPS, groups, own: true };
    let grad = || NormGrad { eps: EPS, groups: None };
    vec![
        ErrorCase::new(Moments { groups: None }, [f(&[3])], "two axes or more"),
        ErrorCase::new(Moments { groups: None }, [f(&[3, 0])], "with elements"),
        ErrorCase::new(Moments { groups: None }, [TensorType::u32([3, 4])], "takes an F32 tensor"),
        ErrorCase::new(Moments { groups: Some(3) }, [f(&[3, 4])], "4 channels do not divide into 3 groups"),
        ErrorCase::new(Moments { groups: Some(0) }, [f(&[3, 4])], "do not divide into 0 groups"),
        ErrorCase::new(Moments { groups: None }, [], "takes 1 tensors"),
        ErrorCase::new(apply(None), [f(&[3, 4]), f(&[2, 3]), f(&[4]), f(&[4])], "statistics must be F32[2, 4]"),
        ErrorCase::new(apply(Some(2)), [f(&[3, 4]), f(&[2, 4]), f(&[4]), f(&[4])], "statistics must be F32[2, 3, 2]"),
        ErrorCase::new(apply(None), [f(&[3, 4]), f(&[2, 4]), f(&[3]), f(&[4])], "gamma must be F32[4]"),
        ErrorCase::new(apply(None), [f(&[3, 4]), f(&[2, 4]), f(&[4]), f(&[5])], "beta must be F32[4]"),
        ErrorCase::new(grad(), [f(&[3, 4]), f(&[4, 3]), f(&[2, 4]), f(&[4]), f(&[2, 1, 4])], "x must be F32[3, 4]"),
        ErrorCase::new(grad(), [f(&[3, 4]), f(&[3, 4]), f(&[2, 4]), f(&[4]), f(&[2, 4])], "sums must be F32[2, 1, 4]"),
        ErrorCase::new(TrackMoments { momentum: 0.1, count: 3 }, [f(&[2, 3]), f(&[2, 4])], "F32[2, channels]"),
    ]
}

pub(in crate::ops) fn bench() -> Vec<OpCase> {
    let shape: &[usize] = &[64, 32, 32, 32];
    let mut cases = vec![];
    for groups in [None, Some(8)] {
        let view = Segments::seen(shape, groups);
        let x = || Gen::Normal(shape.into(), 1.0);
        let channel = || Gen::normal([32]);
        let name = |what: &str| format!("{what} 64x32x32x32 groups {groups:?}");
        let apply = Normalize { eps: EPS, groups, own: true };
        let grad = [x(), x(), stats(&view), channel(), Gen::normal([2, view.n, 32])];
        cases.push(OpCase::new(name("moments"), Moments { groups }, [x()]));
        cases.push(OpCase::new(name("apply"), apply, [x(), stats(&view), channel(), channel()]));
        cases.push(OpCase::new(name("sums"), NormSums { eps: EPS, groups }, [x(), x(), stats(&view)]));
        cases.push(OpCase::new(name("grad"), NormGrad { eps: EPS, groups }, grad));
    }
    cases
}
