// The gradient of negative_binomial by log_dispersion, times d.
#import "lib/counts.wgsl"

fn pw_negative_binomial_dispersion_grad(x: f32, log_mean: f32, log_dispersion: f32, d: f32) -> f32 {
    let r = exp(log_dispersion);
    return r * (digamma_step(x, r) - failures(x, exp(log_mean), r)) * d;
}
