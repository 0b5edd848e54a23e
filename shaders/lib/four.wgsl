// Four neighbouring floats as one element of a storage buffer.

alias Four = vec4<f32>;

fn four(v: Four) -> vec4<f32> {
    return v;
}
