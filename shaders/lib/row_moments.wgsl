// The mean of a row and 1 / sqrt(variance + eps), in two walks over it; `begin` is where this member of the team begins.

fn join(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return a + b;
}

fn moments_of(begin: u32, end: u32, lane: u32) -> vec2<f32> {
    let count = f32(p.columns);
    // Relative to the row's first element, so that sums do not round away what is left of them.
    let first = x[begin - lane % TEAM];
    var sum = 0.0;
    for (var i = begin; i < end; i += TEAM) {
        sum += x[i] - first;
    }
    let mean = first + joined(vec2(sum, 0.0), lane).x / count;
    var squares = vec2(0.0);
    for (var i = begin; i < end; i += TEAM) {
        let d = x[i] - mean;
        squares += vec2(d * d, d);
    }
    squares = joined(squares, lane);
    // What the mean's own rounding has left.
    let rest = squares.y / count;
    return vec2(mean + rest, 1.0 / sqrt(max(squares.x / count - rest * rest, 0.0) + p.eps));
}
