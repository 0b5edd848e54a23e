// dx of standardize.wgsl: rstd·(dy - mean of dy - y·(mean of dy·y)) over each row, y being computed again.
#import "lib/rows.wgsl"
#import "lib/row_moments.wgsl"
#import "epilogue/identity.wgsl"

@group(0) @binding(1) var<storage, read> x: array<f32>; // (rows, columns)
@group(0) @binding(2) var<storage, read> dy: array<f32>; // (rows, columns)
@group(0) @binding(3) var<storage, read_write> dx: array<f32>; // (rows, columns)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = row_of(wid, nwg, lane);
    let begin = min(row, p.rows - 1u) * p.columns;
    let end = select(begin, begin + p.columns, row < p.rows);
    let stats = moments_of(begin + lane % TEAM, end, lane);
    var sums = vec2(0.0);
    for (var i = begin + lane % TEAM; i < end; i += TEAM) {
        sums += vec2(dy[i], dy[i] * (x[i] - stats.x) * stats.y);
    }
    let means = joined(sums, lane) / f32(p.columns);
    for (var i = begin + lane % TEAM; i < end; i += TEAM) {
        let normal = (x[i] - stats.x) * stats.y;
        dx[i] = epilogue(stats.y * (dy[i] - means.x - normal * means.y), i);
    }
}
