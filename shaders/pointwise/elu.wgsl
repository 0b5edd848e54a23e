// x where x > 0, else a (e^x - 1).
#import "lib/safe.wgsl"

fn pw_elu(x: f32, a: f32) -> f32 {
    return select(x, a * safe_expm1(min(x, 0.0)), x <= 0.0);
}
