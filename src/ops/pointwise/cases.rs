//! Cases of the pointwise family.

use super::activation::*;
use super::arithmetic::*;
use super::counts::*;
use super::gaussian::*;
use super::logistic::*;
use super::special::*;
use super::{Function, Map};
use crate::tensor::TensorType;
use crate::testing::{ErrorCase, Gen, OpCase, Tol};

/// Inputs at which plain versions overflow, cancel or return NaN.
const HARD: [f32; 18] =
    [0.0, -0.0, 1e-40, -1e-40, 1e-38, -1e-38, 44.0, -44.0, 88.7, -88.7, 89.0, -89.0, 1e4, -1e4, 1e38, -1e38, 0.5, -0.5];

fn exact(name: &str, f: &'static Function, attrs: &[f32], inputs: Vec<Gen>) -> OpCase {
    OpCase::new(format!("{}/{name}", f.name), Map::new(f, attrs), inputs)
}
fn smooth(name: &str, f: &'static Function, attrs: &[f32], inputs: Vec<Gen>) -> OpCase {
    exact(name, f, attrs, inputs).tol(Tol::ELEMENTARY)
}
/// A gradient function: parity only.
fn grad(f: &'static Function, attrs: &[f32], inputs: Vec<Gen>) -> OpCase {
    smooth("plain", f, attrs, inputs).no_grad("it is a gradient itself")
}

pub(in crate::ops) fn cases() -> Vec<OpCase> {
    let mut cases = broadcasting();
    cases.extend(arithmetic());
    cases.extend(activations());
    cases.extend(gaussians());
    cases.extend(gammas());
    cases.extend(counts());
    cases.extend(bins());
    cases.extend(extremes());
    cases
}

fn broadcasting() -> Vec<OpCase> {
    let pairs: [(&[usize], &[usize]); 8] = [
        (&[], &[]),
        (&[257], &[]),
        (&[7, 5], &[5]),
        (&[7, 1], &[1, 63]),
        (&[2, 3, 5, 8], &[3, 1, 8]),
        (&[2, 1, 5, 1], &[3, 1, 7]),
        (&[4, 8, 16], &[8, 1]),
        (&[65, 64], &[64]),
    ];
    let mut cases = vec![];
    for (a, b) in pairs {
        for f in [&ADD, &SUB, &MUL, &DIV] {
            let inputs = vec![Gen::Normal(a.into(), 1.0), Gen::Signed(b.into(), 0.5, 2.0)];
            let case = exact(&format!("{a:?} {b:?}"), f, &[], inputs);
            cases.push(if f.name == "div" { case.tol(Tol { rel: 4e-7, ..Tol::ROUNDED }) } else { case });
        }
    }
    let expand = Map { shape: Some([3, 65, 7].into()), ..Map::new(&IDENTITY, &[]) };
    cases.push(OpCase::new("expand/[65, 1] to [3, 65, 7]", expand, [Gen::normal([65, 1])]).tol(Tol::EXACT));
    let full = Map { shape: Some([5, 63].into()), ..Map::new(&FULL, &[0.1]) };
    cases.push(OpCase::new("full/[5, 63]", full, []).tol(Tol::EXACT));
    cases
}

fn arithmetic() -> Vec<OpCase> {
    let n = || Gen::normal([7, 65]);
    let kinked = || Gen::Signed([7, 65].into(), 0.01, 3.0);
    let positive = || Gen::uniform([7, 65], 0.01, 9.0);
    vec![
        exact("plain", &AFFINE, &[0.3, -1.7], vec![n()]).tol(Tol { abs: 4e-7, ..Tol::ROUNDED }),
        exact("plain", &SQUARE, &[], vec![n()]),
        smooth("plain", &SQRT, &[], vec![positive()]),
        smooth("plain", &EXP, &[], vec![Gen::Normal([7, 65].into(), 5.0)]),
        smooth("plain", &LOG, &[], vec![positive()]),
        exact("plain", &ABS, &[], vec![kinked()]),
        exact("plain", &ABS_GRAD, &[], vec![kinked(), n()]).no_grad("it is a gradient itself"),
        exact("plain", &MAXIMUM, &[], vec![n(), n()]),
        exact("plain", &MINIMUM, &[], vec![n(), n()]),
        exact("plain", &AT_LEAST, &[], vec![n(), n(), n()]),
        exact("plain", &BELOW, &[], vec![n(), n(), n()]).no_grad("it is a gradient itself"),
        exact("plain", &CLAMP, &[-0.5, 0.75], vec![n()]),
        exact("plain", &CLAMP_GRAD, &[-0.5, 0.75], vec![n(), n()]).no_grad("it is a gradient itself"),
    ]
}

fn activations() -> Vec<OpCase> {
    let n = || Gen::Normal([7, 65].into(), 3.0);
    let unit = || Gen::uniform([7, 65], 0.0, 1.0);
    let kinked = || Gen::Signed([7, 65].into(), 0.01, 3.0);
    vec![
        exact("plain", &RELU, &[], vec![kinked()]),
        exact("plain", &LEAKY_RELU, &[0.2], vec![kinked()]),
        smooth("plain", &ELU, &[1.3], vec![kinked()]),
        smooth("plain", &TANH, &[], vec![n()]),
        smooth("plain", &SIGMOID, &[], vec![n()]),
        smooth("plain", &SOFTPLUS, &[], vec![n()]),
        smooth("plain", &SILU, &[], vec![n()]),
        smooth("plain", &GELU, &[], vec![n()]),
        grad(&RELU_GRAD, &[], vec![n(), n()]),
        grad(&LEAKY_RELU_GRAD, &[0.2], vec![n(), n()]),
        grad(&ELU_GRAD, &[1.3], vec![n(), n()]),
        grad(&TANH_GRAD, &[], vec![unit(), n()]),
        grad(&SIGMOID_GRAD, &[], vec![unit(), n()]),
        grad(&SOFTPLUS_GRAD, &[], vec![n(), n()]),
        grad(&SILU_GRAD, &[], vec![n(), n()]),
        grad(&GELU_GRAD, &[], vec![n(), n()]).tol(Tol { abs: 1e-5, ..Tol::ELEMENTARY }),
    ]
}

fn gaussians() -> Vec<OpCase> {
    let n = || Gen::normal([7, 65]);
    let unit = || Gen::uniform([7, 65], 0.0, 1.0);
    // Sums of a few terms of size up to about 30: rounding is relative to the terms, not to their sum.
    let summed = Tol { abs: 2e-5, rel: 1e-5, depth: 0.0 };
    vec![
        smooth("plain", &REPARAMETERIZE, &[], vec![n(), n(), n()]).tol(summed),
        grad(&REPARAMETERIZE_GRAD, &[], vec![n(), n(), n()]),
        smooth("plain", &KL_STANDARD, &[], vec![n(), n()]).tol(summed),
        smooth(
            "near the prior",
            &KL_STANDARD,
            &[],
            vec![Gen::Normal([257].into(), 1e-3), Gen::Normal([257].into(), 1e-3)],
        ),
        grad(&KL_STANDARD_GRAD, &[], vec![n(), n()]).tol(summed),
        smooth("plain", &KL_NORMAL, &[], vec![n(), n(), n(), n()]).tol(Tol { abs: 1e-4, rel: 2e-5, depth: 0.0 }),
        grad(&PRECISION_TIMES, &[], vec![n(), n(), n()]).tol(summed),
        smooth("plain", &BERNOULLI_LOG_PROB, &[], vec![Gen::Normal([7, 65].into(), 4.0), unit()]).tol(summed),
        grad(&BERNOULLI_LOG_PROB_GRAD, &[], vec![Gen::Normal([7, 65].into(), 4.0), unit(), n()]),
        smooth("plain", &NORMAL_LOG_PROB, &[], vec![n(), n(), n()]).tol(Tol { abs: 1e-4, rel: 2e-5, depth: 0.0 }),
    ]
}

fn gammas() -> Vec<OpCase> {
    let wide = || Gen::Values([9].into(), vec![1e-6, 1e-3, 0.5, 1.0, 2.0, 7.999, 8.001, 300.0, 1e5]);
    // Near its zeros at 1 and 2, ln Γ is a difference of terms up to about 15; a large one rounds relative to itself.
    let tol = Tol { abs: 2e-5, rel: 2e-6, depth: 0.0 };
    vec![
        smooth("plain", &LGAMMA, &[], vec![Gen::uniform([7, 65], 0.05, 20.0)]).tol(tol),
        smooth("wide", &LGAMMA, &[], vec![wide()]).tol(tol).no_grad("checked at ordinary inputs"),
        grad(&DIGAMMA, &[], vec![Gen::uniform([7, 65], 0.05, 20.0)]).tol(tol),
        smooth("wide", &DIGAMMA, &[], vec![wide()]).tol(tol).no_grad("it is a gradient itself"),
    ]
}

/// Counts at ordinary parameters, and all pairs of counts with means and dispersions from e⁻¹⁵ to e¹⁵.
fn counts() -> Vec<OpCase> {
    let shape = || [7, 65];
    let x = || Gen::Values(shape().into(), (0..7 * 65).map(|i| [0, 1, 2, i % 41, 1000][i % 5] as f32).collect());
    let logs = || Gen::uniform(shape(), -3.0, 5.0);
    let few = || Gen::uniform(shape(), 0.2, 30.0);
    let d = || Gen::normal(shape());
    let all = |d: Option<Gen>| {
        let x = Gen::Values([8, 1, 1].into(), vec![0.0, 1.0, 2.0, 7.0, 8.0, 100.0, 1e4, 1e6]);
        let log_mean = Gen::Values([5, 1].into(), vec![-15.0, -2.0, 2.0, 8.0, 15.0]);
        let log_dispersion = Gen::Values([8].into(), vec![-15.0, -3.0, 0.0, 2.0, 2.2, 5.0, 10.0, 15.0]);
        [vec![x, log_mean, log_dispersion], d.into_iter().collect()].concat()
    };
    // Relative to the largest term; e^15 is off by about 2·10⁻⁶ of itself.
    let tol = Tol { abs: 5e-5, rel: 2e-5, depth: 0.0 };
    let unit = || Some(Gen::Values([].into(), vec![1.0]));
    let f = &NEGATIVE_BINOMIAL;
    vec![
        smooth("plain", f, &[], vec![few(), logs(), logs()]).tol(tol),
        smooth("counts", f, &[], vec![x(), logs(), logs()]).tol(tol).no_grad("by x there is none at 0"),
        smooth("wide", f, &[], all(None)).tol(tol).no_grad("checked at ordinary inputs"),
        grad(&NEGATIVE_BINOMIAL_MEAN_GRAD, &[], vec![x(), logs(), logs(), d()]).tol(tol),
        smooth("wide", &NEGATIVE_BINOMIAL_MEAN_GRAD, &[], all(unit())).tol(tol).no_grad("it is a gradient itself"),
        grad(&NEGATIVE_BINOMIAL_DISPERSION_GRAD, &[], vec![x(), logs(), logs(), d()]).tol(tol),
        smooth("wide", &NEGATIVE_BINOMIAL_DISPERSION_GRAD, &[], all(unit()))
            .tol(tol)
            .no_grad("it is a gradient itself"),
    ]
}

/// Gray values on, between and at the ends of 256 bins; narrow and wide scales.
fn bins() -> Vec<OpCase> {
    let x = || {
        let grays = (0..7 * 65).map(|i| [0, 255, 128, 1, 254, (i * 37) % 256][i % 6] as f32 / 255.0);
        Gen::Values([7, 65].into(), grays.collect())
    };
    let mu = || Gen::uniform([7, 65], -0.1, 1.1);
    let logscale = || Gen::uniform([7, 65], -5.0, 1.0);
    let d = || Gen::normal([7, 65]);
    // Errors of a tail are relative to a, up to 150 here; by the scale once more.
    let tol = Tol { abs: 5e-5, rel: 2e-5, depth: 0.0 };
    let slope = Tol { abs: 2e-3, rel: 5e-5, depth: 0.0 };
    let far = vec![Gen::Values([3].into(), vec![0.0, 0.5, 1.0]), Gen::Values([3].into(), vec![1e4, -1e4, 1e4])];
    let far = [far, vec![Gen::Values([3].into(), vec![-2.0, 0.0, 30.0])]].concat();
    vec![
        smooth("256", &DISCRETIZED_LOGISTIC, &[256.0], vec![x(), mu(), logscale()]).tol(tol),
        smooth("8", &DISCRETIZED_LOGISTIC, &[8.0], vec![x(), mu(), logscale()])
            .tol(tol)
            .no_grad("x lies on edges of bins"),
        smooth("far", &DISCRETIZED_LOGISTIC, &[256.0], far).tol(tol).no_grad("checked at ordinary inputs"),
        grad(&DISCRETIZED_LOGISTIC_MU_GRAD, &[256.0], vec![x(), mu(), logscale(), d()]).tol(slope),
        grad(&DISCRETIZED_LOGISTIC_SCALE_GRAD, &[256.0], vec![x(), mu(), logscale(), d()]).tol(slope),
    ]
}

/// Every activation at [`HARD`] inputs: finite where the reference is.
fn extremes() -> Vec<OpCase> {
    let hard = || Gen::Values([HARD.len()].into(), HARD.to_vec());
    // A flushed subnormal is allowed; 2⁻²³·|x| grows with |x| because exp's error does (3 + 2|x| ulp).
    let tol = Tol { abs: 1e-6, rel: 3e-5, depth: 0.0 };
    let list: [(&'static Function, &[f32]); 9] = [
        (&RELU, &[]),
        (&LEAKY_RELU, &[0.2]),
        (&ELU, &[1.0]),
        (&TANH, &[]),
        (&SIGMOID, &[]),
        (&SOFTPLUS, &[]),
        (&SILU, &[]),
        (&GELU, &[]),
        (&EXP, &[]),
    ];
    let mut cases: Vec<OpCase> = list
        .into_iter()
        .map(|(f, attrs)| exact("extremes", f, attrs, vec![hard()]).tol(tol).no_grad("checked at ordinary inputs"))
        .collect();
    let half = Gen::Values([HARD.len()].into(), vec![0.5; HARD.len()]);
    cases.push(
        exact("extremes", &BERNOULLI_LOG_PROB, &[], vec![hard(), half]).tol(tol).no_grad("checked at ordinary inputs"),
    );
    let magnitudes: Vec<f32> = HARD.iter().map(|x| x.abs()).collect();
    let log = exact("extremes", &LOG, &[], vec![Gen::Values([HARD.len()].into(), magnitudes)]);
    // Subnormals may be flushed to 0 and are then clamped: both ends of that are ln 1.2e-38 up to rounding.
    cases.push(log.tol(Tol { abs: 2e-5, rel: 1e-6, depth: 0.0 }).no_grad("checked at ordinary inputs"));
    cases
}

pub(in crate::ops) fn errors() -> Vec<ErrorCase> {
    let f = |dims: &[usize]| TensorType::f32(dims);
    vec![
        ErrorCase::new(Map::new(&ADD, &[]), [f(&[3]), f(&[4])], "do not broadcast"),
        ErrorCase::new(Map::new(&ADD, &[]), [f(&[3])], "takes 2 tensors"),
        ErrorCase::new(Map::new(&RELU, &[]), [TensorType::u8([3])], "takes F32"),
        ErrorCase::new(Map { shape: Some([2].into()), ..Map::new(&IDENTITY, &[]) }, [f(&[3])], "do not broadcast"),
    ]
}

pub(in crate::ops) fn bench() -> Vec<OpCase> {
    let n = || Gen::normal([64, 32, 32, 32]);
    vec![
        exact("64x32x32x32", &ADD, &[], vec![n(), n()]),
        smooth("64x32x32x32", &SILU, &[], vec![n()]),
        exact("64x32x32x32 + channel", &ADD, &[], vec![n(), Gen::normal([32])]),
    ]
}
