// (x - sigmoid(l)) d.
#import "lib/safe.wgsl"

fn pw_bernoulli_log_prob_grad(logits: f32, x: f32, d: f32) -> f32 {
    return (x - safe_sigmoid(logits)) * d;
}
