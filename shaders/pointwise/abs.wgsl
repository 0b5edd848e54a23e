// |x|.
fn pw_abs(x: f32) -> f32 {
    return abs(x);
}
