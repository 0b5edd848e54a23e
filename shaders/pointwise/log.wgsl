// ln x, finite for every finite x >= 0.
fn pw_log(x: f32) -> f32 {
    return log(max(x, 1.17549435e-38));
}
