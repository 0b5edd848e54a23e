// right4.wgsl for the vector cores: an invocation's RN blocks of four columns.

#import "gemm/right4.wgsl"

// The first column of block `j` of an invocation's columns: blocks lie a row of invocations apart.
fn b_first(lane: u32, j: u32) -> u32 {
    return 4u * lane + j * 4u * SG;
}

// The elements of row address `row` in an invocation's columns, which begin at `col`; all multiples of four.
fn b_fours(row: u32, col: array<u32, RN>) -> array<vec4<f32>, RN> {
    var out: array<vec4<f32>, RN>;
    for (var j = 0u; j < RN; j++) {
        out[j] = b_at4(row + col[j]);
    }
    return out;
}
