// Puts x into zeros along one axis: the adjoint of a slice. An invocation does PER elements of y, WG apart.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation

struct Params {
    len: u32, // elements of y
    row: u32, // elements of y from the axis inwards
    start: u32, // where in such a row x begins
    size: u32, // elements of x from the axis inwards
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (len / row, size)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (len / row, row)

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
        let r = i - row * p.row;
        var value = 0.0;
        if r >= p.start && r - p.start < p.size {
            value = x[row * p.size + r - p.start];
        }
        y[i] = epilogue(value, i);
    }
}
