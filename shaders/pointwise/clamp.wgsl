// x limited to [lo, hi]; NaN stays NaN, which `clamp` does not promise.
fn pw_clamp(x: f32, lo: f32, hi: f32) -> f32 {
    return select(select(x, lo, x < lo), hi, x > hi);
}
