// dx = (γ·dy - m₀ - x̂·m₁) / sqrt(variance + eps), with m the means of γ·dy and γ·dy·x̂ over the segment.
// An invocation does PER elements, WG apart.
#import "lib/grid.wgsl"
#import "norm/params.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation

@group(0) @binding(1) var<storage, read> dy: array<f32>; // (n, rows, channels)
@group(0) @binding(2) var<storage, read> x: array<f32>; // (n, rows, channels)
@group(0) @binding(3) var<storage, read> stats: array<f32>; // (2, n, groups)
@group(0) @binding(4) var<storage, read> gamma: array<f32>; // (channels)
@group(0) @binding(5) var<storage, read> means: array<f32>; // (2, n, groups)
@group(0) @binding(6) var<storage, read_write> dx: array<f32>; // (n, rows, channels)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.n * p.rows * p.channels, begin + WG * PER);
    for (var i = begin + lane; i < end; i += WG) {
        let at = place(i);
        let second = p.n * p.groups + at.y;
        let rstd = 1.0 / sqrt(stats[second] + p.eps);
        let normal = (x[i] - stats[at.y]) * rstd;
        dx[i] = epilogue((gamma[at.x] * dy[i] - means[at.y] - normal * means[second]) * rstd, i);
    }
}
