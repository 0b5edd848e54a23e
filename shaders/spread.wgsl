// Every pixel of an NHWC image fills a square of a larger one: the adjoint of the mean over windows that do not overlap, and
// nearest upsampling. An invocation does PER elements of dy, WG apart, with all that they reach; lanes run along channels.
// What no window covers counts as reached by the pixel before, or by one past the end, and is 0.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation
const STRIDE: u32 = 0u; // spec: the stride, 0 where only the uniform knows it
const WHOLE: bool = false; // spec: windows cover all of dx

struct Params {
    len: u32, // elements of dy, with pixels past the end where dx has rows or columns for them
    height: u32, // of dx
    width: u32, // of dx
    out_height: u32, // of dy
    out_width: u32, // of dy
    channels: u32,
    window: u32, // extent of a window, both ways; at most stride
    stride: u32, // between windows, both ways
    scale: f32, // what elements are multiplied by
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>; // (batch, out_height, out_width, channels)
@group(0) @binding(2) var<storage, read_write> dx: array<f32>; // (batch, height, width, channels)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    let stride = select(STRIDE, p.stride, STRIDE == 0u);
    let channels = divisor(p.channels);
    let width = divisor((p.width + p.stride - 1u) / p.stride);
    let height = divisor((p.height + p.stride - 1u) / p.stride);
    for (var i = begin + lane; i < end; i += WG) {
        let pixel = quotient(i, channels);
        let line = quotient(pixel, width);
        let image = quotient(line, height);
        let u = line - image * height.value;
        let v = pixel - line * width.value;
        let channel = i - pixel * p.channels;
        var value = 0.0;
        if u < p.out_height && v < p.out_width {
            value = dy[((image * p.out_height + u) * p.out_width + v) * p.channels + channel] * p.scale;
        }
        let corner = ((image * p.height + u * p.stride) * p.width + v * p.stride) * p.channels + channel;
        for (var row = 0u; row < stride; row++) {
            for (var column = 0u; column < stride; column++) {
                let at = corner + (row * p.width + column) * p.channels;
                if WHOLE {
                    dx[at] = epilogue(value, at);
                } else if u * p.stride + row < p.height && v * p.stride + column < p.width {
                    dx[at] = epilogue(select(0.0, value, max(row, column) < p.window), at);
                }
            }
        }
    }
}
