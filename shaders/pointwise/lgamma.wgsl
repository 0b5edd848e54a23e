// ln of the gamma function, x > 0.
#import "lib/gamma.wgsl"

fn pw_lgamma(x: f32) -> f32 {
    return lgamma(x);
}
