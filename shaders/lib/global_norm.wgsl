// The root of the sum of the first `count` of `squares`, which the kernel binds: every workgroup of WG invocations, a power of two, adds them up
// in the same tree. To be called in uniform control flow.

var<workgroup> norm_parts: array<f32, WG>;

fn global_norm(lane: u32, count: u32) -> f32 {
    var sum = 0.0;
    for (var i = lane; i < count; i += WG) {
        sum += squares[i];
    }
    norm_parts[lane] = sum;
    for (var step = WG / 2u; step > 0u; step >>= 1u) {
        workgroupBarrier();
        if lane < step {
            norm_parts[lane] += norm_parts[lane + step];
        }
    }
    workgroupBarrier();
    return sqrt(norm_parts[0]);
}
