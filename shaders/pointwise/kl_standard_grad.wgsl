// (e^logvar - 1) d / 2.
#import "lib/safe.wgsl"

fn pw_kl_standard_grad(logvar: f32, d: f32) -> f32 {
    return 0.5 * safe_expm1(logvar) * d;
}
