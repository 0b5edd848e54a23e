// Sum or maximum of load(base(o) + offset(r)) over a block of r: LANES invocations along outputs, WG / LANES along r, joined by
// a tree of fixed order. base and offset are digits of o and r, innermost first, times a stride each.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "prologue/identity.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const LANES: u32 = 64u; // spec: a power of two that divides WG
const MAX: bool = false; // spec
const KEEP: u32 = 1u; // spec
const FOLD: u32 = 1u; // spec

struct Params {
    keep: array<vec4<u32>, 4>, // (extent, stride, 0, 0) of the kept runs of axes, innermost first
    fold: array<vec4<u32>, 4>, // of the reduced runs
    outs: u32,
    len: u32, // reduced elements an output
    chunks: u32, // blocks they are cut into
    block: u32, // elements a block; the last may have fewer
    scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>; // (chunks, outs)

var<workgroup> samples: array<f32, WG>;

fn both(a: f32, b: f32) -> f32 {
    if MAX {
        return max(a, b);
    }
    return a + b;
}

fn base(o: u32) -> u32 {
    var at = 0u;
    var rest = o;
    for (var k = 0u; k + 1u < KEEP; k++) {
        let q = quotient(rest, divisor(p.keep[k].x));
        at += (rest - q * p.keep[k].x) * p.keep[k].y;
        rest = q;
    }
    return at + rest * p.keep[KEEP - 1u].y;
}

fn offset(r: u32) -> u32 {
    var at = 0u;
    var rest = r;
    for (var k = 0u; k + 1u < FOLD; k++) {
        let q = quotient(rest, divisor(p.fold[k].x));
        at += (rest - q * p.fold[k].x) * p.fold[k].y;
        rest = q;
    }
    return at + rest * p.fold[FOLD - 1u].y;
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let each = (p.outs + LANES - 1u) / LANES;
    let group = group_index(wid, nwg);
    let chunk = group / each;
    let o = (group - chunk * each) * LANES + lane % LANES;
    let inside = chunk < p.chunks && o < p.outs;
    var acc = select(0.0, -0x1.fffffep127, MAX);
    if inside {
        let first = base(o);
        let end = min(p.len, (chunk + 1u) * p.block);
        for (var r = chunk * p.block + lane / LANES; r < end; r += WG / LANES) {
            acc = both(acc, load(first + offset(r)));
        }
    }
    if LANES < WG {
        samples[lane] = acc;
        for (var step = WG / 2u; step >= LANES; step >>= 1u) {
            workgroupBarrier();
            if lane < step {
                samples[lane] = both(samples[lane], samples[lane + step]);
            }
        }
        acc = samples[lane];
    }
    if lane < LANES && inside {
        let i = chunk * p.outs + o;
        y[i] = epilogue(acc * p.scale, i);
    }
}
