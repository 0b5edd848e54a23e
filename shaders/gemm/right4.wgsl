// The right operand of a matrix product, fetched by four neighbouring columns: only for layouts whose columns are
// neighbours and whose rows start at multiples of four.

#import "lib/four.wgsl"

@group(0) @binding(2) var<storage, read> b: array<Four>;

// The first column of block `j` of an invocation's columns: blocks lie a row of invocations apart.
fn b_first(lane: u32, j: u32) -> u32 {
    return 4u * lane + j * 4u * SG;
}

// The elements of row address `row` in an invocation's columns, which begin at `col`; all multiples of four.
fn b_fours(row: u32, col: array<u32, RN>) -> array<vec4<f32>, RN> {
    var out: array<vec4<f32>, RN>;
    for (var j = 0u; j < RN; j++) {
        out[j] = four(b[(row + col[j]) / 4u]);
    }
    return out;
}

// Element i.
fn b_one(i: u32) -> f32 {
    return four(b[i / 4u])[i % 4u];
}
