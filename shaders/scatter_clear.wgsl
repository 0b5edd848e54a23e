// The lists of all rows empty. An invocation does PER rows, WG apart.
#import "lib/grid.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation

struct Params {
    len: u32, // rows
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> head: array<u32>; // (len)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    for (var i = begin + lane; i < end; i += WG) {
        head[i] = 0xffffffffu;
    }
}
