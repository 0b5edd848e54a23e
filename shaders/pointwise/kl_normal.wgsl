// KL of two normals, nats.
#import "lib/safe.wgsl"

fn pw_kl_normal(mu1: f32, logvar1: f32, mu2: f32, logvar2: f32) -> f32 {
    let delta = logvar1 - logvar2;
    let d = mu1 - mu2;
    return 0.5 * ((safe_expm1(delta) - delta) + d * d * exp(clamp(-logvar2, -87.3, 88.7)));
}
