// e^-logvar x y.
fn pw_precision_times(logvar: f32, x: f32, y: f32) -> f32 {
    return exp(clamp(-logvar, -87.3, 88.7)) * x * y;
}
