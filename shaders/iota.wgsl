// Positions along one axis: y[o, k, i] = k. An invocation does PER elements of y, WG apart.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation

struct Params {
    len: u32, // elements of y
    extent: u32, // of the axis
    inner: u32, // elements behind it
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>; // (len / extent / inner, extent, inner)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    let inner = divisor(p.inner);
    let extent = divisor(p.extent);
    for (var i = begin + lane; i < end; i += WG) {
        let k = quotient(i, inner);
        y[i] = epilogue(f32(k - quotient(k, extent) * p.extent), i);
    }
}
