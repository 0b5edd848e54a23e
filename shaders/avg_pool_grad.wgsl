// Adjoint of the mean over windows: each element of dx adds up the windows that cover it, so no two invocations write one
// element. An invocation does PER elements of dx, WG apart; lanes run along channels.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation

struct Params {
    len: u32, // elements of dx
    height: u32, // of dx
    width: u32, // of dx
    out_height: u32, // of dy
    out_width: u32, // of dy
    channels: u32,
    window: u32, // extent of a window, both ways
    stride: u32, // between windows, both ways
    scale: f32, // 1 / window²
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>; // (batch, out_height, out_width, channels)
@group(0) @binding(2) var<storage, read_write> dx: array<f32>; // (batch, height, width, channels)

// The windows that cover `at`, as a half-open range.
fn covering(at: u32, windows: u32, stride: Divisor) -> vec2<u32> {
    let first = quotient(max(at + p.stride, p.window) - p.window, stride);
    return vec2(first, min(quotient(at, stride) + 1u, windows));
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    let channels = divisor(p.channels);
    let width = divisor(p.width);
    let height = divisor(p.height);
    let stride = divisor(p.stride);
    for (var i = begin + lane; i < end; i += WG) {
        let pixel = quotient(i, channels);
        let line = quotient(pixel, width);
        let image = quotient(line, height);
        let row = line - image * p.height;
        let column = pixel - line * p.width;
        let channel = i - pixel * p.channels;
        let base = image * p.out_height * p.out_width * p.channels + channel;
        var sum = 0.0;
        let rows = covering(row, p.out_height, stride);
        let columns = covering(column, p.out_width, stride);
        for (var u = rows.x; u < rows.y; u++) {
            for (var v = columns.x; v < columns.y; v++) {
                sum += dy[base + (u * p.out_width + v) * p.channels];
            }
        }
        dx[i] = epilogue(sum * p.scale, i);
    }
}
