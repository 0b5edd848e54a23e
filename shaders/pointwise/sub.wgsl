// x - y.
fn pw_sub(x: f32, y: f32) -> f32 {
    return x - y;
}
