// dy where lo <= x <= hi, else 0.
fn pw_clamp_grad(x: f32, dy: f32, lo: f32, hi: f32) -> f32 {
    return select(0.0, dy, x >= lo && x <= hi);
}
