// Transposes each matrix of a batch: y[b, c, r] = x[b, r, c], without workgroup memory. A workgroup does a tile, lanes along
// one side of it, each walking the other: along r, so that a row of y is written in order and the lines of x that it reads
// serve the next rows; along c where r has too few for all lanes.
#import "lib/grid.wgsl"
#import "lib/divide.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 8u; // spec
const ALONG_R: bool = true; // spec
// A tile's sides: across the lanes, and walked.
const WIDE: u32 = 32u; // spec
const DEEP: u32 = 32u; // spec

struct Params {
    batch: u32,
    rows: u32, // of x
    columns: u32, // of x
    pad: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (batch, rows, columns)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (batch, columns, rows)

// An axis: its extent, and how far apart its elements lie in x and in y.
struct Axis {
    extent: u32,
    x: u32,
    y: u32,
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    var wide = Axis(p.rows, p.columns, 1u);
    var deep = Axis(p.columns, 1u, p.rows);
    if !ALONG_R {
        wide = Axis(p.columns, 1u, p.rows);
        deep = Axis(p.rows, p.columns, 1u);
    }
    let across = (wide.extent + WIDE - 1u) / WIDE;
    let down = (deep.extent + DEEP - 1u) / DEEP;
    let group = group_index(wid, nwg);
    let q = divide(group, down);
    let b = divide(q, across);
    if b >= p.batch {
        return;
    }
    let first = (q - b * across) * WIDE;
    let top = (group - q * down) * DEEP;
    let base = b * p.rows * p.columns;
    let end = min(wide.extent, first + WIDE);
    let bottom = min(deep.extent, top + DEEP);
    for (var k = first + lane; k < end; k += WG) {
        var at = base + k * wide.x + top * deep.x;
        var i = base + k * wide.y + top * deep.y;
        for (var n = top; n < bottom; n++) {
            y[i] = epilogue(x[at], i);
            at += deep.x;
            i += deep.y;
        }
    }
}
