// Gradient of conv2d with respect to its weight, as an implicit matrix product: rows are (ky, kx, ci), columns are output
// channels, and k runs over output pixels.
//
// The pixels are split in chunks, each giving a partial result; split_sum.wgsl adds them in a fixed order. The grid's z is
// split · groups + group. With one split the result is final.

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
    chunk: u32, // output pixels a split
}

@group(0) @binding(0) var<uniform> p: Params;
// Binding 1, a: x [batch, h, w, c]
// Binding 2, b: dy [batch, oh, ow, oc]
@group(0) @binding(3) var<storage, read_write> dw: array<f32>; // [splits, kh, kw, c / groups, oc]

var<private> group: u32;
var<private> split: u32;
var<private> first: u32;
var<private> cg: u32;
var<private> og: u32;

fn gemm_begin(z: u32) -> vec3<u32> {
    let channels = vec2(p.c, p.oc) / p.groups;
    let start = z / p.groups * p.chunk;
    split = z / p.groups;
    group = z % p.groups;
    first = start;
    cg = channels.x;
    og = channels.y;
    let pixels = p.batch * p.oh * p.ow;
    return vec3(p.kh * p.kw * channels.x, channels.y, min(p.chunk, max(pixels, start) - start));
}

fn a_row(m: u32) -> Row {
    let tap = divide(m, cg);
    let t = divide(tap, p.kw);
    let ky = t * p.dil_h;
    let kx = (tap - t * p.kw) * p.dil_w;
    return Row(ky, kx, (ky * p.w + kx) * p.c + group * cg + m - tap * cg);
}

fn k_at(k: u32) -> Col {
    let pixel = first + k;
    let t = divide(pixel, p.ow);
    let n = divide(t, p.oh);
    let iy = (t - n * p.oh) * p.stride_h - p.pad_h;
    let ox = pixel - t * p.ow;
    let ix = ox * p.stride_w - p.pad_w;
    return Col(iy, ix, ((n * p.h + iy) * p.w + ix) * p.c, pixel * p.oc + group * og, p.ow - ox);
}

fn k_step() -> Col {
    return Col(0u, p.stride_w, p.stride_w * p.c, p.oc, 0u);
}

fn b_col(n: u32) -> u32 {
    return n;
}

fn a_inside(r: Row, c: Col) -> bool {
    return inside(r, c, p.h, p.w);
}

fn y_row(m: u32) -> u32 {
    return (split * p.kh * p.kw * cg + m) * p.oc + group * og;
}

fn y_store(i: u32, acc: f32) {
    dw[i] = epilogue(acc, i);
}
