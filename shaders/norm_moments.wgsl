// Mean and variance over a block of rows: LANES invocations along channels, WG / LANES along rows, joined by a tree of fixed
// order. A workgroup does LANES segments of one channel (EACH) or one segment of several. JOIN takes the results of blocks,
// (n, chunks, groups), for the rows. Where there are several blocks it leaves squared deviations in place of the variance.
#import "lib/grid.wgsl"
#import "norm/params.wgsl"
#import "norm/join.wgsl"

const WG: u32 = 64u; // spec
const LANES: u32 = 32u; // spec: a power of two that divides WG
const EACH: bool = true; // spec
const JOIN: bool = false; // spec

@group(0) @binding(1) var<storage, read> x: array<f32>; // (n, rows, channels), or (2, n, chunks, groups) of blocks' results
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (2, n, chunks, groups); one chunk when the rows are joined

var<workgroup> samples: array<vec3<f32>, WG>;

// What is subtracted before squares are added: the mean so far, at first of four rows, so that squares of the order of the
// variance are left whatever the mean.
fn centre(acc: vec3<f32>, i: u32, step: u32, four: bool) -> f32 {
    if acc.x > 0.0 {
        return acc.y;
    }
    return select(x[i], 0.25 * (x[i] + x[i + step] + x[i + 2u * step] + x[i + 3u * step]), four);
}

// Rows r, r + WG / LANES, ... below `end` of the column at x[at + r · channels], a span of sixty-four at a time.
fn column(at: u32, first: u32, end: u32) -> vec3<f32> {
    let skip = WG / LANES;
    let step = skip * p.channels;
    var acc = vec3(0.0);
    var r = first;
    while r < end {
        let stop = min(end, r + 64u * skip);
        let count = f32((stop - r + skip - 1u) / skip);
        let shift = centre(acc, at + r * p.channels, step, r + 3u * skip < stop);
        var sum = vec4(0.0);
        var squares = vec4(0.0);
        for (; r + 3u * skip < stop; r += 4u * skip) {
            let i = at + r * p.channels;
            let d = vec4(x[i], x[i + step], x[i + 2u * step], x[i + 3u * step]) - vec4(shift);
            sum += d;
            squares += d * d;
        }
        for (; r < stop; r += skip) {
            let d = x[at + r * p.channels] - shift;
            sum.x += d;
            squares.x += d * d;
        }
        let total = dot(sum, vec4(1.0));
        let mean = total / count;
        acc = join(acc, vec3(count, shift + mean, max(dot(squares, vec4(1.0)) - total * mean, 0.0)));
    }
    return acc;
}

// Blocks k, k + WG / LANES, ... of segment g of n.
fn blocks(n: u32, g: u32, first: u32) -> vec3<f32> {
    let second = p.n * p.chunks * p.groups;
    var acc = vec3(0.0);
    for (var k = first; k < p.chunks; k += WG / LANES) {
        let at = (n * p.chunks + k) * p.groups + g;
        let count = (min(p.rows, (k + 1u) * p.block) - k * p.block) * p.width;
        acc = join(acc, vec3(f32(count), x[at], x[second + at]));
    }
    return acc;
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let chunks = select(p.chunks, 1u, JOIN);
    let each = select(p.groups, (p.groups + LANES - 1u) / LANES, EACH);
    let group = group_index(wid, nwg);
    let q = divide(group, each);
    let n = divide(q, chunks);
    let chunk = q - n * chunks;
    let along = lane % LANES;
    let g = select(group - q * each, (group - q * each) * LANES + along, EACH);
    let row = lane / LANES;
    let inside = n < p.n && g < p.groups;
    var acc = vec3(0.0);
    if inside && JOIN {
        acc = blocks(n, g, row);
    } else if inside {
        let first = chunk * p.block;
        let end = min(p.rows, first + p.block);
        let base = n * p.rows * p.channels + g * p.width;
        for (var c = select(along, 0u, EACH); c < p.width; c += LANES) {
            acc = join(acc, column(base + c, first + row, end));
        }
    }
    let stop = select(1u, LANES, EACH);
    if stop < WG {
        samples[lane] = acc;
        for (var step = WG / 2u; step >= stop; step >>= 1u) {
            workgroupBarrier();
            if lane < step {
                samples[lane] = join(samples[lane], samples[lane + step]);
            }
        }
        acc = samples[lane];
    }
    if lane < stop && inside {
        let at = q * p.groups + g;
        y[at] = acc.y;
        y[p.n * chunks * p.groups + at] = acc.z / select(1.0, acc.x, chunks == 1u);
    }
}
