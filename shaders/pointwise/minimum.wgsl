// The smaller.
fn pw_minimum(x: f32, y: f32) -> f32 {
    return select(x, y, y < x);
}
