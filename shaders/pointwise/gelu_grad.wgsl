// The derivative of GELU times dy.
#import "lib/safe.wgsl"

fn pw_gelu_grad(x: f32, dy: f32) -> f32 {
    let c = clamp(x, -30.0, 30.0);
    let t = safe_tanh(0.7978845608 * (c + 0.044715 * c * c * c));
    let du = 0.7978845608 * (1.0 + 0.134145 * c * c);
    return dy * 0.5 * (1.0 + t + c * (1.0 - t * t) * du);
}
