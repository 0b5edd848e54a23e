// Means of γ·dy and γ·dy·x̂ over segments of several channels, from the channels' sums: one invocation an output.
#import "lib/grid.wgsl"
#import "norm/params.wgsl"

@group(0) @binding(1) var<storage, read> sums: array<f32>; // (2, n, channels): Σ dy, Σ dy·x̂ over rows
@group(0) @binding(2) var<storage, read> gamma: array<f32>; // (channels)
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // (2, n, groups)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = group_index(wid, nwg) * 64u + lane;
    if i >= 2u * p.n * p.groups {
        return;
    }
    let row = divide(i, p.groups);
    let first = (i - row * p.groups) * p.width;
    var sum = 0.0;
    for (var c = first; c < first + p.width; c++) {
        sum += gamma[c] * sums[row * p.channels + c];
    }
    y[i] = sum / f32(p.rows * p.width);
}
