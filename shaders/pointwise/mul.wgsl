// x y.
fn pw_mul(x: f32, y: f32) -> f32 {
    return x * y;
}
