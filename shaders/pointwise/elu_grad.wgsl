// dy where y > 0, else dy (y + a).
fn pw_elu_grad(y: f32, dy: f32, a: f32) -> f32 {
    return select(dy * (y + a), dy, y > 0.0);
}
