// x.
fn pw_identity(x: f32) -> f32 {
    return x;
}
