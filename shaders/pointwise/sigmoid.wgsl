// 1 / (1 + e^-x).
#import "lib/safe.wgsl"

fn pw_sigmoid(x: f32) -> f32 {
    return safe_sigmoid(x);
}
