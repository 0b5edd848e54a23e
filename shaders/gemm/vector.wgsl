// Core of a matrix product: one subgroup a workgroup, no workgroup memory, the right operand fetched by fours.
//
// A workgroup computes 4·RM rows × 4·RN·SG columns; each invocation holds all the rows of RN times four neighbouring
// columns in registers. k advances by SG: A is fetched once with lanes along k and its elements are then passed round by
// shuffles, two at a time, so that a sum is fetched and put back once for two products. Rows and columns past the edge
// repeat the last ones and are not stored.
//
// Needs right4_lanes.wgsl (or right8.wgsl) and its layouts, hence a multiple of four columns; left4.wgsl may fetch four rows at
// once. Correct only where every subgroup has exactly SG invocations: lowering checks the adapter's smallest and largest size.

#import "lib/grid.wgsl"
#import "gemm/rows.wgsl"
#import "gemm/spare.wgsl"
#import "gemm/store.wgsl"

// The subgroup size of the adapter; even.
const SG: u32 = 8u; // spec
// Blocks of four rows and of four columns an invocation.
const RM: u32 = 4u; // spec
const RN: u32 = 2u; // spec
const TM: u32 = 4u * RM;
const TN: u32 = 4u * RN;

fn column(lane: u32, j: u32) -> u32 {
    return b_first(lane, j / 4u) + j % 4u;
}

@compute @workgroup_size(SG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let size = gemm_begin(wid.z);
    let tiles_n = (size.y + TN * SG - 1u) / (TN * SG);
    let tile = group_index(wid, nwg);
    let m0 = (tile / tiles_n) * TM;
    let n0 = (tile % tiles_n) * (TN * SG);
    if m0 >= size.x {
        gemm_spare(tile, lane);
        return;
    }

    var row = tile_rows(m0, size.x - 1u, lane);
    var col: array<u32, RN>;
    for (var j = 0u; j < RN; j++) {
        col[j] = b_col(min(n0 + b_first(lane, j), size.y - 4u));
    }

    var acc: array<mat4x4<f32>, RM * RN>;
    for (var k0 = 0u; k0 < size.z; k0 += SG) {
        // Past the end A is zero, so that an odd last k needs no case of its own.
        let live = k0 + lane < size.z;
        let at = k_at(min(k0 + lane, size.z - 1u));
        var left: array<vec4<f32>, RM>;
        for (var i = 0u; i < RM; i++) {
            let v = a_rows(row[4u * i], row[4u * i + 1u], row[4u * i + 2u], row[4u * i + 3u], at);
            left[i] = select(vec4(0.0), v, live);
        }
        // Counted from k0, so that the driver does not see a short loop and unroll it, which halves the speed.
        let end = min(k0 + SG, size.z);
        for (var k = k0; k < end; k += 2u) {
            let even = subgroupShuffle(at.b, k - k0);
            let odd = subgroupShuffle(at.b, k - k0 + 1u);
            let b0 = b_fours(even, col);
            let b1 = b_fours(odd, col);
            for (var i = 0u; i < RM; i++) {
                let v = subgroupShuffle(left[i], k - k0);
                let w = subgroupShuffle(left[i], k - k0 + 1u);
                for (var j = 0u; j < RN; j++) {
                    acc[i * RN + j] += mat4x4(
                        v.x * b0[j] + w.x * b1[j],
                        v.y * b0[j] + w.y * b1[j],
                        v.z * b0[j] + w.z * b1[j],
                        v.w * b0[j] + w.w * b1[j],
                    );
                }
            }
        }
    }

    store_tile(acc, m0, n0, size, lane);
}
