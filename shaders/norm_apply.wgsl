// y = (x - mean) / sqrt(variance + eps) · gamma + beta. One invocation an element, sixty-four a workgroup.
#import "lib/grid.wgsl"
#import "norm/params.wgsl"
#import "epilogue/identity.wgsl"

@group(0) @binding(1) var<storage, read> x: array<f32>; // (n, rows, channels)
@group(0) @binding(2) var<storage, read> stats: array<f32>; // (2, n, groups)
@group(0) @binding(3) var<storage, read> gamma: array<f32>; // (channels)
@group(0) @binding(4) var<storage, read> beta: array<f32>; // (channels)
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // (n, rows, channels)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = group_index(wid, nwg) * 64u + lane;
    if i >= p.n * p.rows * p.channels {
        return;
    }
    let at = place(i);
    let rstd = 1.0 / sqrt(stats[p.n * p.groups + at.y] + p.eps);
    y[i] = epilogue((x[i] - stats[at.y]) * rstd * gamma[at.x] + beta[at.x], i);
}
