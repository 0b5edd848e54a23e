// Mean and squared deviations of two samples together (Chan, Golub and LeVeque, 1979): (count, mean, squared deviations).

fn join(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
    let count = a.x + b.x;
    let share = b.x / max(count, 1.0);
    let d = b.y - a.y;
    return vec3(count, a.y + d * share, a.z + b.z + d * d * a.x * share);
}

// A sample of four.
fn four(x: vec4<f32>) -> vec3<f32> {
    let mean = 0.25 * (x.x + x.y + x.z + x.w);
    let d = x - vec4(mean);
    return vec3(4.0, mean, dot(d, d));
}
