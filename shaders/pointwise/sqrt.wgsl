// Square root.
fn pw_sqrt(x: f32) -> f32 {
    return sqrt(x);
}
