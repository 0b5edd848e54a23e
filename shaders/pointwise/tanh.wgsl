// tanh x, our own.
#import "lib/safe.wgsl"

fn pw_tanh(x: f32) -> f32 {
    return safe_tanh(x);
}
