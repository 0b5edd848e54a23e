// right4_lanes.wgsl for two blocks an invocation (RN = 2) and rows that start at multiples of eight: eight neighbouring columns are
// one fetch of four integers of 64 bits; only where lowering puts lib/four_wide.wgsl for lib/four.wgsl.

#import "lib/four.wgsl"

@group(0) @binding(2) var<storage, read> b: array<vec4<u64>>;

fn b_first(lane: u32, j: u32) -> u32 {
    return 8u * lane + 4u * j;
}

fn b_fours(row: u32, col: array<u32, RN>) -> array<vec4<f32>, RN> {
    let v = b[(row + col[0]) / 8u];
    return array<vec4<f32>, RN>(four(v.xy), four(v.zw));
}

// Element i.
fn b_one(i: u32) -> f32 {
    let v = b[i / 8u];
    return four(select(v.xy, v.zw, i % 8u >= 4u))[i % 4u];
}
