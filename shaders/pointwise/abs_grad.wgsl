// dy sign(x).
fn pw_abs_grad(x: f32, dy: f32) -> f32 {
    return select(select(0.0, -dy, x < 0.0), dy, x > 0.0);
}
