// z where x >= y, else 0.
fn pw_at_least(x: f32, y: f32, z: f32) -> f32 {
    return select(0.0, z, x >= y);
}
