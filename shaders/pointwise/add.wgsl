// x + y.
fn pw_add(x: f32, y: f32) -> f32 {
    return x + y;
}
