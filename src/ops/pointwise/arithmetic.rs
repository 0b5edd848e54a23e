//! Arithmetic: sums, products, roots, exponentials, comparisons.

use super::{function, no_second_derivative};
use crate::error::Result;
use crate::graph::{Graph, Value};

function!(/// The constant `value`.
    FULL = "full"(; value), 0, value, |_, _, _, _| Ok(None));
function!(/// x itself: explicit broadcasting.
    IDENTITY = "identity"(x), 0, x, |_, at, _, _| Ok(Some(at.dout)));
function!(/// x + y.
    ADD = "add"(x, y), 1, x + y, |_, at, _, _| Ok(Some(at.dout)));
function!(/// x − y.
SUB = "sub"(x, y), 1, x - y, |g, at, _, k| match k {
    0 => Ok(Some(at.dout)),
    _ => g.scale(at.dout, -1.0).map(Some),
});
function!(/// x · y.
    MUL = "mul"(x, y), 1, x * y, |g, at, _, k| g.mul(at.dout, at.inputs[1 - k]).map(Some));
function!(/// x / y.
DIV = "div"(x, y), 1, x / y, |g, at, _, k| match k {
    0 => g.div(at.dout, at.inputs[1]).map(Some),
    _ => {
        let ratio = g.div(at.out, at.inputs[1])?;
        let product = g.mul(at.dout, ratio)?;
        g.scale(product, -1.0).map(Some)
    }
});
function!(/// a·x + b.
    AFFINE = "affine"(x; a, b), 2, a * x + b, |g, at, c, _| g.scale(at.dout, c[0]).map(Some));
function!(/// x².
SQUARE = "square"(x), 1, x * x, |g, at, _, _| {
    let double = g.scale(at.inputs[0], 2.0)?;
    g.mul(at.dout, double).map(Some)
});
function!(/// √x.
SQRT = "sqrt"(x), 4, x.sqrt(), |g, at, _, _| {
    let double = g.scale(at.out, 2.0)?;
    g.div(at.dout, double).map(Some)
});
function!(/// e^x, finite for every finite x: the exponent is clamped to [−87.3, 88.7].
    EXP = "exp"(x), 8, x.max(T::of(-87.3)).min(T::of(88.7)).exp(), |g, at, _, _| g.mul(at.dout, at.out).map(Some));
function!(/// ln x, finite for every finite x ≥ 0: x is clamped below at the smallest normal f32.
    LOG = "log"(x), 8, x.max(T::of(f32::MIN_POSITIVE.into())).ln(),
    |g, at, _, _| g.div(at.dout, at.inputs[0]).map(Some));
function!(/// |x|; the gradient at 0 is 0.
    ABS = "abs"(x), 1, x.abs(), |g, at, _, _| g.map(&ABS_GRAD, &[], &[at.inputs[0], at.dout]).map(Some));
function!(/// dy · sign x.
    ABS_GRAD = "abs_grad"(x, dy), 2,
    if x > T::ZERO { dy } else if x < T::ZERO { -dy } else { T::ZERO }, no_second_derivative);
function!(/// The larger of x and y; at a tie the gradient goes to x.
MAXIMUM = "maximum"(x, y), 1, if y > x { y } else { x }, |g, at, _, k| {
    let (a, b) = (at.inputs[0], at.inputs[1]);
    g.map(if k == 0 { &AT_LEAST } else { &BELOW }, &[], &[a, b, at.dout]).map(Some)
});
function!(/// The smaller of x and y; at a tie the gradient goes to x.
MINIMUM = "minimum"(x, y), 1, if y < x { y } else { x }, |g, at, _, k| {
    let (a, b) = (at.inputs[0], at.inputs[1]);
    match k {
        0 => g.map(&AT_LEAST, &[], &[b, a, at.dout]).map(Some),
        _ => g.map(&BELOW, &[], &[b, a, at.dout]).map(Some),
    }
});
function!(/// z where x ≥ y, else 0; gradients go to z only.
AT_LEAST = "at_least"(x, y, z), 1, if x >= y { z } else { T::ZERO }, |g, at, _, k| match k {
    2 => g.map(&AT_LEAST, &[], &[at.inputs[0], at.inputs[1], at.dout]).map(Some),
    _ => Ok(None),
}, compares);
function!(/// z where x < y, else 0.
    BELOW = "below"(x, y, z), 1, if x < y { z } else { T::ZERO }, no_second_derivative, compares);
function!(/// x limited to [lo, hi]; the gradient is 1 inside (ends included) and 0 outside.
    CLAMP = "clamp"(x; lo, hi), 2, x.max(lo).min(hi),
    |g, at, c, _| g.map(&CLAMP_GRAD, c, &[at.inputs[0], at.dout]).map(Some));
function!(/// dy where lo ≤ x ≤ hi, else 0.
    CLAMP_GRAD = "clamp_grad"(x, dy; lo, hi), 2, if x >= lo && x <= hi { dy } else { T::ZERO }, no_second_derivative);

impl Graph {
    /// x + y, broadcasting.
    pub fn add(&mut self, x: Value, y: Value) -> Result<Value> {
        self.map(&ADD, &[], &[x, y])
    }
    /// x − y, broadcasting.
    pub fn sub(&mut self, x: Value, y: Value) -> Result<Value> {
        self.map(&SUB, &[], &[x, y])
    }
    /// x · y, broadcasting.
    pub fn mul(&mut self, x: Value, y: Value) -> Result<Value> {
        self.map(&MUL, &[], &[x, y])
    }
    /// x / y, broadcasting.
    pub fn div(&mut self, x: Value, y: Value) -> Result<Value> {
        self.map(&DIV, &[], &[x, y])
    }
    /// a · x + b.
    pub fn affine(&mut self, x: Value, a: f32, b: f32) -> Result<Value> {
        self.map(&AFFINE, &[a, b], &[x])
    }
    /// a · x.
    pub fn scale(&mut self, x: Value, a: f32) -> Result<Value> {
        self.affine(x, a, 0.0)
    }
    /// x².
    pub fn square(&mut self, x: Value) -> Result<Value> {
        self.map(&SQUARE, &[], &[x])
    }
    /// √x.
    pub fn sqrt(&mut self, x: Value) -> Result<Value> {
        self.map(&SQRT, &[], &[x])
    }
    /// e^x, clamped to stay finite.
    pub fn exp(&mut self, x: Value) -> Result<Value> {
        self.map(&EXP, &[], &[x])
    }
    /// ln x, clamped to stay finite.
    pub fn log(&mut self, x: Value) -> Result<Value> {
        self.map(&LOG, &[], &[x])
    }
    /// |x|.
    pub fn abs(&mut self, x: Value) -> Result<Value> {
        self.map(&ABS, &[], &[x])
    }
    /// The larger of x and y.
    pub fn maximum(&mut self, x: Value, y: Value) -> Result<Value> {
        self.map(&MAXIMUM, &[], &[x, y])
    }
    /// The smaller of x and y.
    pub fn minimum(&mut self, x: Value, y: Value) -> Result<Value> {
        self.map(&MINIMUM, &[], &[x, y])
    }
    /// `z` where `x` ≥ `y`, else 0, broadcasting; gradients go to `z` only.
    pub fn where_at_least(&mut self, x: Value, y: Value, z: Value) -> Result<Value> {
        self.map(&AT_LEAST, &[], &[x, y, z])
    }
    /// x limited to [lo, hi].
    pub fn clamp(&mut self, x: Value, lo: f32, hi: f32) -> Result<Value> {
        self.map(&CLAMP, &[lo, hi], &[x])
    }
}
