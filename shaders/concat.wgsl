// Joins two to four tensors along one axis. An invocation does PER elements of y, WG apart, which finds its tensor by comparing its place
// in the row with where each tensor ends.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "epilogue/identity.wgsl"
#import "concat/four.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation

struct Params {
    ends: vec4<u32>, // where each tensor ends in a row; ends of absent tensors are unused
    len: u32, // elements of y
    row: u32, // elements of y from the axis inwards
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>; // (len / row, row)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    let by = divisor(p.row);
    for (var i = begin + lane; i < end; i += WG) {
        let row = quotient(i, by);
        y[i] = epilogue(piece(row, i - row * p.row), i);
    }
}
