// The gradient of negative_binomial by log_mean, times d.
fn pw_negative_binomial_mean_grad(x: f32, log_mean: f32, log_dispersion: f32, d: f32) -> f32 {
    let mu = exp(log_mean);
    let r = exp(log_dispersion);
    return r / (r + mu) * (x - mu) * d;
}
