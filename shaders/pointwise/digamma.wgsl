// The derivative of ln gamma, x > 0.
#import "lib/gamma.wgsl"

fn pw_digamma(x: f32) -> f32 {
    return digamma(x);
}
