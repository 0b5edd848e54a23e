// The right operand of a matrix product, fetched element by element: any layout that b_col and k_at describe.

@group(0) @binding(2) var<storage, read> b: array<f32>;

fn b_at(i: u32) -> f32 {
    return b[i];
}

// Four columns of row address `row`.
fn b_columns(row: u32, col: vec4<u32>) -> vec4<f32> {
    return vec4(b[row + col.x], b[row + col.y], b[row + col.z], b[row + col.w]);
}

// Element i, in every layout.
fn b_one(i: u32) -> f32 {
    return b[i];
}
