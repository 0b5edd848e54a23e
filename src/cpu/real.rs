//! The number types of the reference: one code, f32 for the CPU device and f64 for the oracle.

use crate::ops::pointwise::Function;
use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// f32 or f64.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Sum
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The nearest value of this type.
    fn of(x: f64) -> Self;
    /// Exact.
    fn f64(self) -> f64;
    /// Whether it is neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// e^x.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// ln(1 + x).
    fn ln_1p(self) -> Self;
    /// e^x − 1.
    fn exp_m1(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Sine.
    fn sin(self) -> Self;
    /// Cosine.
    fn cos(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// The larger; NaN where `self` is NaN, so that a limited value does not hide what went wrong.
    fn max(self, other: Self) -> Self;
    /// The smaller; NaN where `self` is NaN.
    fn min(self, other: Self) -> Self;
    /// Rounds down.
    fn floor(self) -> Self;

    /// Evaluates a pointwise function on blocks in this type.
    fn pointwise(f: &Function, inputs: &[&[Self]], attrs: &[Self], out: &mut [Self]);

    /// `c ← a·b (+ c where accumulate)`, with element (i, j) of an m×k `a` at `a[i·a_row + j·a_col]`, and so on; `c` is
    /// m×n and row-major with stride `c_row`.
    fn matmul(
        dims: [usize; 3],
        a: Strided<'_, Self>,
        b: Strided<'_, Self>,
        c: &mut [Self],
        c_row: usize,
        accumulate: bool,
        threads: Threads,
    );
}

/// Where a matrix product runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// On all threads where it is large enough.
    All,
    /// On the calling thread: for callers that are parallel themselves.
    One,
}

/// A matrix inside a slice: element (i, j) at `data[i·row + j·col]`.
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a, T> {
    /// The elements.
    pub data: &'a [T],
    /// Distance between rows.
    pub row: usize,
    /// Distance between columns.
    pub col: usize,
}

/// One past the last element that an r×c matrix with these strides touches.
fn extent(rows: usize, cols: usize, row: usize, col: usize) -> usize {
    if rows == 0 || cols == 0 { 0 } else { (rows - 1) * row + (cols - 1) * col + 1 }
}

macro_rules! real {
    ($t:ty, $eval:ident) => {
        impl Real for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn f64(self) -> f64 {
                self as f64
            }
            real!(@unary $t, exp ln ln_1p exp_m1 sqrt tanh sin cos abs floor);
            #[inline(always)]
            fn is_finite(self) -> bool {
                <$t>::is_finite(self)
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                if other > self { other } else { self }
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                if other < self { other } else { self }
            }
            fn pointwise(f: &Function, inputs: &[&[Self]], attrs: &[Self], out: &mut [Self]) {
                (f.$eval)(inputs, attrs, out);
            }
            fn matmul(
                [m, k, n]: [usize; 3],
                a: Strided<'_, Self>,
                b: Strided<'_, Self>,
                c: &mut [Self],
                c_row: usize,
                accumulate: bool,
                threads: Threads,
            ) {
                assert!(a.data.len() >= extent(m, k, a.row, a.col), "matmul: a is too short");
                assert!(b.data.len() >= extent(k, n, b.row, b.col), "matmul: b is too short");
                assert!(c.len() >= extent(m, n, c_row, 1), "matmul: c is too short");
                let parallelism = match threads {
                    Threads::All if m * k * n >= 32_768 => gemm::Parallelism::Rayon(0),
                    _ => gemm::Parallelism::None,
                };
                // SAFETY: the asserts above keep every element that gemm reads or writes inside its slice.
                unsafe {
                    gemm::gemm(
                        m,
                        n,
                        k,
                        c.as_mut_ptr(),
                        1,
                        c_row as isize,
                        accumulate,
                        a.data.as_ptr(),
                        a.col as isize,
                        a.row as isize,
                        b.data.as_ptr(),
                        b.col as isize,
                        b.row as isize,
                        1.0,
                        1.0,
                        false,
                        false,
                        false,
                        parallelism,
                    );
                }
            }
        }
    };
    (@unary $t:ty, $($f:ident)*) => {
        $(
            #[inline(always)]
            fn $f(self) -> Self {
                <$t>::$f(self)
            }
        )*
    };
}
real!(f32, eval32);
real!(f64, eval64);
