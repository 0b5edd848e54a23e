// dy (1 - y^2).
fn pw_tanh_grad(y: f32, dy: f32) -> f32 {
    return dy * (1.0 - y * y);
}
