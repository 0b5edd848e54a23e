// Rows of a table by index: y[b, d] = x[min(index[b], rows - 1), d]. One invocation an element of y.
#import "lib/grid.wgsl"
#import "epilogue/identity.wgsl"

struct Params {
    len: u32, // elements of y
    row: u32, // elements of a row
    last: u32, // the table's last row: indices past it read it
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (last + 1, row)
@group(0) @binding(2) var<storage, read> index: array<u32>; // (len / row)
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // (len / row, row)

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
    let b = i / p.row;
    let at = min(index[b], p.last) * p.row + (i - b * p.row);
    y[i] = epilogue(x[at], i);
}
