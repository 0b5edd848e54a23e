//! Activations. Where the derivative needs only the output (relu, tanh, sigmoid …) the rule uses the output, so that the
//! pre-activation need not be kept and the activation can be fused into its producer.

use super::{function, no_second_derivative};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// √(2/π).
const GELU_A: f64 = 0.797_884_560_802_865_4;
const GELU_B: f64 = 0.044_715;

function!(/// max(x, 0).
    RELU = "relu"(x), 1, x.max(T::ZERO), |g, at, _, _| g.map(&RELU_GRAD, &[], &[at.out, at.dout]).map(Some));
function!(/// dy where y > 0, else 0.
    RELU_GRAD = "relu_grad"(y, dy), 1, if y > T::ZERO { dy } else { T::ZERO }, no_second_derivative);
function!(/// x where x > 0, else a·x (0 < a).
    LEAKY_RELU = "leaky_relu"(x; a), 2, if x > T::ZERO { x } else { a * x },
    |g, at, c, _| g.map(&LEAKY_RELU_GRAD, c, &[at.out, at.dout]).map(Some));
function!(/// dy where y > 0, else a·dy.
    LEAKY_RELU_GRAD = "leaky_relu_grad"(y, dy; a), 2, if y > T::ZERO { dy } else { a * dy }, no_second_derivative);
function!(/// x where x > 0, else a·(e^x − 1) (Clevert 2015, arXiv 1511.07289).
    ELU = "elu"(x; a), 10, if x > T::ZERO { x } else { a * x.exp_m1() },
    |g, at, c, _| g.map(&ELU_GRAD, c, &[at.out, at.dout]).map(Some));
function!(/// dy where y > 0, else dy·(y + a).
    ELU_GRAD = "elu_grad"(y, dy; a), 2, if y > T::ZERO { dy } else { dy * (y + a) }, no_second_derivative);
function!(/// tanh x.
    TANH = "tanh"(x), 12, x.tanh(), |g, at, _, _| g.map(&TANH_GRAD, &[], &[at.out, at.dout]).map(Some));
function!(/// dy·(1 − y²).
    TANH_GRAD = "tanh_grad"(y, dy), 3, dy * (T::ONE - y * y), no_second_derivative);
function!(/// 1 / (1 + e^−x).
    SIGMOID = "sigmoid"(x), 10, sigmoid(x), |g, at, _, _| g.map(&SIGMOID_GRAD, &[], &[at.out, at.dout]).map(Some));
function!(/// dy·y·(1 − y).
    SIGMOID_GRAD = "sigmoid_grad"(y, dy), 3, dy * y * (T::ONE - y), no_second_derivative);
function!(/// ln(1 + e^x), without overflow.
    SOFTPLUS = "softplus"(x), 20, softplus(x), |g, at, _, _| g.map(&SOFTPLUS_GRAD, &[], &[at.inputs[0], at.dout]).map(Some));
function!(/// dy·sigmoid(x).
    SOFTPLUS_GRAD = "softplus_grad"(x, dy), 11, dy * sigmoid(x), no_second_derivative);
function!(/// x·sigmoid(x) (arXiv 1702.03118).
    SILU = "silu"(x), 11, x * sigmoid(x), |g, at, _, _| g.map(&SILU_GRAD, &[], &[at.inputs[0], at.dout]).map(Some));
function!(/// dy·s·(1 + x·(1 − s)), s = sigmoid(x).
    SILU_GRAD = "silu_grad"(x, dy), 15, {
        let s = sigmoid(x);
        dy * s * (T::ONE + x * (T::ONE - s))
    }, no_second_derivative);
function!(/// The tanh form of GELU (arXiv 1606.08415, section 2): ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
    GELU = "gelu"(x), 18, {
        let u = T::of(GELU_A) * (x + T::of(GELU_B) * x * x * x);
        T::of(0.5) * x * (T::ONE + u.tanh())
    }, |g, at, _, _| g.map(&GELU_GRAD, &[], &[at.inputs[0], at.dout]).map(Some));
function!(/// The derivative of [`GELU`] times dy.
    GELU_GRAD = "gelu_grad"(x, dy), 25, {
        let t = (T::of(GELU_A) * (x + T::of(GELU_B) * x * x * x)).tanh();
        let du = T::of(GELU_A) * (T::ONE + T::of(3.0 * GELU_B) * x * x);
        dy * T::of(0.5) * (T::ONE + t + x * (T::ONE - t * t) * du)
    }, no_second_derivative);

pub(in crate::ops) fn sigmoid<T: crate::cpu::Real>(x: T) -> T {
    let e = (-x.abs()).exp();
    let s = T::ONE / (T::ONE + e);
    if x >= T::ZERO { s } else { e * s }
}
pub(super) fn softplus<T: crate::cpu::Real>(x: T) -> T {
    x.max(T::ZERO) + (-x.abs()).exp().ln_1p()
}

impl Graph {
    /// max(x, 0).
    pub fn relu(&mut self, x: Value) -> Result<Value> {
        self.map(&RELU, &[], &[x])
    }
    /// x where x > 0, else a·x.
    pub fn leaky_relu(&mut self, x: Value, a: f32) -> Result<Value> {
        self.map(&LEAKY_RELU, &[a], &[x])
    }
    /// x where x > 0, else a·(e^x − 1).
    pub fn elu(&mut self, x: Value, a: f32) -> Result<Value> {
        self.map(&ELU, &[a], &[x])
    }
    /// tanh x.
    pub fn tanh(&mut self, x: Value) -> Result<Value> {
        self.map(&TANH, &[], &[x])
    }
    /// 1 / (1 + e^−x).
    pub fn sigmoid(&mut self, x: Value) -> Result<Value> {
        self.map(&SIGMOID, &[], &[x])
    }
    /// ln(1 + e^x).
    pub fn softplus(&mut self, x: Value) -> Result<Value> {
        self.map(&SOFTPLUS, &[], &[x])
    }
    /// x·sigmoid(x).
    pub fn silu(&mut self, x: Value) -> Result<Value> {
        self.map(&SILU, &[], &[x])
    }
    /// GELU, tanh form.
    pub fn gelu(&mut self, x: Value) -> Result<Value> {
        self.map(&GELU, &[], &[x])
    }
}
