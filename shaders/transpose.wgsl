// Transposes each matrix of a batch: y[b, c, r] = x[b, r, c]. A workgroup turns a tile of 32 × 32 in its memory, so that
// reads and writes both run along rows; eight rows at a time, a column of padding against bank conflicts.
#import "lib/grid.wgsl"
#import "lib/divide.wgsl"
#import "epilogue/identity.wgsl"

struct Params {
    batch: u32,
    rows: u32, // of x
    columns: u32, // of x
    pad: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (batch, rows, columns)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (batch, columns, rows)

var<workgroup> tile: array<f32, 1056>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let across = (p.columns + 31u) / 32u;
    let down = (p.rows + 31u) / 32u;
    let group = group_index(wid, nwg);
    let q = divide(group, across);
    let b = divide(q, down);
    let r0 = (q - b * down) * 32u;
    let c0 = (group - q * across) * 32u;
    let base = b * p.rows * p.columns;
    let minor = lane % 32u;
    let major = lane / 32u;
    for (var k = major; k < 32u; k += 8u) {
        if b < p.batch && r0 + k < p.rows && c0 + minor < p.columns {
            tile[k * 33u + minor] = x[base + (r0 + k) * p.columns + c0 + minor];
        }
    }
    workgroupBarrier();
    for (var k = major; k < 32u; k += 8u) {
        if b < p.batch && c0 + k < p.columns && r0 + minor < p.rows {
            let i = base + (c0 + k) * p.rows + r0 + minor;
            y[i] = epilogue(tile[minor * 33u + k], i);
        }
    }
}
