// x l - softplus(l), nats.
#import "lib/safe.wgsl"

fn pw_bernoulli_log_prob(logits: f32, x: f32) -> f32 {
    return x * logits - safe_softplus(logits);
}
