// Running sums along one axis: y[o, k, i] = Σ x[o, m, i] over m <= k, or m >= k (BACKWARD). An invocation does one line, lines
// that are neighbours in memory side by side.
#import "lib/grid.wgsl"
#import "lib/divide.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const BACKWARD: bool = false; // spec

struct Params {
    lines: u32,
    extent: u32, // of the axis
    inner: u32, // elements behind it
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (lines / inner, extent, inner)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (lines / inner, extent, inner)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let line = group_index(wid, nwg) * WG + lane;
    if line >= p.lines {
        return;
    }
    let o = divide(line, p.inner);
    let begin = o * p.extent * p.inner + (line - o * p.inner);
    var sum = 0.0;
    for (var k = 0u; k < p.extent; k++) {
        let at = begin + select(k, p.extent - 1u - k, BACKWARD) * p.inner;
        sum += x[at];
        y[at] = epilogue(sum, at);
    }
}
