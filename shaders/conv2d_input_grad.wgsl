// Gradient of conv2d with respect to its input, which is also the forward pass of the transposed convolution, as an
// implicit matrix product: rows are input pixels, columns are input channels, and k runs over (ky, kx, co).
//
// Input pixels whose coordinates agree modulo the stride (a parity class) are reached by the same taps; each class is a
// product of its own that visits only those taps. The grid's z is group · classes + class_y · stride_w + class_x, with
// classes = stride_h · stride_w. The grid is sized for class 0, the largest; spare workgroups of the others return.

#import "epilogue/identity.wgsl"
#import "lib/divide.wgsl"
#import "lib/taps.wgsl"
#import "gemm/operand.wgsl"
#import "gemm/left.wgsl"
#import "gemm/right.wgsl"
#import "gemm/direct.wgsl"

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
    back_w: u32, // the same for columns
}

@group(0) @binding(0) var<uniform> p: Params;
// Binding 1, a: dy [batch, oh, ow, oc]
// Binding 2, b: w [kh, kw, c / groups, oc], or any layout the strides describe
@group(0) @binding(3) var<storage, read_write> dx: array<f32>; // [batch, h, w, c]

var<private> group: u32;
var<private> class_y: u32;
var<private> class_x: u32;
var<private> cg: u32;
var<private> og: u32;
var<private> ty: Taps;
var<private> tx: Taps;

fn gemm_begin(z: u32) -> vec3<u32> {
    let classes = p.stride_h * p.stride_w;
    let parity = vec2((z % classes) / p.stride_w, z % p.stride_w);
    let channels = vec2(p.c, p.oc) / p.groups;
    let taps_y = taps(parity.x, p.h, p.kh, p.stride_h, p.pad_h, p.dil_h, p.step_h, p.back_h);
    let taps_x = taps(parity.y, p.w, p.kw, p.stride_w, p.pad_w, p.dil_w, p.step_w, p.back_w);
    group = z / classes;
    class_y = parity.x;
    class_x = parity.y;
    cg = channels.x;
    og = channels.y;
    ty = taps_y;
    tx = taps_x;
    let k = taps_y.count * taps_x.count * channels.y;
    return vec3(p.batch * taps_y.positions * taps_x.positions, channels.x, k);
}

fn a_row(m: u32) -> Row {
    let t = divide(m, tx.positions);
    let n = divide(t, ty.positions);
    let oy = t - n * ty.positions + ty.first;
    let ox = m - t * tx.positions + tx.first;
    return Row(oy, ox, ((n * p.oh + oy) * p.ow + ox) * p.oc + group * og);
}

fn k_at(k: u32) -> Col {
    let t = divide(k, og);
    let co = k - t * og;
    let i = divide(t, tx.count);
    let j = t - i * tx.count;
    let back_y = 0u - i * ty.back;
    let back_x = 0u - j * tx.back;
    let tap = (ty.k0 + i * ty.step) * p.kw + tx.k0 + j * tx.step;
    return Col(back_y, back_x, (back_y * p.ow + back_x) * p.oc + co, tap * p.w_tap + (group * og + co) * p.w_co, og - co);
}

fn k_step() -> Col {
    return Col(0u, 0u, 1u, p.w_co, 0u);
}

fn b_col(n: u32) -> u32 {
    return n * p.w_ci;
}

fn a_inside(r: Row, c: Col) -> bool {
    return inside(r, c, p.oh, p.ow);
}

fn y_row(m: u32) -> u32 {
    let t = divide(m, tx.positions);
    let n = divide(t, ty.positions);
    let iy = (t - n * ty.positions) * p.stride_h + class_y;
    let ix = (m - t * tx.positions) * p.stride_w + class_x;
    return ((n * p.h + iy) * p.w + ix) * p.c + group * cg;
}

fn y_store(i: u32, acc: f32) {
    dx[i] = epilogue(acc, i);
}
