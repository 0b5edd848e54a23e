// ln p of the count x under the negative binomial distribution.
#import "lib/counts.wgsl"

fn pw_negative_binomial(x: f32, log_mean: f32, log_dispersion: f32) -> f32 {
    return negative_binomial(x, log_mean, log_dispersion);
}
