// x / y.
fn pw_div(x: f32, y: f32) -> f32 {
    return x / y;
}
