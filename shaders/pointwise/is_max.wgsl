// 1 where x >= y, else 0.
fn pw_is_max(x: f32, y: f32) -> f32 {
    return select(0.0, 1.0, x >= y);
}
