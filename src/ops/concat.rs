//! Concat: tensors joined along one axis. With each tensor seen as [outer, extent, inner], row o of the result is the rows o
//! of the tensors one after another. The gradient of each is its slice.

use super::view::{around, divide, elementwise};
use super::{Bind, Lowering, Op, Vjp};
use crate::cpu::{Real, Reference, View};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::lower::caps::Caps;
use crate::tensor::{DType, TensorType};
use crate::testing::{ErrorCase, Gen, OpCase, Tol};
use rayon::prelude::*;

/// Most tensors that one kernel joins; [`Graph::concat`] joins more in several.
const WIDTH: usize = 4;

/// Two to four tensors joined along `axis`.
#[derive(Clone, Debug)]
pub struct Concat {
    /// Which axis.
    pub axis: usize,
}

/// The parameters of `shaders/concat.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct ConcatParams {
    /// Where each tensor ends in a row of the output.
    pub ends: [u32; WIDTH],
    /// Elements of the output.
    pub len: u32,
    /// Elements of the output from the axis inwards.
    pub row: u32,
    /// Unused.
    pub pad: [u32; 2],
}

impl Op for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        if !(2..=WIDTH).contains(&inputs.len()) {
            return Err(Error::shape("concat", format!("joins 2 to {WIDTH} tensors, was given {}", inputs.len())));
        }
        if let Some(x) = inputs.iter().find(|x| x.dtype != DType::F32 || x.is_empty()) {
            return Err(Error::shape("concat", format!("takes F32 tensors with elements, not {x}")));
        }
        let fits = |x: &TensorType| {
            let mut dims = x.dims().to_vec();
            let extent = dims.get_mut(self.axis).map(|extent| std::mem::replace(extent, inputs[0].dims()[self.axis]));
            extent.filter(|_| dims == inputs[0].dims())
        };
        let extents = match self.axis < inputs[0].shape.rank() {
            true => inputs.iter().map(fits).collect::<Option<Vec<usize>>>(),
            false => None,
        };
        let unfit = || Error::shape("concat", format!("{inputs:?} differ in more than axis {}", self.axis));
        let mut dims = inputs[0].dims().to_vec();
        dims[self.axis] = extents.ok_or_else(unfit)?.iter().sum();
        Ok(TensorType::f32(dims))
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let mut start = 0;
        let mut grads = vec![];
        for (&input, &need) in at.inputs.iter().zip(at.need) {
            let end = start + g.shape(input).dims()[self.axis];
            grads.push(if need { Some(g.slice(at.dout, self.axis, start..end)?) } else { None });
            start = end;
        }
        Ok(grads)
    }
    fn variants(&self, inputs: &[TensorType], out: &TensorType, _: &Caps) -> Vec<Lowering> {
        let (_, inner) = around(out.dims(), self.axis);
        let mut ends = [0; WIDTH];
        let mut end = 0;
        for (e, x) in ends.iter_mut().zip(inputs) {
            end += (x.dims()[self.axis] * inner) as u32;
            *e = end;
        }
        let params = ConcatParams { ends, len: out.len() as u32, row: end, pad: [0; 2] };
        let binds = [Bind::Out, Bind::In(0), Bind::In(1), Bind::In(2), Bind::In(3)];
        let launch = elementwise("concat", &params, &binds[..=inputs.len()], out.len());
        let launch = launch.spec("DIVIDE", divide(&[end as usize], out.len()));
        let launch = match inputs.len() {
            2 => launch.import("concat/four.wgsl", "concat/two.wgsl"),
            3 => launch.import("concat/four.wgsl", "concat/three.wgsl"),
            _ => launch,
        };
        vec![Lowering::single("rows", launch)]
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
    fn picks(&self) -> bool {
        true
    }
}

impl Reference for Concat {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let sizes: Vec<usize> = inputs.iter().map(|x| x.dims()[self.axis..].iter().product()).collect();
        out.par_chunks_mut(sizes.iter().sum()).with_min_len(64).enumerate().for_each(|(o, mut row)| {
            for (x, &size) in inputs.iter().zip(&sizes) {
                let (here, rest) = row.split_at_mut(size);
                here.copy_from_slice(&x.real()[o * size..][..size]);
                row = rest;
            }
        });
    }
}

impl Graph {
    /// Any number of tensors joined along `axis`, in order. They agree in every other axis.
    pub fn concat(&mut self, tensors: &[Value], axis: usize) -> Result<Value> {
        let mut tensors = tensors.to_vec();
        while tensors.len() > 1 {
            let join = |group: &[Value]| match group {
                [x] => Ok(*x),
                _ => self.apply(Concat { axis }, group),
            };
            tensors = tensors.chunks(WIDTH).map(join).collect::<Result<_>>()?;
        }
        tensors.pop().ok_or_else(|| Error::shape("concat", "was given no tensor to join"))
    }
}

fn case(tensors: &[&[usize]], axis: usize) -> OpCase {
    let inputs: Vec<Gen> = tensors.iter().map(|&dims| Gen::Normal(dims.into(), 1.0)).collect();
    OpCase::new(format!("{tensors:?} along {axis}"), Concat { axis }, inputs).tol(Tol::EXACT)
}

pub(super) fn cases() -> Vec<OpCase> {
    vec![
        case(&[&[63], &[1]], 0),
        case(&[&[7, 65], &[3, 65]], 0),
        case(&[&[65, 7], &[65, 2], &[65, 1]], 1),
        case(&[&[1, 5, 3], &[1, 1, 3], &[1, 7, 3], &[1, 2, 3]], 1),
        case(&[&[2, 3, 5, 7], &[2, 3, 5, 1]], 3),
        case(&[&[2, 3, 5, 7], &[2, 1, 5, 7], &[2, 2, 5, 7]], 1),
        case(&[&[3, 2, 5], &[1, 2, 5], &[2, 2, 5], &[5, 2, 5]], 0),
    ]
}

pub(super) fn errors() -> Vec<ErrorCase> {
    let f = |dims: &[usize]| TensorType::f32(dims);
    vec![
        ErrorCase::new(Concat { axis: 0 }, [f(&[3])], "joins 2 to 4"),
        ErrorCase::new(Concat { axis: 0 }, vec![f(&[3]); 5], "joins 2 to 4"),
        ErrorCase::new(Concat { axis: 0 }, [f(&[3, 4]), f(&[3, 5])], "differ in more than axis 0"),
        ErrorCase::new(Concat { axis: 0 }, [f(&[3, 4]), f(&[3])], "differ in more than axis 0"),
        ErrorCase::new(Concat { axis: 2 }, [f(&[3, 4]), f(&[3, 4])], "differ in more than axis 2"),
        ErrorCase::new(Concat { axis: 0 }, [f(&[3]), TensorType::u32([3])], "takes F32"),
    ]
}

pub(super) fn bench() -> Vec<OpCase> {
    vec![case(&[&[64, 32, 32, 32], &[64, 32, 32, 32]], 3)]
}
