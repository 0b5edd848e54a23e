// Adds (or takes the maximum of) the blocks' results of reduce.wgsl, or those of norm_sums.wgsl: LANES invocations along
// outputs, WG / LANES along blocks, joined by a tree of fixed order.
#import "lib/grid.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const LANES: u32 = 64u; // spec: a power of two that divides WG
const MAX: bool = false; // spec

struct Params {
    outs: u32,
    chunks: u32,
    scale: f32,
    pad: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (chunks, outs)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (outs)

var<workgroup> samples: array<f32, WG>;

fn both(a: f32, b: f32) -> f32 {
    if MAX {
        return max(a, b);
    }
    return a + b;
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let o = group_index(wid, nwg) * LANES + lane % LANES;
    var acc = select(0.0, -0x1.fffffep127, MAX);
    if o < p.outs {
        for (var k = lane / LANES; k < p.chunks; k += WG / LANES) {
            acc = both(acc, x[k * p.outs + o]);
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
    if lane < LANES && o < p.outs {
        y[o] = epilogue(acc * p.scale, o);
    }
}
