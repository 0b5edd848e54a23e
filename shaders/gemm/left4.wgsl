// The left operand of a matrix product, fetched by fours: for layouts in which either four rows of one k or four k of one
// row are neighbours that start at a multiple of four and lie inside the image together.

#import "lib/four.wgsl"

@group(0) @binding(1) var<storage, read> a: array<Four>;

fn a_at4(r: Row, c: Col) -> vec4<f32> {
    return select(vec4(0.0), four(a[(r.a + c.a) / 4u]), a_inside(r, c));
}

// Four rows of one k, where those are the neighbours.
fn a_rows(r0: Row, r1: Row, r2: Row, r3: Row, c: Col) -> vec4<f32> {
    return a_at4(r0, c);
}
