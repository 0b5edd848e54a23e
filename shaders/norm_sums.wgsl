// Σ dy and Σ dy·x̂ over a block of rows for each n and channel: LANES invocations along channels, WG / LANES along rows, added
// by a tree of fixed order.
#import "lib/grid.wgsl"
#import "norm/params.wgsl"

const WG: u32 = 64u; // spec
const LANES: u32 = 32u; // spec: a power of two that divides WG

@group(0) @binding(1) var<storage, read> dy: array<f32>; // (n, rows, channels)
@group(0) @binding(2) var<storage, read> x: array<f32>; // (n, rows, channels)
@group(0) @binding(3) var<storage, read> stats: array<f32>; // (2, n, groups)
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // (chunks, 2, n, channels)

var<workgroup> samples: array<vec2<f32>, WG>;

// Rows r, r + WG / LANES, ... below `end` of the column at [at + r · channels].
fn column(at: u32, first: u32, end: u32, mean: f32) -> vec2<f32> {
    let skip = WG / LANES;
    let step = skip * p.channels;
    var sum = vec4(0.0);
    var product = vec4(0.0);
    var r = first;
    for (; r + 3u * skip < end; r += 4u * skip) {
        let i = at + r * p.channels;
        let d = vec4(dy[i], dy[i + step], dy[i + 2u * step], dy[i + 3u * step]);
        sum += d;
        product += d * (vec4(x[i], x[i + step], x[i + 2u * step], x[i + 3u * step]) - vec4(mean));
    }
    for (; r < end; r += skip) {
        let i = at + r * p.channels;
        sum.x += dy[i];
        product.x += dy[i] * (x[i] - mean);
    }
    return vec2((sum.x + sum.y) + (sum.z + sum.w), (product.x + product.y) + (product.z + product.w));
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let each = (p.channels + LANES - 1u) / LANES;
    let group = group_index(wid, nwg);
    let q = divide(group, each);
    let n = divide(q, p.chunks);
    let chunk = q - n * p.chunks;
    let c = (group - q * each) * LANES + lane % LANES;
    let inside = n < p.n && c < p.channels;
    var acc = vec2(0.0);
    var s = 0u;
    if inside {
        s = segment(n, c);
        let first = chunk * p.block;
        acc = column(n * p.rows * p.channels + c, first + lane / LANES, min(p.rows, first + p.block), stats[s]);
    }
    if LANES < WG {
        samples[lane] = acc;
        for (var step = WG / 2u; step >= LANES; step >>= 1u) {
            workgroupBarrier();
            if lane < step {
                samples[lane] += samples[lane + step];
            }
        }
        acc = samples[lane];
    }
    if lane < LANES && inside {
        let at = (2u * chunk * p.n + n) * p.channels + c;
        y[at] = acc.x;
        y[at + p.n * p.channels] = acc.y / sqrt(stats[p.n * p.groups + s] + p.eps);
    }
}
