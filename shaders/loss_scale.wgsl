// The next loss scale, in place: half where the gradients' norm is not finite, twice after `every` good steps. One workgroup.
#import "lib/finite.wgsl"
#import "lib/global_norm.wgsl"

const WG: u32 = 64u;

struct Params {
    sums: u32, // sums of squares
    every: u32,
    least: f32,
    most: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> scale: array<f32>; // (1)
@group(0) @binding(2) var<storage, read_write> good: array<f32>; // (1)
@group(0) @binding(3) var<storage, read> squares: array<f32>; // (sums)

@compute @workgroup_size(WG)
fn main(@builtin(local_invocation_index) lane: u32) {
    let norm = global_norm(lane, p.sums);
    if lane != 0u {
        return;
    }
    if !is_finite(norm) {
        scale[0] = max(scale[0] * 0.5, p.least);
        good[0] = 0.0;
    } else if good[0] + 1.0 >= f32(p.every) {
        scale[0] = min(scale[0] * 2.0, p.most);
        good[0] = 0.0;
    } else {
        good[0] += 1.0;
    }
}
