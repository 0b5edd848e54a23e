// Exact a / b for a < 2³¹, b > 0, by floating point: several times cheaper than integer division where that is emulated
// or done lane by lane. The first quotient is off by at most 2¹¹, the second by at most 1.

fn divide(a: u32, b: u32) -> u32 {
    let d = i32(b);
    let inverse = 1.0 / f32(d);
    var q = i32(f32(i32(a)) * inverse);
    q += i32(f32(i32(a) - q * d) * inverse);
    let rest = i32(a) - q * d;
    q += select(0, 1, rest >= d) - select(0, 1, rest < 0);
    return u32(q);
}
