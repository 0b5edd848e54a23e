// A sample of N(mu, e^logvar) from standard noise.
fn pw_reparameterize(mu: f32, logvar: f32, eps: f32) -> f32 {
    return mu + exp(clamp(0.5 * logvar, -87.3, 88.7)) * eps;
}
