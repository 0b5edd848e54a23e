// The constant.
fn pw_full(value: f32) -> f32 {
    return value;
}
