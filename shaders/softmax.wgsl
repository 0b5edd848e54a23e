// y = e^x / Σ e^x over each row, or its logarithm; the maximum is taken out first, so nothing overflows.
#import "lib/rows.wgsl"
#import "lib/softmax.wgsl"
#import "epilogue/identity.wgsl"

const LOG: bool = false; // spec

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
    let total = total_of(begin + lane % TEAM, end, lane);
    let log_sum = log(total.y);
    let share = 1.0 / total.y;
    for (var i = begin + lane % TEAM; i < end; i += TEAM) {
        let d = x[i] - total.x;
        y[i] = epilogue(select(shrunk(d) * share, d - log_sum, LOG), i);
    }
}
