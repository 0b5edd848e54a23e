// y = (x - mean) / sqrt(variance + eps) over each row. The variance is that of deviations from the mean, in a walk of its own,
// so that it stays exact where the mean is large.
#import "lib/rows.wgsl"
#import "lib/row_moments.wgsl"
#import "epilogue/identity.wgsl"

@group(0) @binding(1) var<storage, read> x: array<f32>; // (rows, columns)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (rows, columns)

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
    for (var i = begin + lane % TEAM; i < end; i += TEAM) {
        y[i] = epilogue((x[i] - stats.x) * stats.y, i);
    }
}
