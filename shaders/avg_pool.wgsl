// Mean over windows of an NHWC image, without padding. An invocation does PER elements of y, WG apart; lanes run along channels.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation
const WINDOW: u32 = 0u; // spec: the window, 0 where only the uniform knows it

struct Params {
    len: u32, // elements of y
    height: u32, // of x
    width: u32, // of x
    out_height: u32,
    out_width: u32,
    channels: u32,
    window: u32, // extent of a window, both ways
    stride: u32, // between windows, both ways
    scale: f32, // 1 / window²
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (batch, height, width, channels)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (batch, out_height, out_width, channels)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    let window = select(WINDOW, p.window, WINDOW == 0u);
    let channels = divisor(p.channels);
    let width = divisor(p.out_width);
    let height = divisor(p.out_height);
    for (var i = begin + lane; i < end; i += WG) {
        let pixel = quotient(i, channels);
        let line = quotient(pixel, width);
        let image = quotient(line, height);
        let top = (line - image * p.out_height) * p.stride;
        let left = (pixel - line * p.out_width) * p.stride;
        let corner = ((image * p.height + top) * p.width + left) * p.channels + (i - pixel * p.channels);
        var sum = 0.0;
        for (var u = 0u; u < window; u++) {
            for (var v = 0u; v < window; v++) {
                sum += x[corner + (u * p.width + v) * p.channels];
            }
        }
        y[i] = epilogue(sum * p.scale, i);
    }
}
