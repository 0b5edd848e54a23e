// Where the smallest element of each row is, or the largest; the first of several.
#import "lib/rows.wgsl"

const MAX: bool = false; // spec

@group(0) @binding(1) var<storage, read> x: array<f32>; // (rows, columns)
@group(0) @binding(2) var<storage, read_write> y: array<u32>; // (rows)

// (element, column); columns past the row's end have none.
fn join(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    let columns = f32(p.columns);
    let tie = a.x == b.x && a.y <= b.y;
    let smaller = a.x < b.x;
    let larger = a.x > b.x;
    let first = b.y >= columns || (a.y < columns && (tie || select(smaller, larger, MAX)));
    return select(b, a, first);
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = row_of(wid, nwg, lane);
    let begin = min(row, p.rows - 1u) * p.columns;
    var best = vec2(0.0, f32(p.columns));
    let end = select(0u, p.columns, row < p.rows);
    for (var c = lane % TEAM; c < end; c += TEAM) {
        best = join(best, vec2(x[begin + c], f32(c)));
    }
    best = joined(best, lane);
    if row < p.rows && lane % TEAM == 0u {
        y[row] = u32(best.y);
    }
}
