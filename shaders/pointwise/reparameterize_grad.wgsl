// Gradient of logvar from the sample itself.
fn pw_reparameterize_grad(mu: f32, z: f32, dz: f32) -> f32 {
    return 0.5 * (z - mu) * dz;
}
