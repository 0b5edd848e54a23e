// dx = (γ·dy - m₀ - x̂·m₁) / sqrt(variance + eps), with m the means of γ·dy and γ·dy·x̂ over the segment: given, or, where a
// segment is one channel, from the channel's sums. A workgroup does a block of rows, an invocation one channel after another.
#import "lib/grid.wgsl"
#import "norm/params.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const SUMS: bool = false; // spec: a segment is one channel, and `means` holds Σ dy and Σ dy·x̂

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
    let b = block(group_index(wid, nwg), WG);
    for (var t = lane; t < b.span; t += WG) {
        let c = t - divide(t, p.channels) * p.channels;
        let s = segment(b.n, c);
        let second = p.n * p.groups + s;
        let mean = stats[s];
        let rstd = 1.0 / sqrt(stats[second] + p.eps);
        let share = select(1.0, gamma[c] / f32(p.rows), SUMS) * rstd;
        let scale = gamma[c] * rstd;
        let m0 = means[s] * share;
        let m1 = means[second] * share * rstd;
        for (var i = b.begin + t; i < b.end; i += b.span) {
            dx[i] = epilogue(scale * dy[i] - m0 - (x[i] - mean) * m1, i);
        }
    }
}
