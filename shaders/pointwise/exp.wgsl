// e^x, finite for every finite x.
#import "lib/safe.wgsl"

fn pw_exp(x: f32) -> f32 {
    return keep_nan(x, exp(clamp(x, -87.3, 88.7)));
}
