// Rows of a table by index: y[b, d] = x[min(index[b], rows - 1), d]. An invocation does PER elements of y, WG apart.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation
const ROWS: bool = false; // spec: a workgroup goes row by row, rather than each element finding its own

struct Params {
    len: u32, // elements of y
    row: u32, // elements of a row
    last: u32, // the table's last row: indices past it read it
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (last + 1, row)
@group(0) @binding(2) var<storage, read> index: array<u32>; // (len / row)
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // (len / row, row)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    let by = divisor(p.row);
    if ROWS {
        for (var b = quotient(begin, by); b * p.row < end; b++) {
            let row = b * p.row;
            let start = min(index[b], p.last) * p.row;
            let stop = min(end, row + p.row);
            for (var i = max(begin, row) + lane; i < stop; i += WG) {
                y[i] = epilogue(x[start + (i - row)], i);
            }
        }
        return;
    }
    for (var i = begin + lane; i < end; i += WG) {
        let b = quotient(i, by);
        let at = min(index[b], p.last) * p.row + (i - b * p.row);
        y[i] = epilogue(x[at], i);
    }
}
