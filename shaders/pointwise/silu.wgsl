// x sigmoid(x).
#import "lib/safe.wgsl"

fn pw_silu(x: f32) -> f32 {
    return x * safe_sigmoid(x);
}
