// dy where y > 0, else 0.
fn pw_relu_grad(y: f32, dy: f32) -> f32 {
    return select(0.0, dy, y > 0.0);
}
