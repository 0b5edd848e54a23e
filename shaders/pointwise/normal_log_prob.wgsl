// ln N(x; mu, e^logvar), nats.
fn pw_normal_log_prob(x: f32, mu: f32, logvar: f32) -> f32 {
    let d = x - mu;
    return -0.5 * (1.8378770664 + logvar + d * d * exp(clamp(-logvar, -87.3, 88.7)));
}
