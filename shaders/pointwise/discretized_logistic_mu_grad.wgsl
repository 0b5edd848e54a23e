// The gradient of discretized_logistic by mu, times d.
#import "lib/logistic.wgsl"

fn pw_discretized_logistic_mu_grad(x: f32, mu: f32, logscale: f32, d: f32, bins: f32) -> f32 {
    return -logistic_slopes(logistic(x, mu, logscale, bins)).x * exp(clamp(-logscale, -87.3, 88.7)) * d;
}
