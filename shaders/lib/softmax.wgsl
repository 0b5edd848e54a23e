// The maximum of a row and the sum of e^(x - maximum), in two walks over it; `begin` is where this member of the team begins.
#import "lib/finite.wgsl"

const LEAST: f32 = -0x1.fffffep127;

fn join(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return vec2(max(a.x, b.x), a.y + b.y);
}

// e^d for d <= 0; NaN stays.
fn shrunk(d: f32) -> f32 {
    return select(exp(max(d, -104.0)), d, is_nan(d));
}

fn total_of(begin: u32, end: u32, lane: u32) -> vec2<f32> {
    var top = LEAST;
    for (var i = begin; i < end; i += TEAM) {
        top = max(top, x[i]);
    }
    top = joined(vec2(top, 0.0), lane).x;
    var sum = 0.0;
    for (var i = begin; i < end; i += TEAM) {
        sum += shrunk(x[i] - top);
    }
    return vec2(top, joined(vec2(top, sum), lane).y);
}
