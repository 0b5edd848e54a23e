// Four rows × four k of the left operand, a k at a time, with whatever fetches four rows of one k.

#import "gemm/run.wgsl"

fn a_column(row: array<Row, 4>, at: Col, k: u32, i: u32, end: u32) -> vec4<f32> {
    if k + i >= end {
        return vec4(0.0);
    }
    return a_rows(row[0], row[1], row[2], row[3], k_after(at, k, i));
}

// Column i of the matrix is k + i, or zeros from `end` on.
fn a_block(row: array<Row, 4>, k: u32, end: u32) -> mat4x4<f32> {
    let at = k_at(k);
    return mat4x4(
        a_column(row, at, k, 0u, end),
        a_column(row, at, k, 1u, end),
        a_column(row, at, k, 2u, end),
        a_column(row, at, k, 3u, end),
    );
}
