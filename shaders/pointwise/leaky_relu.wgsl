// x where x > 0, else a x.
fn pw_leaky_relu(x: f32, a: f32) -> f32 {
    return select(a * x, x, x > 0.0);
}
