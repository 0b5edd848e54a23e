// The left operand of a matrix product, fetched element by element: any layout that a_row and k_at describe.

@group(0) @binding(1) var<storage, read> a: array<f32>;

// Zero where the problem's a_inside says so; the address is then of no account, and the fetch checked like any other.
fn a_at(r: Row, c: Col) -> f32 {
    return select(0.0, a[r.a + c.a], a_inside(r, c));
}

// Four rows of one k.
fn a_rows(r0: Row, r1: Row, r2: Row, r3: Row, c: Col) -> vec4<f32> {
    return vec4(a_at(r0, c), a_at(r1, c), a_at(r2, c), a_at(r3, c));
}
