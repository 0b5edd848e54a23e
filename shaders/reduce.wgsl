// Sum or maximum of load(base(o) + offset(r)) over r = chunk, chunk + chunks, ...; one invocation an output and chunk.
// Lanes run along the chunks where the reduced index is innermost in memory, else along the outputs.
#import "lib/grid.wgsl"
#import "prologue/identity.wgsl"

const MAX: bool = false; // spec
const LANES_FOLD: bool = false; // spec
const KEEP: u32 = 1u; // spec
const FOLD: u32 = 1u; // spec

struct Params {
    keep: array<vec4<u32>, 4>, // (div, modulo, stride, 0) of the kept runs of axes
    fold: array<vec4<u32>, 4>, // of the reduced runs
    outs: u32,
    len: u32, // reduced elements an output
    chunks: u32,
    scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>; // (chunks, outs), or (outs, chunks) where lanes run along chunks

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group_index(wid, nwg) * 64u + lane;
    if t >= p.outs * p.chunks {
        return;
    }
    var o = t;
    var chunk = 0u;
    if p.chunks > 1u {
        o = select(t % p.outs, t / p.chunks, LANES_FOLD);
        chunk = select(t / p.outs, t % p.chunks, LANES_FOLD);
    }
    var base = 0u;
    for (var k = 0u; k < KEEP; k++) {
        base += o / p.keep[k].x % p.keep[k].y * p.keep[k].z;
    }
    var acc = select(0.0, -3.40282347e38, MAX);
    for (var r = chunk; r < p.len; r += p.chunks) {
        var i = base;
        if FOLD == 1u {
            i += r * p.fold[0].z;
        } else {
            for (var k = 0u; k < FOLD; k++) {
                i += r / p.fold[k].x % p.fold[k].y * p.fold[k].z;
            }
        }
        let x = load(i);
        if MAX {
            acc = max(acc, x);
        } else {
            acc += x;
        }
    }
    y[t] = acc * p.scale;
}
