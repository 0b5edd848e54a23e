// The larger.
fn pw_maximum(x: f32, y: f32) -> f32 {
    return select(x, y, y > x);
}
