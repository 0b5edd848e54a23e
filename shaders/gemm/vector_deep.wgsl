// Core of a matrix product: vector.wgsl for a left operand whose k are neighbours, fetched by fours as well.
//
// A workgroup computes 4·RM rows × 4·RN·SG columns; each invocation holds all the rows of RN times four neighbouring
// columns in registers. k advances by 4·SG: A is fetched once, four k an invocation, and passed round by shuffles, so that a
// sum is fetched and put back once for four products. Rows and columns past the edge repeat the last ones and are not stored.
//
// Needs left4.wgsl and right4_lanes.wgsl (or right8.wgsl) and their layouts, hence multiples of four columns and k. Correct only where every
// subgroup has exactly SG invocations: lowering checks the adapter's smallest and largest size.

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

// Sums, and what is multiplied: four k of each block of four rows, passed round from the invocation that fetched them, and
// four k of each block of four columns.
var<private> acc: array<mat4x4<f32>, RM * RN>;
var<private> left: array<mat4x4<f32>, RM>;
var<private> right: array<mat4x4<f32>, RN>;

// The products of block `i` of rows and the k that invocation `giver` fetched. Called for each block: a loop of so many
// instructions drivers do not unroll, and then registers become memory.
fn multiply(i: u32, giver: u32) {
    if i >= RM {
        return;
    }
    let a = left[i];
    let k0 = subgroupShuffle(a[0], giver);
    let k1 = subgroupShuffle(a[1], giver);
    let k2 = subgroupShuffle(a[2], giver);
    let k3 = subgroupShuffle(a[3], giver);
    for (var j = 0u; j < RN; j++) {
        let b = right[j];
        acc[i * RN + j] += mat4x4(
            k0.x * b[0] + k1.x * b[1] + k2.x * b[2] + k3.x * b[3],
            k0.y * b[0] + k1.y * b[1] + k2.y * b[2] + k3.y * b[3],
            k0.z * b[0] + k1.z * b[1] + k2.z * b[2] + k3.z * b[3],
            k0.w * b[0] + k1.w * b[1] + k2.w * b[2] + k3.w * b[3],
        );
    }
}

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

    let step = k_step().b;
    for (var k0 = 0u; k0 < size.z; k0 += 4u * SG) {
        let k = k0 + 4u * lane;
        let live = k < size.z;
        let at = k_at(min(k, size.z - 4u));
        for (var i = 0u; i < RM; i++) {
            var rows: array<vec4<f32>, 4>;
            for (var r = 0u; r < 4u; r++) {
                rows[r] = select(vec4(0.0), a_at4(row[4u * i + r], at), live);
            }
            left[i] = transpose(mat4x4(rows[0], rows[1], rows[2], rows[3]));
        }
        // Counted from k0, so that the driver does not see a short loop and unroll it, which halves the speed.
        let end = min(k0 + 4u * SG, size.z);
        for (var l = k0; l < end; l += 4u) {
            let giver = (l - k0) / 4u;
            let base = subgroupShuffle(at.b, giver);
            let b0 = b_fours(base, col);
            let b1 = b_fours(base + step, col);
            let b2 = b_fours(base + 2u * step, col);
            let b3 = b_fours(base + 3u * step, col);
            for (var j = 0u; j < RN; j++) {
                right[j] = mat4x4(b0[j], b1[j], b2[j], b3[j]);
            }
            multiply(0u, giver);
            multiply(1u, giver);
            multiply(2u, giver);
            multiply(3u, giver);
            multiply(4u, giver);
            multiply(5u, giver);
            multiply(6u, giver);
            multiply(7u, giver);
        }
    }

    store_tile(acc, m0, n0, size, lane);
}
