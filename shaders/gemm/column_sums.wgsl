// The workgroups behind those of a matrix product sum the columns of its right operand, an invocation a column: the gradient
// of a bias beside that of its weight. For matmul.wgsl; where k is split, the first part's workgroups do all.

struct SpareParams {
    first: u32, // workgroup that begins
    lanes: u32, // columns a workgroup
    rows: u32,
    columns: u32,
}

@group(3) @binding(0) var<uniform> spare: SpareParams;
@group(3) @binding(1) var<storage, read_write> column_sums: array<f32>; // (columns)

fn gemm_spare(group: u32, lane: u32) {
    let n = (group - spare.first) * spare.lanes + lane;
    if batch > 0u || group < spare.first || n >= spare.columns {
        return;
    }
    var sum = 0.0;
    for (var k = 0u; k < spare.rows; k++) {
        sum += b_one(k * p.b_row + n * p.b_col);
    }
    column_sums[n] = sum;
}
