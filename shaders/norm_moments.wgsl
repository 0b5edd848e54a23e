// Mean and variance of each segment: one workgroup a segment. Its lanes walk the elements in fours, or (JOIN) the partial
// results of norm_moments_split.wgsl; then a tree of fixed order joins the lanes.
#import "lib/grid.wgsl"
#import "norm/params.wgsl"
#import "norm/join.wgsl"

const JOIN: bool = false; // spec

@group(0) @binding(1) var<storage, read> x: array<f32>; // (n, rows, channels), or (2, n, chunks, channels) of partial results
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (2, n, groups): mean, biased variance

var<workgroup> samples: array<vec3<f32>, 64>;

fn element(base: u32, e: u32) -> f32 {
    let row = divide(e, p.width);
    return x[base + row * p.channels + e - row * p.width];
}

// The lane's share of the elements that begin at `base`.
fn walk(base: u32, lane: u32, len: u32) -> vec3<f32> {
    var acc = vec3(0.0);
    var e = lane;
    for (; e + 192u < len; e += 256u) {
        acc = join(acc, four(vec4(element(base, e), element(base, e + 64u), element(base, e + 128u), element(base, e + 192u))));
    }
    for (; e < len; e += 64u) {
        acc = join(acc, vec3(1.0, element(base, e), 0.0));
    }
    return acc;
}

// The lane's share of the partial results that begin at `base`.
fn gather(base: u32, lane: u32, len: u32) -> vec3<f32> {
    var acc = vec3(0.0);
    for (var e = lane; e < len; e += 64u) {
        let chunk = divide(e, p.width);
        let at = base + chunk * p.channels + e - chunk * p.width;
        let count = divide(p.rows - chunk + p.chunks - 1u, p.chunks);
        acc = join(acc, vec3(f32(count), x[at], x[p.n * p.chunks * p.channels + at]));
    }
    return acc;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let segment = group_index(wid, nwg);
    let segments = p.n * p.groups;
    if segment < segments {
        let n = divide(segment, p.groups);
        let first = (segment - n * p.groups) * p.width;
        if JOIN {
            samples[lane] = gather(n * p.chunks * p.channels + first, lane, p.chunks * p.width);
        } else {
            samples[lane] = walk(n * p.rows * p.channels + first, lane, p.rows * p.width);
        }
    }
    for (var step = 32u; step > 0u; step >>= 1u) {
        workgroupBarrier();
        if lane < step {
            samples[lane] = join(samples[lane], samples[lane + step]);
        }
    }
    if lane == 0u && segment < segments {
        y[segment] = samples[0].y;
        y[segments + segment] = samples[0].z / samples[0].x;
    }
}
