// The right operand of a matrix product, fetched by fours: for layouts in which either four columns of one k or four k of one
// column are neighbours that start at a multiple of four.

#import "lib/four.wgsl"

@group(0) @binding(2) var<storage, read> b: array<Four>;

// Element i, a multiple of four, and the three that follow.
fn b_at4(i: u32) -> vec4<f32> {
    return four(b[i / 4u]);
}

// Four columns of row address `row`, where those are the neighbours.
fn b_columns(row: u32, col: vec4<u32>) -> vec4<f32> {
    return b_at4(row + col.x);
}

// Element i.
fn b_one(i: u32) -> f32 {
    return four(b[i / 4u])[i % 4u];
}
