// The negative binomial distribution by Loader's deviances: see src/ops/pointwise/counts.rs.
#import "lib/gamma.wgsl"
#import "lib/safe.wgsl"

// The error of Stirling's formula for ln of the gamma function at y + 1.
fn stirling_error(y: f32) -> f32 {
    let r = 1.0 / y;
    let r2 = r * r;
    if y >= GAMMA_FAR {
        return r * (0.083333336 + r2 * (-0.0027777778 + r2 * 0.0007936508));
    }
    return lgamma(y + 1.0) - (y + 0.5) * log(y) + y - 0.9189385;
}

// t - ln(1 + t), where the latter is `log_1t`; near 0 by the series of ln((1 + s) / (1 - s)), |s| <= 1/4.
fn deviance(t: f32, log_1t: f32) -> f32 {
    let s = t / (2.0 + t);
    let u = s * s;
    let series = 0.33333334 + u * (0.2 + u * (0.14285715 + u * (0.11111111 + u * (0.09090909 + u * 0.07692308))));
    return select(t - log_1t, s * (t - 2.0 * u * series), abs(t) < 0.4);
}

// The deviance of the failures over r.
fn failures(x: f32, mu: f32, r: f32) -> f32 {
    return deviance((x - mu) / (r + mu), log((x + r) / (r + mu)));
}

fn negative_binomial(x: f32, log_mean: f32, log_dispersion: f32) -> f32 {
    let mu = exp(log_mean);
    let r = exp(log_dispersion);
    if x <= 0.0 {
        return -r * safe_softplus(log_mean - log_dispersion);
    }
    let n = x + r;
    let log_n = log(n);
    let log_x = log(x);
    let successes = deviance(r / (r + mu) * ((mu - x) / x), log_mean + log_n - log_x - log(r + mu));
    let size = 0.5 * (log_dispersion - log_n - log_x) - 0.9189385;
    let errors = stirling_error(n) - stirling_error(r) - stirling_error(x);
    return size + errors - r * failures(x, mu, r) - x * successes;
}

// c(x + r) - c(r) for c(y) = digamma(y) - ln y; for large r by its series, where differences of powers are factored.
fn digamma_step(x: f32, r: f32) -> f32 {
    let n = x + r;
    if r < GAMMA_FAR {
        return digamma(n) - log(n) - (digamma(r) - log(r));
    }
    let a = 1.0 / r;
    let b = 1.0 / n;
    let quartic = (a * a + b * b) * 0.008333334;
    return x * a * b * (0.5 + (a + b) * (0.083333336 - quartic));
}
