//! Kernels for images of few channels, the image end of a decoder: input gradients, and forward convolutions of stride 1,
//! which are input gradients with the filter turned round.

use super::params::{BlocksParams, FewChannelsParams};
use super::{Conv2d, Geometry};
use crate::lower::caps::Caps;
use crate::ops::{Bind, ChainSlot, Launch, Lowering, gemm};

/// Most channels of a group.
const CHANNELS: usize = 4;

/// Strides of the filter: of a tap, of a channel of the image, of a channel of dy; and where it begins.
#[derive(Clone, Copy)]
struct Filter {
    tap: u32,
    ci: u32,
    co: u32,
    base: u32,
}

/// An input gradient with few channels.
struct Few<'a> {
    geo: Geometry,
    filter: Filter,
    /// dy, the filter, dx.
    binds: [Bind; 3],
    /// Of every subgroup.
    lanes: u32,
    caps: &'a Caps,
}

/// Variants of the convolution: seen as the input gradient of the one with the filter turned round.
pub(super) fn forward(geo: &Geometry, caps: &Caps) -> Vec<Lowering> {
    let conv = &geo.conv;
    let pad = |axis: usize, kernel: usize| (kernel - 1).checked_sub(conv.pad[axis]);
    let (Some(top), Some(left)) = (pad(0, geo.kh), pad(1, geo.kw)) else { return vec![] };
    if conv.stride != [1, 1] || conv.dilation != [1, 1] || conv.groups != 1 {
        return vec![];
    }
    let (h, w, c, oh, ow, oc) = (geo.oh, geo.ow, geo.oc, geo.h, geo.w, geo.c);
    let conv = Conv2d { pad: [top, left, 0, 0], ..*conv }; // the kernels need no other side
    let turned = Geometry { h, w, c, oh, ow, oc, conv, ..*geo };
    let (tap, last) = ((geo.c * geo.oc) as u32, geo.kh * geo.kw - 1);
    let filter = Filter { tap: tap.wrapping_neg(), ci: 1, co: geo.oc as u32, base: last as u32 * tap };
    variants(turned, filter, [Bind::In(0), Bind::In(1), Bind::Out], caps)
}

/// Variants of the input gradient.
pub(super) fn input_grad(geo: &Geometry, caps: &Caps) -> Vec<Lowering> {
    let filter = Filter { tap: (geo.cg() * geo.oc) as u32, ci: geo.oc as u32, co: 1, base: 0 };
    variants(*geo, filter, [Bind::In(1), Bind::In(0), Bind::Out], caps)
}

fn variants(geo: Geometry, filter: Filter, binds: [Bind; 3], caps: &Caps) -> Vec<Lowering> {
    let Some(lanes) = gemm::subgroup(caps).filter(|_| geo.cg() <= CHANNELS) else { return vec![] };
    let few = Few { geo, filter, binds, lanes, caps };
    let both = [few.blocks(), few.classes()];
    let mut all: Vec<Lowering> = both.into_iter().flatten().collect();
    // Blocks are made for what is dear on a software adapter, loads.
    if !caps.software {
        all.reverse();
    }
    all
}

impl Few<'_> {
    /// All parity classes at once, lanes along the image.
    fn blocks(&self) -> Option<Lowering> {
        let (geo, conv) = (&self.geo, &self.geo.conv);
        let [sh, sw] = conv.stride;
        let (sums, taps) = (sh * sw * geo.cg(), geo.kw.div_ceil(sw));
        // Sums of a block and their taps are written out; more of the filter than 32 fours, and registers become memory.
        if conv.dilation != [1, 1] || !geo.og().is_multiple_of(4) || sums > 16 || sums * taps > 32 {
            return None;
        }
        // Blocks along an axis: they begin where the padding does.
        let blocks = |size: usize, axis: usize| {
            let (pad, stride) = (conv.pad[axis], conv.stride[axis]);
            (size - 1 + pad) / stride - pad / stride + 1
        };
        let (lines, width) = (blocks(geo.h, 0), blocks(geo.w, 1));
        // Neighbours share dy and the filter, until registers become memory; those past the edge are wasted.
        let most: usize = if self.caps.software { 6 } else { 2 };
        let fetched = |tx: usize| width.div_ceil(tx) * (tx + 1);
        let tx = (1..=most).min_by_key(|&tx| (fetched(tx), tx)).unwrap_or(1);
        let across = width.div_ceil(tx);
        let params = BlocksParams {
            w_tap: self.filter.tap,
            w_ci: self.filter.ci,
            w_co: self.filter.co,
            w_base: self.filter.base,
            lines: lines as u32,
            across: across as u32,
            ..BlocksParams::of(geo)
        };
        let groups = ((geo.batch * lines * across) as u64).div_ceil(self.lanes.into());
        let launch = Launch::new("conv2d_input_grad_blocks", &params, &self.binds, groups)
            .spec("SG", self.lanes)
            .spec("TX", tx as u32)
            .spec("TN", geo.cg() as u32)
            .spec("SH", sh as u32)
            .spec("SW", sw as u32)
            .spec("TAPS", taps as u32)
            .depth(conv.groups as u32)
            .chain(ChainSlot::Epilogue);
        let launch = match self.filter.co {
            1 => launch,
            _ => launch.import("few/filter_fours.wgsl", "few/filter_ones.wgsl"),
        };
        Some(Lowering::single("few channels by blocks", gemm::fours(launch, self.caps.wide())))
    }

    /// A parity class a workgroup, lanes along the channels of dy.
    fn classes(&self) -> Option<Lowering> {
        let (geo, conv) = (&self.geo, &self.geo.conv);
        let [step, back] = geo.steps();
        let taps = (geo.kw as u32).div_ceil(step[1]);
        // Past 32 (pixels × taps) registers become memory.
        let pixels: u32 = if 16 * taps <= 32 { 16 } else { 8 };
        if back[1] != 1 || !pixels.is_multiple_of(self.lanes) || pixels * taps > 32 {
            return None;
        }
        let params = FewChannelsParams {
            w_tap: self.filter.tap,
            w_ci: self.filter.ci,
            w_co: self.filter.co,
            w_base: self.filter.base,
            step_h: step[0],
            step_w: step[1],
            back_h: back[0],
            back_w: back[1],
            ..FewChannelsParams::of(geo)
        };
        let [lines, width] = geo.class();
        let groups = (geo.batch * lines) as u64 * (width as u64).div_ceil(pixels.into());
        let launch = Launch::new("conv2d_input_grad_few", &params, &self.binds, groups)
            .spec("SG", self.lanes)
            .spec("TX", pixels)
            .spec("TN", geo.cg() as u32)
            .spec("TAPS", taps)
            .depth((conv.groups * conv.stride[0] * conv.stride[1]) as u32)
            .chain(ChainSlot::Epilogue);
        Some(Lowering::single("few channels", launch))
    }
}
