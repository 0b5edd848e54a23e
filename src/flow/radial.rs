//! The radial flow.

use super::{Flow, dimensions};
use crate::error::Result;
use crate::graph::{Graph, Init, Value};

/// f(z) = z + β·h·(z − z₀) with h = 1/(α + |z − z₀|), drawn to or pushed from a centre. α = softplus(a) and
/// β = softplus(b) − α keep it invertible (Rezende & Mohamed 2015, arXiv 1505.05770, equation 14 and appendix A).
#[derive(Clone, Copy, Debug)]
pub struct Radial;

impl Flow for Radial {
    fn forward(&self, g: &mut Graph, z: Value) -> Result<(Value, Value)> {
        let dims = dimensions(g, z, "radial")?;
        let batch = g.shape(z).dims()[0];
        let centre = g.param("centre", [dims], Init::Normal(1.0))?;
        let a = g.param("alpha", [1], Init::Constant(0.0))?;
        let b = g.param("beta", [1], Init::Constant(0.1))?;
        let alpha = g.softplus(a)?;
        let grown = g.softplus(b)?;
        let d = g.sub(z, centre)?;
        let squares = g.square(d)?;
        let squares = g.sum(squares, &[1])?;
        let squares = g.affine(squares, 1.0, 1e-20)?; // the root's slope at the centre itself
        let r = g.sqrt(squares)?;
        let r = g.reshape(r, [batch, 1])?;
        let reach = g.add(r, alpha)?;
        // 1 + β·h = (r + softplus(b))/(r + α): sums of what is positive, so that nothing cancels where β is near −α.
        let swollen = g.add(r, grown)?;
        let stretch = g.div(swollen, reach)?;
        let moved = g.mul(stretch, d)?;
        let y = g.add(centre, moved)?;
        // det = (1 + β·h)^(L−1)·(1 + β·h + β·h'·r); h + h'·r = α·h² makes the latter r·h + α·h·(1 + β·h).
        let across = g.log(stretch)?;
        let across = g.scale(across, dims as f32 - 1.0)?;
        let share = g.div(alpha, reach)?;
        let rest = g.div(r, reach)?;
        let weighted = g.mul(share, stretch)?;
        let along = g.add(rest, weighted)?;
        let along = g.log(along)?;
        let log_det = g.add(across, along)?;
        Ok((y, g.reshape(log_det, [batch])?))
    }
}
