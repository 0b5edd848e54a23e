//! What kernels that walk rows share: a tensor as [rows, columns], and how a workgroup lies over it (`shaders/lib/rows.wgsl`).

use super::{Bind, Launch, Lowering};
use crate::error::{Error, Result};
use crate::lower::caps::Caps;
use crate::tensor::{DType, TensorType};
use rayon::prelude::*;

/// The parameters of `shaders/lib/rows.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct RowsParams {
    /// Rows.
    pub rows: u32,
    /// Columns.
    pub columns: u32,
    /// Norms: added to variances.
    pub eps: f32,
    /// Nothing.
    pub pad: u32,
}

/// A tensor as a matrix whose rows are its last axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    pub rows: usize,
    pub columns: usize,
}

impl Rows {
    /// How `op` sees `x`: an F32 tensor with elements and an axis at least.
    pub fn of(op: &str, x: &TensorType) -> Result<Self> {
        if x.dtype != DType::F32 || x.shape.rank() == 0 || x.is_empty() {
            return Err(Error::shape(op, format!("takes an F32 tensor [.., columns] with elements, not {x}")));
        }
        if u32::try_from(x.len()).is_err() {
            return Err(Error::shape(op, format!("{x} has 2³² elements or more; split it")));
        }
        Ok(Self::seen(x))
    }
    /// [`Rows::of`] for a type that it has accepted.
    pub fn seen(x: &TensorType) -> Self {
        let columns = x.shape.last();
        Self { rows: x.len() / columns, columns }
    }
    /// The extents before the last of `x`: what is left when rows become numbers.
    pub fn outer(x: &TensorType) -> &[usize] {
        &x.dims()[..x.shape.rank() - 1]
    }

    /// A team of invocations a row, or an invocation a row, which needs no barrier: the better first. `finish` adds what is
    /// the kernel's own.
    pub fn variants(
        &self,
        kernel: &'static str,
        eps: f32,
        binds: &[Bind],
        caps: &Caps,
        finish: impl Fn(Launch) -> Launch,
    ) -> Vec<Lowering> {
        let params = RowsParams { rows: self.rows as u32, columns: self.columns as u32, eps, pad: 0 };
        let most = self.columns.next_power_of_two();
        let wg = if caps.software { 8 } else { most.clamp(64, 256) };
        let launch = |team: usize| {
            let launch = Launch::new(kernel, &params, binds, self.rows.div_ceil(wg / team) as u64);
            finish(launch.spec("WG", wg as u32).spec("TEAM", team as u32))
        };
        let team = Lowering::single("team", launch(most.min(wg)));
        let each = Lowering::single("each", launch(1));
        // Software runs lanes one after another in all but name: barriers cost, far addresses do not.
        match (most, caps.software && self.rows >= 4 * wg) {
            (1, _) => vec![each],
            (_, true) => vec![each, team],
            (_, false) => vec![team, each],
        }
    }

    /// Calls `each` with every row of `out`, `width` elements a row, and its number.
    pub fn each<T: Send>(out: &mut [T], width: usize, each: impl Fn(usize, &mut [T]) + Sync) {
        out.par_chunks_mut(width).with_min_len(16).enumerate().for_each(|(row, out)| each(row, out));
    }
}
