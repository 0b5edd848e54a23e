// dy s (1 + x (1 - s)), s = sigmoid(x).
#import "lib/safe.wgsl"

fn pw_silu_grad(x: f32, dy: f32) -> f32 {
    let s = safe_sigmoid(x);
    // 1 - sigmoid(x) as sigmoid(-x): no cancellation, and 0 times a huge x stays 0.
    return dy * s * (1.0 + x * safe_sigmoid(-x));
}
