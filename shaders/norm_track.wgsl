// running += momentum · (batch - running), in place, with the batch's variance made unbiased; what is not finite changes
// nothing. One invocation an element, sixty-four a workgroup.
#import "lib/grid.wgsl"
#import "lib/finite.wgsl"

struct Params {
    channels: u32,
    momentum: f32,
    unbias: f32, // count / (count - 1)
    pad: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> running: array<f32>; // (2, channels): mean, variance
@group(0) @binding(2) var<storage, read> batch: array<f32>; // (2, channels): mean, biased variance

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = group_index(wid, nwg) * 64u + lane;
    if i < 2u * p.channels && is_finite(batch[i]) {
        let value = batch[i] * select(1.0, p.unbias, i >= p.channels);
        running[i] += p.momentum * (value - running[i]);
    }
}
