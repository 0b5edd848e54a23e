// Two standard normal numbers from two words (Box and Muller, 1958), by our own logarithm, sine and cosine: drivers'
// logarithms lose all digits near 1, and their sines are only accurate in absolute terms.

// ln u for normal u > 0, relative error of a few ulp also near 1: u = 2^e·m with m in [√½, √2), ln m = 2 atanh s with
// s = (m - 1) / (m + 1), |s| < 0.172.
fn accurate_log(u: f32) -> f32 {
    let bits = bitcast<u32>(u);
    let shift = bits - 0x3f3504f3u; // the bits of √½
    let e = f32(bitcast<i32>(shift) >> 23u);
    let f = bitcast<f32>((shift & 0x7fffffu) + 0x3f3504f3u) - 1.0;
    let s = f / (2.0 + f);
    let t = s * s;
    let series = 1.0 + t * (0.33333334 + t * (0.2 + t * (0.14285715 + t * (0.11111111 + t * 0.09090909))));
    return e * 0.6931472 + 2.0 * s * series;
}

// (cos, sin) of turn·2π/2²⁴, turn < 2²⁴: the nearest quarter turn is taken off exactly, in integers.
fn cos_sin_turn(turn: u32) -> vec2<f32> {
    let quarter = (turn + 0x200000u) >> 22u;
    let x = f32(bitcast<i32>(turn - (quarter << 22u))) * 3.7450703e-7; // 2π/2²⁴; |x| <= π/4
    let t = x * x;
    let s = x * (1.0 + t * (-0.16666667 + t * (0.008333334 + t * (-0.0001984127 + t * 2.7557319e-6))));
    let c = 1.0 + t * (-0.5 + t * (0.041666668 + t * (-0.0013888889 + t * (2.4801588e-5 - t * 2.755732e-7))));
    let swapped = select(vec2(c, s), vec2(-s, c), (quarter & 1u) == 1u);
    return select(swapped, -swapped, (quarter & 2u) == 2u);
}

fn box_muller(w0: u32, w1: u32) -> vec2<f32> {
    let u = f32((w0 >> 8u) + 1u) * 5.9604645e-8; // in (0, 1], exact
    return sqrt(-2.0 * accurate_log(u)) * cos_sin_turn(w1 >> 8u);
}
