// y = (x - mean) / sqrt(variance + eps) · gamma + beta. A workgroup does a block of rows, an invocation one channel after
// another, so that figures of channels are looked up once and no element needs a division.
#import "lib/grid.wgsl"
#import "norm/params.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec

@group(0) @binding(1) var<storage, read> x: array<f32>; // (n, rows, channels)
@group(0) @binding(2) var<storage, read> stats: array<f32>; // (2, n, groups)
@group(0) @binding(3) var<storage, read> gamma: array<f32>; // (channels)
@group(0) @binding(4) var<storage, read> beta: array<f32>; // (channels)
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // (n, rows, channels)

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
        let mean = stats[s];
        let scale = gamma[c] / sqrt(stats[p.n * p.groups + s] + p.eps);
        let shift = beta[c];
        for (var i = b.begin + t; i < b.end; i += b.span) {
            y[i] = epilogue((x[i] - mean) * scale + shift, i);
        }
    }
}
