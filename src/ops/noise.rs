//! Random numbers: elements 4b..4b+4 of a draw are the words of the Philox4x32-10 block with counter (b, stream, step) and
//! the seed as key, so a draw is a pure function of (seed, step, stream, index) on every device.
//!
//! * Uniform: (w >> 8)·2⁻²⁴, in [0, 1).
//! * Bernoulli: 1 where that is below p, else 0.
//! * Normal: Box–Muller on words (0, 1) and (2, 3): √(−2 ln u)·(cos 2πv, sin 2πv), u = ((w >> 8) + 1)·2⁻²⁴ in (0, 1].

use super::{Bind, ChainSlot, Cost, Launch, Lowering, Op, Vjp};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::rng::philox4x32_10;
use crate::tensor::{Shape, TensorType};
use crate::testing::{ErrorCase, Gen, OpCase, Tol};
use rayon::prelude::*;

/// A distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Mean 0, variance 1.
    Normal,
    /// In [0, 1).
    Uniform,
    /// 1 with this probability (kept to 2⁻²⁴), else 0.
    Bernoulli(f32),
}

/// Draws a tensor from its one input, the generator's state: `U32[4]`, (seed low, seed high, step low, step high), which
/// the host writes before each run.
#[derive(Clone, Debug)]
pub struct Noise {
    /// The distribution.
    pub kind: Kind,
    /// The shape of the draw.
    pub shape: Shape,
    /// Which of the independent streams of (seed, step); see [`Graph::next_stream`].
    pub stream: u32,
}

/// The parameters of `shaders/noise.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct NoiseParams {
    /// Elements.
    pub len: u32,
    /// Stream.
    pub stream: u32,
    /// Bernoulli: p·2²⁴.
    pub threshold: u32,
    /// Nothing.
    pub pad: u32,
}

impl Noise {
    /// p·2²⁴ of a Bernoulli draw.
    fn threshold(&self) -> u32 {
        match self.kind {
            Kind::Bernoulli(p) => (f64::from(p) * 2f64.powi(24)).round() as u32,
            _ => 0,
        }
    }
}

impl Op for Noise {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Normal => "normal",
            Kind::Uniform => "uniform",
            Kind::Bernoulli(_) => "bernoulli",
        }
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        if *inputs != [TensorType::u32([4])] {
            let message =
                format!("takes the generator's state, U32[4]: seed and step, low words first; not {inputs:?}");
            return Err(Error::shape(self.name(), message));
        }
        if self.shape.is_empty() {
            return Err(Error::shape(self.name(), format!("a draw of shape {} has no elements", self.shape)));
        }
        if matches!(self.kind, Kind::Bernoulli(p) if !(0.0..=1.0).contains(&p)) {
            return Err(Error::shape(self.name(), format!("{:?}: the probability must be in [0, 1]", self.kind)));
        }
        Ok(TensorType::f32(self.shape.clone()))
    }
    fn vjp(&self, _: &mut Graph, _: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None])
    }
    fn variants(&self, _: &[TensorType], out: &TensorType, _: &Caps) -> Vec<Lowering> {
        let params = NoiseParams { len: out.len() as u32, stream: self.stream, threshold: self.threshold(), pad: 0 };
        let kind: u32 = match self.kind {
            Kind::Normal => 0,
            Kind::Uniform => 1,
            Kind::Bernoulli(_) => 2,
        };
        let launch = Launch::new("noise", &params, &[Bind::In(0), Bind::Out], (out.len() as u64).div_ceil(4 * 64))
            .spec("KIND", kind)
            .chain(ChainSlot::Epilogue);
        vec![Lowering::single("blocks", launch)]
    }
    fn cost(&self, _: &[TensorType], out: &TensorType) -> Cost {
        Cost { flops: out.len() as u64 * 60, bytes: out.bytes() as u64 }
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

impl Reference for Noise {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        const BLOCKS: usize = 1 << 10;
        let state = inputs[0].u32();
        let threshold = self.threshold();
        out.par_chunks_mut(4 * BLOCKS).enumerate().for_each(|(part, out)| {
            for (block, out) in out.chunks_mut(4).enumerate() {
                let counter = [(part * BLOCKS + block) as u32, self.stream, state[2], state[3]];
                let w = philox4x32_10(counter, [state[0], state[1]]).map(|w| w >> 8);
                let x = match self.kind {
                    Kind::Normal => {
                        let ([a, b], [c, d]) = (box_muller(w[0], w[1]), box_muller(w[2], w[3]));
                        [a, b, c, d]
                    }
                    Kind::Uniform => w.map(|w| f64::from(w) * 2f64.powi(-24)),
                    Kind::Bernoulli(_) => w.map(|w| f64::from(u8::from(w < threshold))),
                };
                out.iter_mut().zip(x).for_each(|(o, x)| *o = T::of(x));
            }
        });
    }
}

/// Two standard normal numbers from two 24-bit integers (Box and Muller, "A note on the generation of random normal
/// deviates", 1958).
fn box_muller(u: u32, v: u32) -> [f64; 2] {
    let radius = (-2.0 * ((f64::from(u) + 1.0) * 2f64.powi(-24)).ln()).sqrt();
    let (sin, cos) = (std::f64::consts::TAU * f64::from(v) * 2f64.powi(-24)).sin_cos();
    [radius * cos, radius * sin]
}

impl Graph {
    /// The graph's noise state, the input `rng`: U32\[4\], seed and step, each low word first. Whoever runs steps writes it.
    ///
    /// # Errors
    /// [`Error::Name`] where another input has its name.
    pub fn noise_state(&mut self) -> Result<Value> {
        self.input("rng", TensorType::u32([4]))
    }
    /// A draw from `kind` on a stream of its own. `state` is an input of type `U32[4]`: seed and step, low words first.
    pub fn noise(&mut self, kind: Kind, state: Value, shape: impl Into<Shape>) -> Result<Value> {
        let stream = self.next_stream();
        self.apply(Noise { kind, shape: shape.into(), stream }, &[state])
    }
    /// Standard normal noise; see [`Graph::noise`].
    pub fn normal(&mut self, state: Value, shape: impl Into<Shape>) -> Result<Value> {
        self.noise(Kind::Normal, state, shape)
    }
    /// Uniform noise in [0, 1); see [`Graph::noise`].
    pub fn uniform(&mut self, state: Value, shape: impl Into<Shape>) -> Result<Value> {
        self.noise(Kind::Uniform, state, shape)
    }
    /// Ones with probability `p`, else zeros; see [`Graph::noise`].
    pub fn bernoulli(&mut self, state: Value, shape: impl Into<Shape>, p: f32) -> Result<Value> {
        self.noise(Kind::Bernoulli(p), state, shape)
    }
}

fn state() -> Gen {
    Gen::Words([4].into(), vec![0x89ab_cdef, 0x0123_4567, 0xffff_fffe, 3])
}

fn draw(kind: Kind, shape: &[usize], stream: u32) -> OpCase {
    let op = Noise { kind, shape: shape.into(), stream };
    OpCase::new(format!("{kind:?} {shape:?}"), op, [state()]).no_grad("the state is not differentiable")
}

pub(super) fn cases() -> Vec<OpCase> {
    let shapes: [&[usize]; 6] = [&[1], &[], &[63], &[7, 65], &[257], &[40_001]];
    let mut cases = vec![];
    for (stream, shape) in shapes.into_iter().enumerate() {
        for kind in [Kind::Uniform, Kind::Bernoulli(0.3), Kind::Bernoulli(1.0), Kind::Bernoulli(0.0)] {
            cases.push(draw(kind, shape, stream as u32).tol(Tol::EXACT));
        }
        // Logarithm, square root, polynomial and product: some ten roundings of half an ulp each.
        let tol = Tol { abs: 1e-37, rel: 1e-6, depth: 0.0 };
        cases.push(draw(Kind::Normal, shape, u32::MAX - stream as u32).tol(tol));
    }
    cases
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let op = |kind, shape: &[usize]| Noise { kind, shape: shape.into(), stream: 0 };
    vec![
        ErrorCase::new(op(Kind::Normal, &[3]), [TensorType::f32([4])], "takes the generator's state"),
        ErrorCase::new(op(Kind::Normal, &[3]), [], "takes the generator's state"),
        ErrorCase::new(op(Kind::Normal, &[3, 0]), [TensorType::u32([4])], "no elements"),
        ErrorCase::new(op(Kind::Bernoulli(1.5), &[3]), [TensorType::u32([4])], "must be in [0, 1]"),
        ErrorCase::new(op(Kind::Bernoulli(f32::NAN), &[3]), [TensorType::u32([4])], "must be in [0, 1]"),
    ]
}

pub(super) fn bench() -> Vec<OpCase> {
    vec![draw(Kind::Normal, &[64, 32, 32, 32], 0), draw(Kind::Uniform, &[64, 32, 32, 32], 0)]
}
