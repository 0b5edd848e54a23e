// dy sigmoid(x).
#import "lib/safe.wgsl"

fn pw_softplus_grad(x: f32, dy: f32) -> f32 {
    return dy * safe_sigmoid(x);
}
