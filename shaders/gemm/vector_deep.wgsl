// Core of a matrix product: vector.wgsl for a left operand whose k are neighbours, fetched by fours as well.
//
// A workgroup computes 4·RM rows × 4·RN·SG columns; each invocation holds all the rows of RN times four neighbouring
// columns in registers. k advances by 4·SG: A is fetched once, four k an invocation, and passed round by shuffles, two k at
// a time. Rows and columns past the edge repeat the last ones and are not stored.
//
// Needs left4.wgsl and right4.wgsl and their layouts, hence multiples of four columns and k. Correct only where every
// subgroup has exactly SG invocations: lowering checks the adapter's smallest and largest size.

#import "lib/grid.wgsl"
#import "gemm/spare.wgsl"

// The subgroup size of the adapter.
const SG: u32 = 8u; // spec
// Blocks of four rows and of four columns an invocation.
const RM: u32 = 4u; // spec
const RN: u32 = 2u; // spec
const TM: u32 = 4u * RM;
const TN: u32 = 4u * RN;

fn row_shuffle(r: Row, lane: u32) -> Row {
    return Row(subgroupShuffle(r.y, lane), subgroupShuffle(r.x, lane), subgroupShuffle(r.a, lane));
}

@compute @workgroup_size(SG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    gemm_begin(wid.z);
    let size = gemm_size();
    let tiles_n = (size.y + TN * SG - 1u) / (TN * SG);
    let tile = group_index(wid, nwg);
    let m0 = (tile / tiles_n) * TM;
    let n0 = (tile % tiles_n) * (TN * SG) + 4u * lane;
    if m0 >= size.x {
        gemm_spare(tile, lane);
        return;
    }

    var row: array<Row, TM>;
    var mine: Row;
    for (var i = 0u; i < TM; i++) {
        if i % SG == 0u {
            mine = a_row(min(m0 + i + lane, size.x - 1u));
        }
        row[i] = row_shuffle(mine, i % SG);
    }
    var col: array<u32, RN>;
    for (var j = 0u; j < RN; j++) {
        col[j] = b_col(min(n0 + j * 4u * SG, size.y - 4u));
    }

    var acc: array<mat4x4<f32>, RM * RN>;
    let step = k_step().b;
    for (var k0 = 0u; k0 < size.z; k0 += 4u * SG) {
        let k = k0 + 4u * lane;
        let live = k < size.z;
        let at = k_at(min(k, size.z - 4u));
        var left: array<vec4<f32>, TM>;
        for (var i = 0u; i < TM; i++) {
            left[i] = select(vec4(0.0), a_at4(row[i], at), live);
        }
        // Each invocation's first two k, then its last two.
        for (var half = 0u; half < 2u; half++) {
            var first: array<vec4<f32>, RM>;
            var second: array<vec4<f32>, RM>;
            for (var i = 0u; i < RM; i++) {
                let r0 = select(left[4u * i].xy, left[4u * i].zw, half == 1u);
                let r1 = select(left[4u * i + 1u].xy, left[4u * i + 1u].zw, half == 1u);
                let r2 = select(left[4u * i + 2u].xy, left[4u * i + 2u].zw, half == 1u);
                let r3 = select(left[4u * i + 3u].xy, left[4u * i + 3u].zw, half == 1u);
                first[i] = vec4(r0.x, r1.x, r2.x, r3.x);
                second[i] = vec4(r0.y, r1.y, r2.y, r3.y);
            }
            let base = at.b + 2u * half * step;
            // Counted from k0, so that the driver does not see a short loop and unroll it, which halves the speed.
            let end = min(k0 + 4u * SG, size.z);
            for (var l = k0; l < end; l += 4u) {
                let giver = (l - k0) / 4u;
                let even = subgroupShuffle(base, giver);
                var b0: array<vec4<f32>, RN>;
                var b1: array<vec4<f32>, RN>;
                for (var j = 0u; j < RN; j++) {
                    b0[j] = b_at4(even + col[j]);
                    b1[j] = b_at4(even + step + col[j]);
                }
                for (var i = 0u; i < RM; i++) {
                    let v = subgroupShuffle(first[i], giver);
                    let w = subgroupShuffle(second[i], giver);
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
    }

    // Copied once, so that one store site, in a loop, serves all: the accumulators themselves must stay in registers.
    var out: array<f32, TM * TN>;
    for (var i = 0u; i < TM; i++) {
        for (var j = 0u; j < TN; j++) {
            out[i * TN + j] = acc[(i / 4u) * RN + j / 4u][i % 4u][j % 4u];
        }
    }
    for (var i = 0u; i < TM; i++) {
        if m0 + i >= size.x {
            break;
        }
        let r = y_row(m0 + i);
        for (var j = 0u; j < TN; j++) {
            let n = n0 + (j / 4u) * 4u * SG + j % 4u;
            if n < size.y {
                y_store(r + n, out[i * TN + j]);
            }
        }
    }
}
