// Puts x into zeros along one axis: the adjoint of a slice. One invocation an element of y.
#import "lib/grid.wgsl"
#import "epilogue/identity.wgsl"

struct Params {
    len: u32, // elements of y
    row: u32, // elements of y from the axis inwards
    start: u32, // where in such a row x begins
    size: u32, // elements of x from the axis inwards
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (len / row, size)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (len / row, row)

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
    let r = i % p.row;
    var value = 0.0;
    if r >= p.start && r - p.start < p.size {
        value = x[i / p.row * p.size + r - p.start];
    }
    y[i] = epilogue(value, i);
}
