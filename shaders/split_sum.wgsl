// Sums the partial results of a split reduction: y[i] = Σₛ x[s, i], in the order of s, so that a run repeats bitwise.
//
// One invocation an element; sixty-four a workgroup.

#import "lib/grid.wgsl"
#import "epilogue/identity.wgsl"

struct Params {
    len: u32, // elements of the result
    splits: u32, // partial results
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [splits, len]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [len]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = group_index(wid, nwg) * 64u + lane;
    if i >= p.len {
        return;
    }
    var sum = 0.0;
    for (var s = 0u; s < p.splits; s++) {
        sum += x[s * p.len + i];
    }
    y[i] = epilogue(sum, i);
}
