// max(x, 0); NaN stays NaN, which `max` does not promise.
fn pw_relu(x: f32) -> f32 {
    return select(x, 0.0, x < 0.0);
}
