// A list for each row of the positions whose index it is, ascending: the first of its kind is the row's head, and each knows the
// next. Every word has one writer, so nothing depends on who comes first. An invocation does PER positions, WG apart.
#import "lib/grid.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation

struct Params {
    len: u32, // positions
    last: u32, // the last row: indices past it mean it
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> index: array<u32>; // (len)
@group(0) @binding(2) var<storage, read_write> next: array<u32>; // (len)
@group(0) @binding(3) var<storage, read_write> head: array<u32>; // (last + 1)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    for (var b = begin + lane; b < end; b += WG) {
        let v = min(index[b], p.last);
        var after = b + 1u;
        while after < p.len && min(index[after], p.last) != v {
            after++;
        }
        next[b] = after;
        var before = b;
        while before > 0u && min(index[before - 1u], p.last) != v {
            before--;
        }
        if before == 0u {
            head[v] = b;
        }
    }
}
