// 2-D convolution (cross-correlation), channels last, as an implicit matrix product: rows are output pixels, columns are
// output channels, and k runs over (ky, kx, ci). No patch matrix is stored: an element of A is fetched from the image, or
// is zero in the padding.
//
// It is also the input gradient of the transposed convolution. The weight is addressed by strides, so it may be stored
// with its channel axes exchanged. The grid's z is the channel group.

#import "epilogue/identity.wgsl"
#import "lib/divide.wgsl"
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
}

@group(0) @binding(0) var<uniform> p: Params;
// Binding 1, a: x [batch, h, w, c]
// Binding 2, b: w [kh, kw, c / groups, oc], or any layout the strides describe
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // [batch, oh, ow, oc]

var<private> group: u32;
var<private> cg: u32;
var<private> og: u32;

fn gemm_begin(z: u32) -> vec3<u32> {
    group = z;
    let channels = vec2(p.c, p.oc) / p.groups;
    cg = channels.x;
    og = channels.y;
    return vec3(p.batch * p.oh * p.ow, channels.y, p.kh * p.kw * channels.x);
}

fn a_row(m: u32) -> Row {
    let t = divide(m, p.ow);
    let n = divide(t, p.oh);
    let iy = (t - n * p.oh) * p.stride_h - p.pad_h;
    let ix = (m - t * p.ow) * p.stride_w - p.pad_w;
    return Row(iy, ix, ((n * p.h + iy) * p.w + ix) * p.c + group * cg);
}

fn k_at(k: u32) -> Col {
    let tap = divide(k, cg);
    let ci = k - tap * cg;
    let ky = divide(tap, p.kw);
    let dy = ky * p.dil_h;
    let dx = (tap - ky * p.kw) * p.dil_w;
    return Col(dy, dx, (dy * p.w + dx) * p.c + ci, tap * p.w_tap + ci * p.w_ci, cg - ci);
}

fn k_step() -> Col {
    return Col(0u, 0u, 1u, p.w_ci, 0u);
}

fn b_col(n: u32) -> u32 {
    return (group * og + n) * p.w_co;
}

fn a_inside(r: Row, c: Col) -> bool {
    return inside(r, c, p.h, p.w);
}

fn y_row(m: u32) -> u32 {
    return m * p.oc + group * og;
}

fn y_store(i: u32, acc: f32) {
    y[i] = epilogue(acc, i);
}
