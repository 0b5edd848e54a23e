// Σ dy and Σ dy·x̂ over chunk k's rows (k, k + chunks, ...) for each n and channel: one invocation each, lanes along channels.
#import "lib/grid.wgsl"
#import "norm/params.wgsl"

@group(0) @binding(1) var<storage, read> dy: array<f32>; // (n, rows, channels)
@group(0) @binding(2) var<storage, read> x: array<f32>; // (n, rows, channels)
@group(0) @binding(3) var<storage, read> stats: array<f32>; // (2, n, groups)
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // (chunks, 2, n, channels)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group_index(wid, nwg) * 64u + lane;
    if t >= p.n * p.chunks * p.channels {
        return;
    }
    let q = divide(t, p.channels);
    let n = divide(q, p.chunks);
    let chunk = q - n * p.chunks;
    let c = t - q * p.channels;
    let segment = n * p.groups + divide(c, p.width);
    let mean = stats[segment];
    let base = n * p.rows * p.channels + c;
    let step = p.chunks * p.channels;
    var sum = vec4(0.0);
    var product = vec4(0.0);
    var r = chunk;
    for (; r + 3u * p.chunks < p.rows; r += 4u * p.chunks) {
        let i = base + r * p.channels;
        let d = vec4(dy[i], dy[i + step], dy[i + 2u * step], dy[i + 3u * step]);
        sum += d;
        product += d * (vec4(x[i], x[i + step], x[i + 2u * step], x[i + 3u * step]) - vec4(mean));
    }
    for (; r < p.rows; r += p.chunks) {
        let i = base + r * p.channels;
        sum.x += dy[i];
        product.x += dy[i] * (x[i] - mean);
    }
    let rstd = 1.0 / sqrt(stats[p.n * p.groups + segment] + p.eps);
    let at = (2u * chunk * p.n + n) * p.channels + c;
    y[at] = (sum.x + sum.y) + (sum.z + sum.w);
    y[at + p.n * p.channels] = ((product.x + product.y) + (product.z + product.w)) * rstd;
}
