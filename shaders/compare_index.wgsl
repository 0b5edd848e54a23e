// A row of ones and zeros for each index: one at the index itself (one-hot), or before it (a mask from lengths). An invocation
// does PER elements of y, WG apart.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation
const BEFORE: bool = false; // spec

struct Params {
    len: u32, // elements of y
    columns: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> index: array<u32>; // (len / columns)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (len / columns, columns)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    let by = divisor(p.columns);
    for (var i = begin + lane; i < end; i += WG) {
        let row = quotient(i, by);
        let column = i - row * p.columns;
        let one = select(column == index[row], column < index[row], BEFORE);
        y[i] = epilogue(select(0.0, 1.0, one), i);
    }
}
