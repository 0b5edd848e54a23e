// state += momentum · (batch - state), in place; elements of batch that are not finite change nothing.
// One invocation an element, sixty-four a workgroup.
#import "lib/grid.wgsl"
#import "lib/finite.wgsl"

struct Params {
    len: u32, // elements
    momentum: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> state: array<f32>; // (len)
@group(0) @binding(2) var<storage, read> batch: array<f32>; // (len)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = group_index(wid, nwg) * 64u + lane;
    if i < p.len && is_finite(batch[i]) {
        state[i] += p.momentum * (batch[i] - state[i]);
    }
}
