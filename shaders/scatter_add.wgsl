// y[v] = the sum of the x[b] whose index is v, b ascending. SCAN: every element of y looks at all indices; otherwise it follows
// the list of its row that scatter_links.wgsl has made. An invocation does PER elements of y, WG apart.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation
const SCAN: bool = false; // spec

struct Params {
    len: u32, // elements of y
    row: u32, // elements of a row
    last: u32, // the last row of y: indices past it mean it
    count: u32, // rows of x
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (count, row)
@group(0) @binding(2) var<storage, read> next: array<u32>; // (count): the next of the same row, or what is past all; SCAN: indices
@group(0) @binding(3) var<storage, read> head: array<u32>; // (last + 1): the first of each row, or what is past all; SCAN: unused
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // (last + 1, row)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    let by = divisor(p.row);
    for (var i = begin + lane; i < end; i += WG) {
        let v = quotient(i, by);
        let d = i - v * p.row;
        var sum = 0.0;
        if SCAN {
            for (var b = 0u; b < p.count; b++) {
                if min(next[b], p.last) == v {
                    sum += x[b * p.row + d];
                }
            }
        } else {
            var b = head[v];
            while b < p.count {
                sum += x[b * p.row + d];
                b = max(next[b], b + 1u); // never back: the loop must end
            }
        }
        y[i] = epilogue(sum, i);
    }
}
