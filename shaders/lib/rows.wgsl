// Rows of a matrix, each by a team of TEAM invocations that walk its columns side by side; WG / TEAM rows a workgroup. What the
// members have found is joined by a tree of fixed order: the kernel says how, `join(a, b)`.
#import "lib/grid.wgsl"

const WG: u32 = 64u; // spec
const TEAM: u32 = 64u; // spec: a power of two that divides WG

struct Params {
    rows: u32,
    columns: u32,
    eps: f32, // norms: added to variances
}
@group(0) @binding(0) var<uniform> p: Params;

var<workgroup> found: array<vec2<f32>, WG>;

fn row_of(wid: vec3<u32>, nwg: vec3<u32>, lane: u32) -> u32 {
    return group_index(wid, nwg) * (WG / TEAM) + lane / TEAM;
}

// What the whole team has found. All invocations of a workgroup call it, those past the last row too.
fn joined(mine: vec2<f32>, lane: u32) -> vec2<f32> {
    if TEAM == 1u {
        return mine;
    }
    workgroupBarrier(); // what was found before has been read
    found[lane] = mine;
    for (var step = TEAM / 2u; step > 0u; step >>= 1u) {
        workgroupBarrier();
        if lane % TEAM < step {
            found[lane] = join(found[lane], found[lane + step]);
        }
    }
    workgroupBarrier();
    return found[lane - lane % TEAM];
}
