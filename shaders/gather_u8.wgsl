// Rows of a table of bytes by index, as floats: y[b, d] = scale · x[min(index[b], rows - 1), d] + shift. The table is packed
// four bytes to a word, lowest first, across rows, so a row may begin inside a word. An invocation does PER elements of y, WG apart.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation
// A workgroup goes row by row and word by word, rather than each element finding its own: for rows of whole words, and
// workgroups that do a multiple of four.
const ROWS: bool = false; // spec

struct Params {
    len: u32, // elements of y
    row: u32, // elements of a row
    last: u32, // the table's last row: indices past it read it
    scale: f32,
    shift: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>; // (last + 1, row) bytes
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
            for (var i = max(begin, row) + 4u * lane; i < stop; i += 4u * WG) {
                let word = x[(start + (i - row)) / 4u];
                for (var k = 0u; k < 4u; k++) {
                    y[i + k] = epilogue(f32((word >> (8u * k)) & 255u) * p.scale + p.shift, i + k);
                }
            }
        }
        return;
    }
    for (var i = begin + lane; i < end; i += WG) {
        let b = quotient(i, by);
        let at = min(index[b], p.last) * p.row + (i - b * p.row);
        let byte = (x[at / 4u] >> (at % 4u * 8u)) & 255u;
        y[i] = epilogue(f32(byte) * p.scale + p.shift, i);
    }
}
