// Adds (or takes the maximum of) the partial results of reduce.wgsl in order: one invocation an output.
#import "lib/grid.wgsl"

const MAX: bool = false; // spec

struct Params {
    outs: u32,
    chunks: u32,
    div: u32, // distance between the partial results of two outputs
    stride: u32, // distance between two partial results of one output
    scale: f32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (chunks, outs) or (outs, chunks)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (outs)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let o = group_index(wid, nwg) * 64u + lane;
    if o >= p.outs {
        return;
    }
    var acc = select(0.0, -3.40282347e38, MAX);
    for (var c = 0u; c < p.chunks; c++) {
        let v = x[o * p.div + c * p.stride];
        if MAX {
            acc = max(acc, v);
        } else {
            acc += v;
        }
    }
    y[o] = acc * p.scale;
}
