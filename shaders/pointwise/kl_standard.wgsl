// KL to the standard normal, nats.
#import "lib/safe.wgsl"

fn pw_kl_standard(mu: f32, logvar: f32) -> f32 {
    return 0.5 * (mu * mu + (safe_expm1(logvar) - logvar));
}
