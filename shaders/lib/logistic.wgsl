// The logistic distribution over equal bins of [0, 1]: a = (x - mu) / s and h = half a bin / s. The middle bins have
// sinh h / (cosh h + cosh a), the first and the last one the tails.
#import "lib/safe.wgsl"

struct Logistic {
    a: f32,
    h: f32,
    tail: i32, // -1 in the first bin, 1 in the last one
}

fn logistic(x: f32, mu: f32, logscale: f32, bins: f32) -> Logistic {
    let half = 0.5 / (bins - 1.0);
    let rate = exp(clamp(-logscale, -87.3, 88.7));
    return Logistic((x - mu) * rate, half * rate, select(0, 1, x > 1.0 - half) - select(0, 1, x < half));
}

// 1 - e^-2v and 1 + e^-2v, both times e^(v - largest): twice sinh and cosh over e^largest.
fn logistic_hyperbolic(v: f32, largest: f32) -> vec2<f32> {
    let e = safe_expm1(-2.0 * v);
    return vec2(-e, 2.0 + e) * exp(max(v - largest, -126.0));
}

fn logistic_log_prob(l: Logistic) -> f32 {
    if l.tail != 0 {
        return -safe_softplus(f32(l.tail) * l.a - l.h);
    }
    let largest = max(l.h, abs(l.a));
    let sum = logistic_hyperbolic(l.h, largest).y + logistic_hyperbolic(abs(l.a), largest).y;
    return (l.h - largest) + log(max(-safe_expm1(-2.0 * l.h), 1.17549435e-38)) - log(sum);
}

// The derivatives by a and by h, the latter times h.
fn logistic_slopes(l: Logistic) -> vec2<f32> {
    if l.tail != 0 {
        let tail = safe_sigmoid(f32(l.tail) * l.a - l.h);
        return vec2(-f32(l.tail) * tail, tail * l.h);
    }
    let largest = max(l.h, abs(l.a));
    let ah = logistic_hyperbolic(l.h, largest);
    let aa = logistic_hyperbolic(abs(l.a), largest);
    let sum = ah.y + aa.y;
    let e = safe_expm1(-2.0 * l.h);
    let coth = (2.0 + e) / max(-e, 1.17549435e-38);
    return vec2(-sign(l.a) * aa.x / sum, l.h * (coth - ah.x / sum));
}
