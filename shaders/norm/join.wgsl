// Mean and squared deviations of two samples together (Chan, Golub and LeVeque, 1979): (count, mean, squared deviations).

fn join(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
    let count = a.x + b.x;
    let share = b.x / max(count, 1.0);
    let d = b.y - a.y;
    return vec3(count, a.y + d * share, a.z + b.z + d * d * a.x * share);
}
