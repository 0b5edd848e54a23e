// Gradient of conv2d with respect to its input, for few input channels (the image end of a decoder): what
// conv2d_input_grad.wgsl computes, with lanes along the output channels.
//
// A workgroup is one subgroup and computes TX neighbouring pixels of one line and parity class × TN channels. Each lane
// keeps its share of all those sums in registers; a value of dy is fetched once and serves up to TAPS neighbouring pixels.
// A tree of shuffles adds the lanes at the end. The grid's z is group · classes + class_y · stride_w + class_x.
//
// Needs back_w = 1 and at most TAPS filter columns a class: ceil(kw / step_w) ≤ TAPS. TX is a multiple of SG;
// TX + TAPS ≤ 21, the positions written out; past TX · TAPS = 32 registers become memory, and it is several times
// slower. Correct only where every subgroup has
// exactly SG invocations: lowering checks the adapter's smallest and largest size.
//
// With w_base it also serves conv2d forward of stride 1 and dilation 1 for few output channels: that is this gradient with
// the filter turned round (w_base = the last tap, w_tap negated), padding kernel - 1 - pad, and the channel roles exchanged.

#import "epilogue/identity.wgsl"
#import "lib/grid.wgsl"
#import "lib/divide.wgsl"
#import "lib/taps.wgsl"

// The subgroup size of the adapter.
const SG: u32 = 8u; // spec
// Pixels and channels a workgroup.
const TX: u32 = 16u; // spec
const TN: u32 = 3u; // spec
// Filter columns that reach one class, at most.
const TAPS: u32 = 2u; // spec
const SPAN: u32 = TX + TAPS - 1u;

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
    stride_h: u32,
    stride_w: u32,
    pad_h: u32, // zeros above
    pad_w: u32, // zeros to the left
    dil_h: u32,
    dil_w: u32,
    groups: u32, // channel groups
    w_tap: u32, // stride of ky · kw + kx in the weight
    w_ci: u32, // stride of the input channel within its group
    w_co: u32, // stride of the output channel
    step_h: u32, // stride_h / gcd(stride_h, dil_h): rows between taps of one class
    step_w: u32, // the same for columns
    back_h: u32, // dil_h / gcd(stride_h, dil_h): rows of dy between those taps
    back_w: u32, // 1
    w_base: u32, // where the weight of tap 0 and channels 0 lies
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>; // [batch, oh, ow, oc]
@group(0) @binding(2) var<storage, read> w: array<f32>; // [kh, kw, c / groups, oc], or any layout the strides describe
@group(0) @binding(3) var<storage, read_write> dx: array<f32>; // [batch, h, w, c]

var<private> acc: array<f32, TX * TN>;
var<private> b: array<f32, TAPS * TN>;

// A line of dy: where it begins, whether it exists, the column of position 0, the channel of a lane.
struct Line {
    row: u32,
    exists: bool,
    first: u32,
    co: u32,
}

// Position u of dy serves pixel i by tap j where u = i + TAPS - 1 - j.
fn position(u: u32, line: Line) {
    if u >= SPAN {
        return;
    }
    let ox = line.first + u;
    let ok = line.exists && ox < p.ow;
    let v = select(0.0, dy[select(0u, (line.row + ox) * p.oc + line.co, ok)], ok);
    for (var j = 0u; j < TAPS; j++) {
        let i = u + j + 1u - TAPS;
        if i < TX {
            for (var n = 0u; n < TN; n++) {
                acc[i * TN + n] += v * b[j * TN + n];
            }
        }
    }
}

// Written out: a loop of so many instructions drivers do not unroll, and then registers become memory.
fn four_positions(u: u32, line: Line) {
    position(u, line);
    position(u + 1u, line);
    position(u + 2u, line);
    position(u + 3u, line);
}

@compute @workgroup_size(SG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let group = wid.z / (p.stride_h * p.stride_w);
    let class_y = (wid.z / p.stride_w) % p.stride_h;
    let class_x = wid.z % p.stride_w;
    let cg = p.c / p.groups;
    let og = p.oc / p.groups;
    let ty = taps(class_y, p.h, p.kh, p.stride_h, p.pad_h, p.dil_h, p.step_h, p.back_h);
    let tx = taps(class_x, p.w, p.kw, p.stride_w, p.pad_w, p.dil_w, p.step_w, p.back_w);

    // The grid counts tiles of class 0, the largest.
    let tiles_n = divide(cg + TN - 1u, TN);
    let tiles_x = divide((p.w + p.stride_w - 1u) / p.stride_w + TX - 1u, TX);
    let index = group_index(wid, nwg);
    let n_tile = divide(index, tiles_n);
    let n0 = (index - n_tile * tiles_n) * TN;
    let line = divide(n_tile, tiles_x);
    let x0 = (n_tile - line * tiles_x) * TX;
    if line >= p.batch * ty.positions || x0 >= tx.positions {
        return;
    }
    let image = divide(line, ty.positions);
    let qy = line - image * ty.positions;

    for (var t = 0u; t < ty.count; t++) {
        let oy = ty.first + qy - t * ty.back;
        let row_ok = oy < p.oh;
        let tap = (ty.k0 + t * ty.step) * p.kw + tx.k0;
        let row = (image * p.oh + select(0u, oy, row_ok)) * p.ow;
        for (var co0 = 0u; co0 < og; co0 += SG) {
            let live = row_ok && co0 + lane < og;
            let co = group * og + min(co0 + lane, og - 1u);
            for (var j = 0u; j < TAPS; j++) {
                for (var n = 0u; n < TN; n++) {
                    let ci = min(n0 + n, cg - 1u);
                    let at = p.w_base + (tap + j * tx.step) * p.w_tap + ci * p.w_ci + co * p.w_co;
                    let ok = live && j < tx.count;
                    b[j * TN + n] = select(0.0, w[select(0u, at, ok)], ok);
                }
            }
            let line = Line(row, row_ok, tx.first + x0 - (TAPS - 1u), co);
            four_positions(0u, line);
            four_positions(4u, line);
            four_positions(8u, line);
            four_positions(12u, line);
            four_positions(16u, line);
        }
    }

    // Sum over the lanes so that lane l ends with pixel l of each SG: each round halves the pixels a lane still holds.
    var sum: array<f32, TX / SG * TN>;
    for (var q = 0u; q < TX / SG; q++) {
        for (var n = 0u; n < TN; n++) {
            var v: array<f32, SG>;
            for (var i = 0u; i < SG; i++) {
                v[i] = acc[(q * SG + i) * TN + n];
            }
            for (var half = SG / 2u; half > 0u; half /= 2u) {
                let upper = (lane & half) != 0u;
                for (var i = 0u; i < half; i++) {
                    let give = select(v[i + half], v[i], upper);
                    v[i] = select(v[i], v[i + half], upper) + subgroupShuffleXor(give, half);
                }
            }
            sum[q * TN + n] = v[0];
        }
    }
    let iy = qy * p.stride_h + class_y;
    for (var q = 0u; q < TX / SG; q++) {
        let x = x0 + q * SG + lane;
        if x < tx.positions {
            let r = ((image * p.h + iy) * p.w + x * p.stride_w + class_x) * p.c + group * cg;
            for (var n = 0u; n < TN; n++) {
                if n0 + n < cg {
                    let i = r + n0 + n;
                    dx[i] = epilogue(sum[q * TN + n], i);
                }
            }
        }
    }
}
