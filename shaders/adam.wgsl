// One step of Adam with decoupled weight decay, in place; nothing changes where the gradients' norm is not finite.
// An invocation does PER elements, WG apart.
#import "lib/grid.wgsl"
#import "lib/finite.wgsl"
#import "lib/clip.wgsl"
#import "lib/global_norm.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation

struct Params {
    len: u32, // elements
    beta1: f32,
    beta2: f32,
    eps: f32,
    weight_decay: f32,
    sums: u32, // sums of squares
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> param: array<f32>; // (len)
@group(0) @binding(2) var<storage, read_write> m: array<f32>; // (len)
@group(0) @binding(3) var<storage, read_write> v: array<f32>; // (len)
@group(0) @binding(4) var<storage, read> grad: array<f32>; // (len)
@group(0) @binding(5) var<storage, read> hyper: array<f32>; // (4): rate, 1 - beta1^t, 1 - beta2^t, largest norm
@group(0) @binding(6) var<storage, read> squares: array<f32>; // (n): sums to the square of the gradients' norm

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let norm = global_norm(lane, p.sums);
    if !is_finite(norm) {
        return;
    }
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    let rate = hyper[0];
    let correct1 = 1.0 / hyper[1];
    let correct2 = 1.0 / hyper[2];
    let factor = clip_factor(norm, hyper[3]);
    for (var i = begin + lane; i < end; i += WG) {
        let g = grad[i] * factor;
        let first = p.beta1 * m[i] + (1.0 - p.beta1) * g;
        let second = p.beta2 * v[i] + (1.0 - p.beta2) * g * g;
        let step = first * correct1 / (sqrt(second * correct2) + p.eps);
        m[i] = first;
        v[i] = second;
        let theta = param[i];
        param[i] = theta - rate * (p.weight_decay * theta + step);
    }
}
