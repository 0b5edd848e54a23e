// Four k × four columns of the right operand, a k at a time, with whatever fetches four columns of one k.

#import "gemm/run.wgsl"

fn b_row(col: vec4<u32>, at: Col, k: u32, i: u32, end: u32) -> vec4<f32> {
    if k + i >= end {
        return vec4(0.0);
    }
    return b_columns(k_after(at, k, i).b, col);
}

// Column i of the matrix is k + i, or zeros from `end` on; `col` are the columns' addresses.
fn b_block(col: vec4<u32>, k: u32, end: u32) -> mat4x4<f32> {
    let at = k_at(k);
    return mat4x4(
        b_row(col, at, k, 0u, end),
        b_row(col, at, k, 1u, end),
        b_row(col, at, k, 2u, end),
        b_row(col, at, k, 3u, end),
    );
}
