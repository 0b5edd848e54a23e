// Four neighbouring floats as one element of a storage buffer, fetched as two integers of 64 bits: a software adapter pays for
// each component of each lane, whatever its width. Needs 64-bit integers.

alias Four = vec2<u64>;

fn four(v: Four) -> vec4<f32> {
    let low = vec2(u32(v.x), u32(v.y));
    let high = vec2(u32(v.x >> 32u), u32(v.y >> 32u));
    return bitcast<vec4<f32>>(vec4(low.x, high.x, low.y, high.y));
}
