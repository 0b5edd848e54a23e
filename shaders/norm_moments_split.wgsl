// Mean and squared deviations of chunk k's rows (k, k + chunks, ...) for each n and channel: one invocation each, lanes along
// channels, so that a workgroup always reads neighbours.
#import "lib/grid.wgsl"
#import "norm/params.wgsl"
#import "norm/join.wgsl"

@group(0) @binding(1) var<storage, read> x: array<f32>; // (n, rows, channels)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (2, n, chunks, channels)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group_index(wid, nwg) * 64u + lane;
    let total = p.n * p.chunks * p.channels;
    if t >= total {
        return;
    }
    let q = divide(t, p.channels);
    let n = divide(q, p.chunks);
    var r = q - n * p.chunks;
    let base = n * p.rows * p.channels + t - q * p.channels;
    let step = p.chunks * p.channels;
    var acc = vec3(0.0);
    for (; r + 3u * p.chunks < p.rows; r += 4u * p.chunks) {
        let i = base + r * p.channels;
        acc = join(acc, four(vec4(x[i], x[i + step], x[i + 2u * step], x[i + 3u * step])));
    }
    for (; r < p.rows; r += p.chunks) {
        acc = join(acc, vec3(1.0, x[base + r * p.channels], 0.0));
    }
    y[t] = acc.y;
    y[total + t] = acc.z;
}
