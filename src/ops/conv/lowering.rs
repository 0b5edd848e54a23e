//! Kernels of the convolutions: implicit matrix products, on the cores that [`gemm`] chooses among. Those for images of few
//! channels are in [`few`].

use super::Geometry;
use super::few;
use super::params::{Conv2dParams, InputGradParams, WeightGradParams};
use crate::lower::caps::Caps;
use crate::ops::gemm::{self, Left, Products, Right, Tile};
use crate::ops::matmul::split_sum;
use crate::ops::{Bind, ChainSlot, Launch, Lowering, permute};
use crate::tensor::TensorType;

/// What all kernels bind.
const BINDS: [Bind; 3] = [Bind::In(0), Bind::In(1), Bind::Out];

fn fits(depth: usize, caps: &Caps) -> bool {
    depth as u64 <= u64::from(caps.max_groups)
}

/// Variants of the convolution.
pub(super) fn forward(geo: &Geometry, caps: &Caps) -> Vec<Lowering> {
    let depth = geo.conv.groups;
    if !fits(depth, caps) {
        return vec![];
    }
    let size = [geo.pixels(), geo.og()];
    let params =
        Conv2dParams { w_tap: (geo.cg() * geo.oc) as u32, w_ci: geo.oc as u32, w_co: 1, ..Conv2dParams::of(geo) };
    let lowering = |tile: &Tile| {
        let launch = Launch::new("conv2d", &params, &BINDS, tile.groups(size)).depth(depth as u32);
        Lowering::single(tile.name, tile.schedule(launch).chain(ChainSlot::Epilogue))
    };
    let left = if geo.cg().is_multiple_of(4) { Left::Depth } else { Left::Ones };
    let products = Products { size, depth: depth as u64, left, right: Right::rows(geo.og()), deep: [true, false] };
    let tiles = gemm::tiles(&products, caps);
    few::forward(geo, caps).into_iter().chain(tiles.iter().map(lowering)).collect()
}

/// Variants of the input gradient.
pub(super) fn input_grad(geo: &Geometry, caps: &Caps) -> Vec<Lowering> {
    let conv = &geo.conv;
    let depth = conv.groups * conv.stride[0] * conv.stride[1];
    if !fits(depth, caps) {
        return vec![];
    }
    let [lines, width] = geo.class();
    let size = [geo.batch * lines * width, geo.cg()];
    let [step, back] = geo.steps();
    let params = InputGradParams {
        w_tap: (geo.cg() * geo.oc) as u32,
        w_ci: geo.oc as u32,
        w_co: 1,
        step_h: step[0],
        step_w: step[1],
        back_h: back[0],
        back_w: back[1],
        ..InputGradParams::of(geo)
    };
    // The op takes (w, dy), the kernels bind (dy, w).
    let launch = |params: &InputGradParams, w: Bind, tile: &Tile| {
        let launch = Launch::new("conv2d_input_grad", params, &[Bind::In(1), w, Bind::Out], tile.groups(size));
        tile.schedule(launch.depth(depth as u32)).chain(ChainSlot::Epilogue)
    };
    // k runs over the channels of dy, side by side in both.
    let fours = geo.og().is_multiple_of(4);
    let (left, right) = if fours { (Left::Depth, Right::Depth) } else { (Left::Ones, Right::Columns) };
    let plain = Products { size, depth: depth as u64, left, right, deep: [true, true] };
    let mut scored: Vec<(f64, Lowering)> = vec![];
    // A turned filter has its input channels side by side, which the vector core needs.
    let turned = Products { right: Right::rows(geo.cg()), deep: [true, false], ..plain };
    if let (1, true, Some(turn)) =
        (conv.groups, turned.right.fours(), permute::turn(0, [geo.kh * geo.kw, geo.c, geo.oc], caps))
    {
        let params = InputGradParams { w_tap: (geo.c * geo.oc) as u32, w_ci: 1, w_co: geo.c as u32, ..params };
        let lowering = |tile: &Tile| Lowering {
            name: tile.name,
            passes: vec![turn.clone(), launch(&params, Bind::Scratch(0), tile)],
            scratch: vec![TensorType::f32([geo.depth() * geo.oc])],
        };
        let tiles = gemm::tiles(&turned, caps);
        scored.extend(tiles.iter().filter(|t| t.vector()).map(|t| (t.score(&turned, caps), lowering(t))));
    }
    let single = |tile: &Tile| Lowering::single(tile.name, launch(&params, Bind::In(0), tile));
    scored.extend(gemm::tiles(&plain, caps).iter().map(|t| (t.score(&plain, caps), single(t))));
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    few::input_grad(geo, caps).into_iter().chain(scored.into_iter().map(|(_, lowering)| lowering)).collect()
}

/// Variants of the weight gradient: pixels are split so that small filters fill the device too.
pub(super) fn weight_grad(geo: &Geometry, caps: &Caps) -> Vec<Lowering> {
    let (groups, pixels) = (geo.conv.groups, geo.pixels());
    if !fits(groups, caps) {
        return vec![];
    }
    let len = geo.depth() * geo.oc;
    let size = [geo.depth(), geo.og()];
    let split_into = |splits: usize| {
        let chunk = pixels.div_ceil(splits).next_multiple_of(8);
        (chunk, pixels.div_ceil(chunk))
    };
    // Each variant splits as its own tile needs it.
    let splits = |tile: &Tile| {
        let wanted = if caps.software { 32 } else { tile.enough(caps) };
        let smallest = if caps.software { 256 } else { 64 };
        let memory = caps.max_binding_bytes as usize / (4 * len).max(1);
        let most = memory.min(caps.max_groups as usize / groups).min(pixels / smallest);
        ((wanted / (tile.groups(size) * groups as u64)).max(1) as usize).min(most).max(1)
    };
    let lowering = |tile: &Tile| {
        let (chunk, splits) = split_into(splits(tile));
        let params = WeightGradParams { chunk: chunk as u32, ..WeightGradParams::of(geo) };
        let launch = |out: Bind| {
            let launch =
                Launch::new("conv2d_weight_grad", &params, &[Bind::In(0), Bind::In(1), out], tile.groups(size));
            tile.schedule(launch.depth((splits * groups) as u32))
        };
        match splits {
            1 => Lowering::single(tile.name, launch(Bind::Out).chain(ChainSlot::Epilogue)),
            _ => Lowering {
                name: tile.name,
                passes: vec![launch(Bind::Scratch(0)), split_sum(len, splits)],
                scratch: vec![TensorType::f32([splits * len])],
            },
        }
    };
    let likely = (pixels / 256).max(1) as u64;
    let left = if geo.cg().is_multiple_of(4) { Left::Rows } else { Left::Ones };
    let products =
        Products { size, depth: groups as u64 * likely, left, right: Right::rows(geo.og()), deep: [false; 2] };
    gemm::tiles(&products, caps).iter().map(lowering).collect()
}
