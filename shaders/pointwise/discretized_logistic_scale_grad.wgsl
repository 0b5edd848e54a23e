// The gradient of discretized_logistic by logscale, times d.
#import "lib/logistic.wgsl"

fn pw_discretized_logistic_scale_grad(x: f32, mu: f32, logscale: f32, d: f32, bins: f32) -> f32 {
    let l = logistic(x, mu, logscale, bins);
    let slopes = logistic_slopes(l);
    return -(l.a * slopes.x + slopes.y) * d;
}
