// Quotients of indices by a divisor that is prepared before a loop: a shift where every divisor of the launch is a power of
// two, one multiplication where no index reaches 2²⁴, otherwise that with one refinement (see lib/divide.wgsl).

const DIVIDE: u32 = 0u; // spec: 0 any, 1 indices below 2²⁴, 2 divisors are powers of two

struct Divisor {
    value: u32,
    shift: u32,
    inverse: f32,
}

fn divisor(value: u32) -> Divisor {
    return Divisor(value, countTrailingZeros(value), 1.0 / f32(i32(value)));
}

fn quotient(a: u32, by: Divisor) -> u32 {
    if DIVIDE == 2u {
        return a >> by.shift;
    }
    let d = i32(by.value);
    var q = i32(f32(i32(a)) * by.inverse);
    if DIVIDE == 0u {
        q += i32(f32(i32(a) - q * d) * by.inverse);
    }
    let rest = i32(a) - q * d;
    q += select(0, 1, rest >= d) - select(0, 1, rest < 0);
    return u32(q);
}
