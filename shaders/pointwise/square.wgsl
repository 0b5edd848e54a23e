// x^2.
fn pw_square(x: f32) -> f32 {
    return x * x;
}
