// a x + b.
fn pw_affine(x: f32, a: f32, b: f32) -> f32 {
    return a * x + b;
}
