// Transposes each matrix of a batch: y[b, c, r] = x[b, r, c], without workgroup memory. A workgroup does a tile of SIDE × SIDE,
// lanes along r, so that a row of y is written in order and the lines of x that it reads serve the next rows.
#import "lib/grid.wgsl"
#import "lib/divide.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 8u; // spec
const SIDE: u32 = 32u; // spec

struct Params {
    batch: u32,
    rows: u32, // of x
    columns: u32, // of x
    pad: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (batch, rows, columns)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (batch, columns, rows)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let across = (p.columns + SIDE - 1u) / SIDE;
    let down = (p.rows + SIDE - 1u) / SIDE;
    let group = group_index(wid, nwg);
    let q = divide(group, across);
    let b = divide(q, down);
    if b >= p.batch {
        return;
    }
    let r0 = (q - b * down) * SIDE;
    let c0 = (group - q * across) * SIDE;
    let base = b * p.rows * p.columns;
    let stop = min(p.columns, c0 + SIDE);
    for (var r = r0 + lane; r < min(p.rows, r0 + SIDE); r += WG) {
        var at = base + r * p.columns + c0;
        var i = base + c0 * p.rows + r;
        for (var c = c0; c < stop; c++) {
            y[i] = epilogue(x[at], i);
            at++;
            i += p.rows;
        }
    }
}
