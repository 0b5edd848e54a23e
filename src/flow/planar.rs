//! The planar flow.

use super::{Flow, dimensions};
use crate::error::Result;
use crate::graph::{Graph, Init, Value};

/// f(z) = z + û·tanh(w·z + b), bent along one plane. û = u + (softplus(w·u) − 1 − w·u)·w/|w|² keeps û·w > −1, so that f is
/// invertible (Rezende & Mohamed 2015, arXiv 1505.05770, equations 10 to 12 and appendix A).
#[derive(Clone, Copy, Debug)]
pub struct Planar;

impl Flow for Planar {
    fn forward(&self, g: &mut Graph, z: Value) -> Result<(Value, Value)> {
        let dims = dimensions(g, z, "planar")?;
        let w = g.param("w", [dims, 1], Init::Normal(0.1))?;
        let u = g.param("u", [1, dims], Init::Normal(0.1))?;
        let b = g.param("b", [1], Init::Constant(0.0))?;
        let wu = g.matmul(u, w)?; // [1, 1]
        let raised = g.softplus(wu)?;
        let target = g.affine(raised, 1.0, -1.0)?; // û·w
        let missing = g.sub(target, wu)?;
        let row = g.reshape(w, [1, dims])?;
        let squares = g.square(row)?;
        let norm = g.sum_all(squares)?;
        let norm = g.affine(norm, 1.0, 1e-12)?;
        let along = g.div(row, norm)?;
        let along = g.mul(along, missing)?;
        let u = g.add(u, along)?;
        let projected = g.matmul(z, w)?; // [B, 1]
        let projected = g.add(projected, b)?;
        let h = g.tanh(projected)?;
        let step = g.mul(h, u)?;
        let y = g.add(z, step)?;
        // det = 1 + (1 − h²)·û·w, put so that nothing cancels where û·w is near −1.
        let square = g.square(h)?;
        let slope = g.affine(square, -1.0, 1.0)?;
        let stretch = g.mul(slope, raised)?;
        let det = g.add(square, stretch)?;
        let log_det = g.log(det)?;
        let batch = g.shape(z).dims()[0];
        Ok((y, g.reshape(log_det, [batch])?))
    }
}
