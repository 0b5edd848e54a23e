// Reads a tensor of words through strides: the digits of i, innermost first, times a stride each. An invocation does PER elements of y, WG apart; nothing is staged.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation
const TERMS: u32 = 1u; // spec

struct Params {
    terms: array<vec4<u32>, 6>, // (extent, stride, 0, 0) of runs of axes, innermost first; those past TERMS are unused
    len: u32, // elements of y
    offset: u32, // element of x that y[0] is
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>; // any shape
@group(0) @binding(2) var<storage, read_write> y: array<u32>; // (len)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    var by: array<Divisor, TERMS>;
    for (var k = 0u; k < TERMS; k++) {
        by[k] = divisor(p.terms[k].x);
    }
    for (var i = begin + lane; i < end; i += WG) {
        var at = p.offset;
        var rest = i;
        for (var k = 0u; k + 1u < TERMS; k++) {
            let q = quotient(rest, by[k]);
            at += (rest - q * p.terms[k].x) * p.terms[k].y;
            rest = q;
        }
        at += rest * p.terms[TERMS - 1u].y;
        y[i] = x[at];
    }
}
