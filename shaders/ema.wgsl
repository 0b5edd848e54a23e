// state += momentum · (batch - state), in place; elements of batch that are not finite change nothing.
// An invocation does PER elements, WG apart.
#import "lib/grid.wgsl"
#import "lib/finite.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation

struct Params {
    len: u32, // elements
    momentum: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> state: array<f32>; // (len)
@group(0) @binding(2) var<storage, read> batch: array<f32>; // (len)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    for (var i = begin + lane; i < end; i += WG) {
        if is_finite(batch[i]) {
            state[i] += p.momentum * (batch[i] - state[i]);
        }
    }
}
