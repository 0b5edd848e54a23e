//! Affine autoregressive flows, in both directions.

use super::coupling::limited;
use super::{Flow, Made, dimensions};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y_i = z_i·e^s_i(z_<i) + t_i(z_<i): drawing takes one pass, so it is for posteriors (inverse autoregressive flow, Kingma
/// 2016, arXiv 1606.04934, section 3). Its inverse goes dimension by dimension.
#[derive(Clone, Copy, Debug)]
pub struct InverseAutoregressive {
    /// The network of s and t.
    pub net: Made,
}

/// y_i = z_i·e^s_i(y_<i) + t_i(y_<i): a density takes one pass (`inverse`), so it is for priors and for data (masked
/// autoregressive flow, Papamakarios 2017, arXiv 1705.07057, equations 3 and 4). Drawing goes dimension by dimension.
#[derive(Clone, Copy, Debug)]
pub struct MaskedAutoregressive {
    /// The network of s and t.
    pub net: Made,
}

/// s within ±2, and t.
fn heads(net: &Made, g: &mut Graph, seen: Value) -> Result<(Value, Value)> {
    let out = net.forward(g, seen, 2)?;
    Ok((limited(g, out[0])?, out[1]))
}

/// x·e^s(x) + t(x).
fn push(net: &Made, g: &mut Graph, x: Value) -> Result<(Value, Value)> {
    let (log_scale, shift) = heads(net, g, x)?;
    let scale = g.exp(log_scale)?;
    let scaled = g.mul(x, scale)?;
    Ok((g.add(scaled, shift)?, g.sum(log_scale, &[1])?))
}

/// (x − t(seen))·e^−s(seen), and −s.
fn pull(net: &Made, g: &mut Graph, x: Value, seen: Value) -> Result<(Value, Value)> {
    let (log_scale, shift) = heads(net, g, seen)?;
    let negative = g.scale(log_scale, -1.0)?;
    let scale = g.exp(negative)?;
    let back = g.sub(x, shift)?;
    Ok((g.mul(back, scale)?, negative))
}

/// Fixes one dimension more in each of L passes: after pass i the first i dimensions of the order are right, and stay so.
fn one_by_one(
    g: &mut Graph,
    x: Value,
    pass: impl Fn(&mut Graph, Value) -> Result<(Value, Value)>,
) -> Result<(Value, Value)> {
    let dims = dimensions(g, x, "autoregressive")?;
    let mut found = g.full(g.shape(x).clone(), 0.0)?;
    let mut logs = found;
    for _ in 0..dims {
        (found, logs) = pass(g, found)?;
    }
    Ok((found, g.sum(logs, &[1])?))
}

impl Flow for InverseAutoregressive {
    fn forward(&self, g: &mut Graph, z: Value) -> Result<(Value, Value)> {
        push(&self.net, g, z)
    }
    fn inverse(&self, g: &mut Graph, y: Value) -> Result<(Value, Value)> {
        one_by_one(g, y, |g, found| pull(&self.net, g, y, found))
    }
}

impl Flow for MaskedAutoregressive {
    fn forward(&self, g: &mut Graph, z: Value) -> Result<(Value, Value)> {
        one_by_one(g, z, |g, found| {
            let (log_scale, shift) = heads(&self.net, g, found)?;
            let scale = g.exp(log_scale)?;
            let scaled = g.mul(z, scale)?;
            Ok((g.add(scaled, shift)?, log_scale))
        })
    }
    fn inverse(&self, g: &mut Graph, y: Value) -> Result<(Value, Value)> {
        let (z, negative) = pull(&self.net, g, y, y)?;
        Ok((z, g.sum(negative, &[1])?))
    }
}
