// What a matrix-product problem hands to a core: the addresses of its operands, split into what a row of A fixes and what
// a column k of A (and row k of B) fixes, so that a core does the divisions once and adds in the inner loop.
//
// A problem (matmul.wgsl, conv2d*.wgsl) provides
//     gemm_begin(z) -> (m, n, k), sets up for the grid's z: batch, channel group, parity class, split; from z and the
//                           uniform alone, not from private variables, which no compiler takes for uniform
//     a_row(m) -> Row       k_at(k) -> Col       k_step() -> Col, the change of k_at within a run
//     b_col(n) -> address   a_inside(Row, Col)   whether an element of A lies in the image, or is zero
//     y_row(m) -> address   y_store(y_row(m) + n, value)
// while left*.wgsl and right*.wgsl fetch
//     a_at(Row, Col)        b_at(Col.b + b_col(n))
// and a core (direct, subgroup, vector*, dot) computes Y = A·B from these alone.

struct Row {
    y: u32, // position in the image; 0 for a plain matrix
    x: u32,
    a: u32, // address
}

struct Col {
    y: u32, // offset of the position
    x: u32,
    a: u32, // offset of the address in A
    b: u32, // address in B
    run: u32, // how many k from here on differ by k_step() only
}

// Whether a position lies in an image of h × w. Coordinates wrap, so "negative" is "at least h".
fn inside(r: Row, c: Col, h: u32, w: u32) -> bool {
    return r.y + c.y < h && r.x + c.x < w;
}
