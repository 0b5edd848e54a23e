//! Kernels of the convolutions: implicit matrix products, on the cores that [`gemm`] chooses among, and one kernel of its own
//! for images of few channels.

use super::Geometry;
use crate::lower::caps::Caps;
use crate::ops::gemm::{self, Left, Products, Right, Tile};
use crate::ops::matmul::split_sum;
use crate::ops::{Bind, ChainSlot, Launch, Lowering, permute};
use crate::tensor::TensorType;

/// The start of every convolution's parameters, and what follows.
macro_rules! params {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct $name {
            /// Images.
            pub batch: u32,
            /// Height of the convolution's input.
            pub h: u32,
            /// Width of the convolution's input.
            pub w: u32,
            /// Channels of the convolution's input.
            pub c: u32,
            /// Height of its output.
            pub oh: u32,
            /// Width of its output.
            pub ow: u32,
            /// Channels of its output.
            pub oc: u32,
            /// Filter height.
            pub kh: u32,
            /// Filter width.
            pub kw: u32,
            /// Stride downwards.
            pub stride_h: u32,
            /// Stride across.
            pub stride_w: u32,
            /// Zeros above.
            pub pad_h: u32,
            /// Zeros to the left.
            pub pad_w: u32,
            /// Dilation downwards.
            pub dil_h: u32,
            /// Dilation across.
            pub dil_w: u32,
            /// Channel groups.
            pub groups: u32,
            $($(#[$field_doc])* pub $field: u32,)*
        }

        impl $name {
            /// The part that the geometry gives; the rest is 0.
            fn of(geo: &Geometry) -> Self {
                let conv = &geo.conv;
                Self {
                    batch: geo.batch as u32,
                    h: geo.h as u32,
                    w: geo.w as u32,
                    c: geo.c as u32,
                    oh: geo.oh as u32,
                    ow: geo.ow as u32,
                    oc: geo.oc as u32,
                    kh: geo.kh as u32,
                    kw: geo.kw as u32,
                    stride_h: conv.stride[0] as u32,
                    stride_w: conv.stride[1] as u32,
                    pad_h: conv.pad[0] as u32,
                    pad_w: conv.pad[1] as u32,
                    dil_h: conv.dilation[0] as u32,
                    dil_w: conv.dilation[1] as u32,
                    groups: conv.groups as u32,
                    $($field: 0,)*
                }
            }
        }
    };
}
params!(
    /// The parameters of `shaders/conv2d.wgsl`.
    Conv2dParams {
        /// Stride of a tap in the filter.
        w_tap,
        /// Stride of an input channel in the filter.
        w_ci,
        /// Stride of an output channel in the filter.
        w_co,
    }
);
params!(
    /// The parameters of `shaders/conv2d_input_grad.wgsl`.
    InputGradParams {
        /// Stride of a tap in the filter.
        w_tap,
        /// Stride of an input channel in the filter.
        w_ci,
        /// Stride of an output channel in the filter.
        w_co,
        /// Filter rows between taps that reach one parity class.
        step_h,
        /// Filter columns between taps that reach one parity class.
        step_w,
        /// Rows of dy between those taps.
        back_h,
        /// Columns of dy between those taps.
        back_w,
    }
);
params!(
    /// The parameters of `shaders/conv2d_input_grad_few.wgsl`.
    FewChannelsParams {
        /// Stride of a tap in the filter; wraps where the filter is turned round.
        w_tap,
        /// Stride of an input channel in the filter.
        w_ci,
        /// Stride of an output channel in the filter.
        w_co,
        /// Filter rows between taps that reach one parity class.
        step_h,
        /// Filter columns between taps that reach one parity class.
        step_w,
        /// Rows of dy between those taps.
        back_h,
        /// 1.
        back_w,
        /// Where the weight of the first tap lies.
        w_base,
    }
);
params!(
    /// The parameters of `shaders/conv2d_weight_grad.wgsl`.
    WeightGradParams {
        /// Output pixels a split.
        chunk,
    }
);

/// What all kernels bind.
const BINDS: [Bind; 3] = [Bind::In(0), Bind::In(1), Bind::Out];

fn fits(depth: usize, caps: &Caps) -> bool {
    depth as u64 <= u64::from(caps.max_groups)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
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
    let few = turned(geo);
    let few = few.and_then(|(geo, params)| few_channels(&geo, params, [Bind::In(0), Bind::In(1)], false, caps));
    let left = if geo.cg().is_multiple_of(4) { Left::Depth } else { Left::Ones };
    let products = Products { size, depth: depth as u64, left, right: Right::rows(geo.og()), deep: [true, false] };
    few.into_iter().chain(gemm::tiles(&products, caps).iter().map(lowering)).collect()
}

/// A plain convolution of stride 1 seen as the input gradient of the convolution with the filter turned round.
fn turned(geo: &Geometry) -> Option<(Geometry, FewChannelsParams)> {
    let conv = &geo.conv;
    let pad = |axis: usize, kernel: usize| (kernel - 1).checked_sub(conv.pad[axis]);
    let [top, left] = [pad(0, geo.kh)?, pad(1, geo.kw)?];
    if conv.stride != [1, 1] || conv.dilation != [1, 1] || conv.groups != 1 {
        return None;
    }
    let (h, w, c, oh, ow, oc) = (geo.oh, geo.ow, geo.oc, geo.h, geo.w, geo.c);
    let turned = Geometry { h, w, c, oh, ow, oc, ..*geo };
    let params = FewChannelsParams {
        pad_h: top as u32,
        pad_w: left as u32,
        w_tap: ((geo.c * geo.oc) as u32).wrapping_neg(),
        w_ci: 1,
        w_co: geo.oc as u32,
        w_base: ((geo.kh * geo.kw - 1) * geo.c * geo.oc) as u32,
        ..FewChannelsParams::of(&turned)
    };
    Some((turned, params))
}

/// The few-channel kernel for an input gradient, where it is legal and worth it, by four channels a lane or by one. `inputs`:
/// dy and w.
fn few_channels(
    geo: &Geometry,
    params: FewChannelsParams,
    inputs: [Bind; 2],
    fours: bool,
    caps: &Caps,
) -> Option<Lowering> {
    let conv = &geo.conv;
    let lanes = gemm::subgroup(caps)?;
    let [step, back] = steps(geo);
    let taps = (geo.kw as u32).div_ceil(step[1]);
    let channels = geo.cg() as u32;
    // Past 32 (pixels × taps) registers become memory; by fours earlier.
    let pixels: u32 = if 16 * taps <= 32 { 16 } else { 8 };
    let unrolled = if fours { taps * channels <= 6 } else { pixels * taps <= 32 };
    if channels > 4 || back[1] != 1 || !pixels.is_multiple_of(lanes) || !unrolled {
        return None;
    }
    let params = FewChannelsParams { step_h: step[0], step_w: step[1], back_h: back[0], back_w: back[1], ..params };
    let [lines, width] = class(geo);
    let groups = (geo.batch * lines) as u64 * (width as u64).div_ceil(pixels.into());
    let binds = [inputs[0], inputs[1], Bind::Out];
    let launch = Launch::new("conv2d_input_grad_few", &params, &binds, groups)
        .spec("SG", lanes)
        .spec("TX", pixels)
        .spec("TN", channels)
        .spec("TAPS", taps)
        .depth((conv.groups * conv.stride[0] * conv.stride[1]) as u32)
        .chain(ChainSlot::Epilogue);
    Some(match fours {
        true => {
            let launch = launch.import("few/ones.wgsl", "few/fours.wgsl");
            Lowering::single("few channels by fours", gemm::fours(launch, caps.wide()))
        }
        false => Lowering::single("few channels", launch),
    })
}

/// Taps between taps that reach one parity class, and pixels of dy between those: down and across.
fn steps(geo: &Geometry) -> [[u32; 2]; 2] {
    let common = |axis: usize| gcd(geo.conv.stride[axis], geo.conv.dilation[axis]);
    let per = |v: [usize; 2]| [0, 1].map(|axis| (v[axis] / common(axis)) as u32);
    [per(geo.conv.stride), per(geo.conv.dilation)]
}

/// Lines and columns of the image in parity class 0, the largest.
fn class(geo: &Geometry) -> [usize; 2] {
    [geo.h.div_ceil(geo.conv.stride[0]), geo.w.div_ceil(geo.conv.stride[1])]
}

/// Variants of the input gradient.
pub(super) fn input_grad(geo: &Geometry, caps: &Caps) -> Vec<Lowering> {
    let conv = &geo.conv;
    let depth = conv.groups * conv.stride[0] * conv.stride[1];
    if !fits(depth, caps) {
        return vec![];
    }
    let [lines, width] = class(geo);
    let size = [geo.batch * lines * width, geo.cg()];
    let [step, back] = steps(geo);
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
    let few =
        FewChannelsParams { w_tap: params.w_tap, w_ci: params.w_ci, w_co: params.w_co, ..FewChannelsParams::of(geo) };
    // The op takes (w, dy), the kernels bind (dy, w).
    let launch = |params: &InputGradParams, w: Bind, tile: &Tile| {
        let launch = Launch::new("conv2d_input_grad", params, &[Bind::In(1), w, Bind::Out], tile.groups(size));
        tile.schedule(launch.depth(depth as u32)).chain(ChainSlot::Epilogue)
    };
    let left = if geo.og().is_multiple_of(4) { Left::Depth } else { Left::Ones };
    let plain = Products { size, depth: depth as u64, left, right: Right::Columns, deep: [true, true] };
    let few = |fours| few_channels(geo, few, [Bind::In(1), Bind::In(0)], fours, caps);
    let few = if left == Left::Depth { few(true) } else { None }.into_iter().chain(few(false));
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
    few.chain(scored.into_iter().map(|(_, lowering)| lowering)).collect()
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
        let wanted: u64 = if caps.software { 32 } else { 1024 };
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
