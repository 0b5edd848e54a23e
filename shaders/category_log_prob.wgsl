// y = x[target] - ln Σ e^x over each row of logits; targets past the last category read it.
#import "lib/rows.wgsl"
#import "lib/softmax.wgsl"
#import "epilogue/identity.wgsl"

@group(0) @binding(1) var<storage, read> x: array<f32>; // (rows, columns)
@group(0) @binding(2) var<storage, read> target_of: array<u32>; // (rows)
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // (rows)

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
    if row < p.rows && lane % TEAM == 0u {
        let at = begin + min(target_of[row], p.columns - 1u);
        y[row] = epilogue(x[at] - total.x - log(total.y), row);
    }
}
