// Random numbers: y[4b..4b+4] from the Philox block (b, stream, step). One invocation a block, sixty-four a workgroup.
#import "lib/grid.wgsl"
#import "lib/philox.wgsl"
#import "lib/box_muller.wgsl"
#import "epilogue/identity.wgsl"

const KIND: u32 = 0u; // spec: 0 normal, 1 uniform, 2 Bernoulli

struct Params {
    len: u32, // elements of y
    stream: u32,
    threshold: u32, // Bernoulli: p·2²⁴
    pad: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> state: array<u32>; // (4): seed low, seed high, step low, step high
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (len)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group_index(wid, nwg) * 64u + lane;
    if block >= (p.len + 3u) / 4u {
        return;
    }
    let w = philox4x32_10(vec4(block, p.stream, state[2], state[3]), vec2(state[0], state[1]));
    var x: vec4<f32>;
    if KIND == 0u {
        x = vec4(box_muller(w.x, w.y), box_muller(w.z, w.w));
    } else if KIND == 1u {
        x = vec4<f32>(w >> vec4(8u)) * 5.9604645e-8;
    } else {
        x = select(vec4(0.0), vec4(1.0), (w >> vec4(8u)) < vec4(p.threshold));
    }
    let i = block * 4u;
    y[i] = epilogue(x.x, i);
    if i + 1u < p.len {
        y[i + 1u] = epilogue(x.y, i + 1u);
    }
    if i + 2u < p.len {
        y[i + 2u] = epilogue(x.z, i + 2u);
    }
    if i + 3u < p.len {
        y[i + 3u] = epilogue(x.w, i + 3u);
    }
}
