// dy where y > 0, else a dy.
fn pw_leaky_relu_grad(y: f32, dy: f32, a: f32) -> f32 {
    return select(a * dy, dy, y > 0.0);
}
