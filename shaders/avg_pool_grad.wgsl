// Adjoint of the mean over windows: each element of dx adds up the windows that cover it, so no two invocations write one
// element. One invocation an element of dx; lanes run along channels.
#import "lib/grid.wgsl"
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
fn covering(at: u32, windows: u32) -> vec2<u32> {
    let first = select(0u, (at + p.stride - p.window) / p.stride, at >= p.window);
    return vec2(first, min(at / p.stride + 1u, windows));
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    for (var i = begin + lane; i < end; i += WG) {
        let pixel = i / p.channels;
        let line = pixel / p.width;
        let image = line / p.height;
        let rows = covering(line - image * p.height, p.out_height);
        let columns = covering(pixel - line * p.width, p.out_width);
        let channel = i - pixel * p.channels;
        var sum = 0.0;
        for (var u = rows.x; u < rows.y; u++) {
            for (var v = columns.x; v < columns.y; v++) {
                sum += dy[((image * p.out_height + u) * p.out_width + v) * p.channels + channel];
            }
        }
        dx[i] = epilogue(sum * p.scale, i);
    }
}
