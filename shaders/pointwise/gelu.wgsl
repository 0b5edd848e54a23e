// GELU, tanh form.
#import "lib/safe.wgsl"

fn pw_gelu(x: f32) -> f32 {
    let c = clamp(x, -30.0, 30.0);
    let u = 0.7978845608 * (c + 0.044715 * c * c * c);
    return 0.5 * x * (1.0 + safe_tanh(u));
}
