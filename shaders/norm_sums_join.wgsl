// Adds the partial sums of norm_sums.wgsl: one workgroup an output, each lane every sixty-fourth chunk, then a tree.
#import "lib/grid.wgsl"

struct Params {
    len: u32, // outputs
    chunks: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (chunks, len)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (len)

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = group_index(wid, nwg);
    var sum = 0.0;
    if i < p.len {
        for (var k = lane; k < p.chunks; k += 64u) {
            sum += x[k * p.len + i];
        }
    }
    sums[lane] = sum;
    for (var step = 32u; step > 0u; step >>= 1u) {
        workgroupBarrier();
        if lane < step {
            sums[lane] += sums[lane + step];
        }
    }
    if lane == 0u && i < p.len {
        y[i] = sums[0];
    }
}
