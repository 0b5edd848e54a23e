// The right operand of a matrix product, fetched by four neighbouring columns: only for layouts whose columns are
// neighbours and whose rows start at multiples of four.

#import "lib/four.wgsl"

@group(0) @binding(2) var<storage, read> b: array<Four>;

// Elements i to i + 3, for i a multiple of four.
fn b_at4(i: u32) -> vec4<f32> {
    return four(b[i / 4u]);
}

// Element i.
fn b_one(i: u32) -> f32 {
    return four(b[i / 4u])[i % 4u];
}
