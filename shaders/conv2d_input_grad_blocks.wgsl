// Gradient of conv2d with respect to its input, for few input channels (the image end of a decoder): what
// conv2d_input_grad.wgsl computes, all parity classes at once.
//
// The image, moved by the padding, is cut in blocks of SH × SW pixels (the strides). The pixels of a block read the same
// pixels of dy, each by a tap of its own: block q reads pixel q - t by tap r + stride · t for its pixel r. So a pixel of dy
// that is fetched serves all of a block's pixels and channels, and TAPS neighbouring blocks. Each lane computes TX
// neighbouring blocks of one line. The filter is fetched with lanes along the output channels, and passed round by shuffles.
//
// Needs dilation 1, output channels of a group in fours, at most TAPS · SW filter columns and TN channels a group. Correct
// only where every subgroup has exactly SG invocations: lowering checks the adapter's smallest and largest size.
//
// With w_base it also serves conv2d forward of stride 1 for few output channels: see conv2d_input_grad_few.wgsl.

#import "epilogue/identity.wgsl"
#import "lib/grid.wgsl"
#import "lib/divide.wgsl"
#import "lib/four.wgsl"
#import "few/filter_fours.wgsl"

// The subgroup size of the adapter.
const SG: u32 = 8u; // spec
// Blocks a lane.
const TX: u32 = 4u; // spec
// Channels.
const TN: u32 = 3u; // spec
// Pixels of a block.
const SH: u32 = 2u; // spec
const SW: u32 = 2u; // spec
// Filter columns that reach one pixel, at most.
const TAPS: u32 = 2u; // spec
const SPAN: u32 = TX + TAPS - 1u;
// Sums a block.
const SUMS: u32 = SH * SW * TN;

struct Params {
    batch: u32, // images
    h: u32, // input height
    w: u32, // input width
    c: u32, // input channels, all groups together
    oh: u32, // output height
    ow: u32, // output width
    oc: u32, // output channels, all groups together
    kh: u32, // filter height
    kw: u32, // filter width
    stride_h: u32, // SH
    stride_w: u32, // SW
    pad_h: u32, // zeros above
    pad_w: u32, // zeros to the left
    dil_h: u32, // 1
    dil_w: u32, // 1
    groups: u32, // channel groups
    w_tap: u32, // stride of ky · kw + kx in the weight
    w_ci: u32, // stride of the input channel within its group
    w_co: u32, // stride of the output channel
    w_base: u32, // where the weight of tap 0 and channels 0 lies
    lines: u32, // lines of blocks an image
    across: u32, // lanes a line of blocks
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<Four>; // [batch, oh, ow, oc]
// Binding 2, w: few/filter_*.wgsl
@group(0) @binding(3) var<storage, read_write> dx: array<f32>; // [batch, h, w, c]

var<private> acc: array<f32, TX * SUMS>;
// Four output channels of the filter, by (pixel and channel of a block, column tap); the same of dy.
var<private> left: array<vec4<f32>, SUMS * TAPS>;
var<private> right: array<vec4<f32>, SPAN>;

// Adds to sum `s` of every block what the channels that invocation `giver` fetched contribute. Called for each sum: a loop
// of so many instructions drivers do not unroll, and then registers become memory.
fn multiply(s: u32, giver: u32) {
    if s >= SUMS {
        return;
    }
    var taps: array<vec4<f32>, TAPS>;
    for (var t = 0u; t < TAPS; t++) {
        taps[t] = subgroupShuffle(left[s * TAPS + t], giver);
    }
    for (var i = 0u; i < TX; i++) {
        var sum = 0.0;
        for (var t = 0u; t < TAPS; t++) {
            sum += dot(taps[t], right[i + TAPS - 1u - t]);
        }
        acc[i * SUMS + s] += sum;
    }
}

fn multiply_four(s: u32, giver: u32) {
    multiply(s, giver);
    multiply(s + 1u, giver);
    multiply(s + 2u, giver);
    multiply(s + 3u, giver);
}

@compute @workgroup_size(SG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let cg = p.c / p.groups;
    let og = p.oc / p.groups;
    let index = group_index(wid, nwg) * SG + lane;
    let n_line = divide(index, p.across);
    let n_image = divide(n_line, p.lines);
    let exists = n_image < p.batch;
    let image = min(n_image, p.batch - 1u);
    // This lane's blocks are (qy, qx) to (qy, qx + TX - 1).
    let qy = n_line - n_image * p.lines + p.pad_h / SH;
    let qx = (index - n_line * p.across) * TX + p.pad_w / SW;

    for (var ty = 0u; ty * SH < p.kh; ty++) {
        let oy = qy - ty;
        let row_ok = exists && oy < p.oh;
        let row = (image * p.oh + select(0u, oy, row_ok)) * p.ow;
        for (var co0 = 0u; co0 < og; co0 += 4u * SG) {
            let co = co0 + 4u * lane;
            let base = p.w_base + (wid.z * og + min(co, og - 4u)) * p.w_co;
            for (var s = 0u; s < SUMS; s++) {
                let ky = s / (SW * TN) + ty * SH;
                for (var t = 0u; t < TAPS; t++) {
                    let kx = s / TN % SW + t * SW;
                    let ok = co < og && ky < p.kh && kx < p.kw;
                    let at = base + (ky * p.kw + kx) * p.w_tap + s % TN * p.w_ci;
                    left[s * TAPS + t] = select(vec4(0.0), w_at(select(0u, at, ok)), ok);
                }
            }
            // Counted from co0, so that the driver does not see a short loop and unroll it.
            let end = min(co0 + 4u * SG, og);
            for (var l = co0; l < end; l += 4u) {
                for (var u = 0u; u < SPAN; u++) {
                    let ox = qx + u - (TAPS - 1u);
                    let ok = row_ok && ox < p.ow;
                    let at = (row + ox) * p.oc + wid.z * og + l;
                    right[u] = select(vec4(0.0), four(dy[select(0u, at, ok) / 4u]), ok);
                }
                let giver = (l - co0) / 4u;
                multiply_four(0u, giver);
                multiply_four(4u, giver);
                multiply_four(8u, giver);
                multiply_four(12u, giver);
            }
        }
    }

    // Copied once, so that one store site, in a loop, serves all: the sums themselves must stay in registers.
    var out: array<f32, TX * SUMS>;
    for (var i = 0u; i < TX * SUMS; i++) {
        out[i] = acc[i];
    }
    for (var i = 0u; i < TX; i++) {
        for (var s = 0u; s < SUMS; s++) {
            let y = qy * SH + s / (SW * TN) - p.pad_h;
            let x = (qx + i) * SW + s / TN % SW - p.pad_w;
            if exists && y < p.h && x < p.w {
                let at = ((image * p.h + y) * p.w + x) * p.c + wid.z * cg + s % TN;
                dx[at] = epilogue(out[i * SUMS + s], at);
            }
        }
    }
}
