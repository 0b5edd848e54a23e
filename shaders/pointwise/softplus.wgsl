// ln(1 + e^x).
#import "lib/safe.wgsl"

fn pw_softplus(x: f32) -> f32 {
    return safe_softplus(x);
}
