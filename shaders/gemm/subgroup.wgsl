// Core of a matrix product: one subgroup a workgroup, no workgroup memory.
//
// A workgroup computes 4·RM rows × 4·RN·SG columns; each invocation holds all the rows of 4·RN columns, SG apart, in
// registers. k advances by SG: A is fetched once with lanes along k and its elements are then passed round by shuffles,
// while B is fetched with lanes along n. Rows and columns past the edge repeat the last one and are not stored.
//
// Correct only where every subgroup has exactly SG invocations: lowering checks the adapter's smallest and largest size.

#import "lib/grid.wgsl"
#import "gemm/rows.wgsl"
#import "gemm/spare.wgsl"
#import "gemm/store.wgsl"

// The subgroup size of the adapter.
const SG: u32 = 8u; // spec
// Blocks of four rows and of four columns an invocation.
const RM: u32 = 4u; // spec
const RN: u32 = 2u; // spec
const TM: u32 = 4u * RM;
const TN: u32 = 4u * RN;

fn column(lane: u32, j: u32) -> u32 {
    return lane + j * SG;
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
    var col: array<u32, TN>;
    for (var j = 0u; j < TN; j++) {
        col[j] = b_col(min(n0 + column(lane, j), size.y - 1u));
    }

    var acc: array<mat4x4<f32>, RM * RN>;
    for (var k0 = 0u; k0 < size.z; k0 += SG) {
        let at = k_at(min(k0 + lane, size.z - 1u));
        var left: array<vec4<f32>, RM>;
        for (var i = 0u; i < RM; i++) {
            left[i] = vec4(
                a_at(row[4u * i], at),
                a_at(row[4u * i + 1u], at),
                a_at(row[4u * i + 2u], at),
                a_at(row[4u * i + 3u], at),
            );
        }
        // Counted from k0, so that the driver does not see a short loop and unroll it, which halves the speed.
        let end = min(k0 + SG, size.z);
        for (var k = k0; k < end; k++) {
            let base = subgroupShuffle(at.b, k - k0);
            var b: array<vec4<f32>, RN>;
            for (var j = 0u; j < RN; j++) {
                b[j] = vec4(
                    b_at(base + col[4u * j]),
                    b_at(base + col[4u * j + 1u]),
                    b_at(base + col[4u * j + 2u]),
                    b_at(base + col[4u * j + 3u]),
                );
            }
            for (var i = 0u; i < RM; i++) {
                let v = subgroupShuffle(left[i], k - k0);
                for (var j = 0u; j < RN; j++) {
                    acc[i * RN + j] += mat4x4(v.x * b[j], v.y * b[j], v.z * b[j], v.w * b[j]);
                }
            }
        }
    }

    store_tile(acc, m0, n0, size, lane);
}
