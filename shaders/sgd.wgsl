// One step of gradient descent with momentum, in place; nothing changes where the gradients' norm is not finite.
// One invocation an element, sixty-four a workgroup.
#import "lib/grid.wgsl"
#import "lib/finite.wgsl"
#import "lib/clip.wgsl"

const NESTEROV: bool = false; // spec

struct Params {
    len: u32, // elements
    momentum: f32,
    weight_decay: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> param: array<f32>; // (len)
@group(0) @binding(2) var<storage, read_write> velocity: array<f32>; // (len)
@group(0) @binding(3) var<storage, read> grad: array<f32>; // (len)
@group(0) @binding(4) var<storage, read> hyper: array<f32>; // (4): rate, unused, unused, largest norm
@group(0) @binding(5) var<storage, read> norm: array<f32>; // (1)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = group_index(wid, nwg) * 64u + lane;
    if i >= p.len || !is_finite(norm[0]) {
        return;
    }
    let g = grad[i] * clip_factor(norm[0], hyper[3]) + p.weight_decay * param[i];
    let next = p.momentum * velocity[i] + g;
    velocity[i] = next;
    param[i] -= hyper[0] * select(next, g + p.momentum * next, NESTEROV);
}
