// ln of the bin of x under a logistic distribution, nats.
#import "lib/logistic.wgsl"

fn pw_discretized_logistic(x: f32, mu: f32, logscale: f32, bins: f32) -> f32 {
    return logistic_log_prob(logistic(x, mu, logscale, bins));
}
