// Our own versions of functions whose plain forms overflow, cancel or return NaN on some drivers. All are finite for
// every finite input.
#import "lib/finite.wgsl"

// y = f(x), or x where that is NaN: `min`, `max` and `clamp` may drop it, and a NaN that is lost is a fault that is hidden.
fn keep_nan(x: f32, y: f32) -> f32 {
    return select(y, x, is_nan(x));
}

// e^x - 1 without cancellation near 0: a Taylor polynomial inside |x| < 0.35, the difference outside.
fn safe_expm1(x: f32) -> f32 {
    let near = x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668 + x * (0.008333334 + x * (0.0013888889 + x * 0.0001984127))))));
    return select(exp(clamp(x, -87.3, 88.7)) - 1.0, near, abs(x) < 0.35);
}

// tanh x = -m / (m + 2) with m = e^(-2|x|) - 1, odd.
fn safe_tanh(x: f32) -> f32 {
    let m = safe_expm1(-2.0 * min(abs(x), 20.0));
    let t = -m / (m + 2.0);
    return keep_nan(x, select(t, -t, x < 0.0));
}

// 1 / (1 + e^-x), from e^-|x| so that neither tail cancels.
fn safe_sigmoid(x: f32) -> f32 {
    let e = exp(-min(abs(x), 126.0)); // underflows to 0, so that x sigmoid(x) does too
    let s = 1.0 / (1.0 + e);
    return keep_nan(x, select(e * s, s, x >= 0.0));
}

// ln(1 + e) for 0 <= e <= 1, to a few ulp: 2 atanh(e / (2 + e)) by its series; |t| <= 1/3.
fn safe_log1p_unit(e: f32) -> f32 {
    let t = e / (2.0 + e);
    let u = t * t;
    return 2.0 * t * (1.0 + u * (0.33333334 + u * (0.2 + u * (0.14285715 + u * (0.11111111 + u * (0.09090909 + u * 0.07692308))))));
}

// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|).
fn safe_softplus(x: f32) -> f32 {
    return select(x, 0.0, x < 0.0) + safe_log1p_unit(exp(-min(abs(x), 87.3)));
}
