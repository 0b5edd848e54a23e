// Core of a matrix product with few columns: one subgroup a workgroup, lanes along k.
//
// A workgroup computes TM rows × TN columns as dot products: each lane sums its share of k for all of them in registers,
// and a tree of shuffles adds the lanes at the end. TM is a multiple of SG.
//
// Correct only where every subgroup has exactly SG invocations: lowering checks the adapter's smallest and largest size.

#import "lib/grid.wgsl"
#import "gemm/rows.wgsl"
#import "gemm/spare.wgsl"

const SG: u32 = 8u; // spec
const TM: u32 = 16u; // spec
const TN: u32 = 4u; // spec

@compute @workgroup_size(SG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let size = gemm_begin(wid.z);
    let tiles_n = (size.y + TN - 1u) / TN;
    let tile = group_index(wid, nwg);
    let m0 = (tile / tiles_n) * TM;
    let n0 = (tile % tiles_n) * TN;
    if m0 >= size.x {
        gemm_spare(tile, lane);
        return;
    }

    var row = tile_rows(m0, size.x - 1u, lane);
    var col: array<u32, TN>;
    for (var j = 0u; j < TN; j++) {
        col[j] = b_col(min(n0 + j, size.y - 1u));
    }

    var acc: array<f32, TM * TN>;
    for (var k0 = 0u; k0 < size.z; k0 += SG) {
        let live = k0 + lane < size.z;
        let at = k_at(min(k0 + lane, size.z - 1u));
        var b: array<f32, TN>;
        for (var j = 0u; j < TN; j++) {
            b[j] = select(0.0, b_at(at.b + col[j]), live);
        }
        for (var i = 0u; i < TM; i++) {
            let v = a_at(row[i], at);
            for (var j = 0u; j < TN; j++) {
                acc[i * TN + j] += v * b[j];
            }
        }
    }

    // Sum over the lanes so that lane l ends with row l of each SG rows: each round halves the rows a lane still holds.
    var sum: array<f32, TM / SG * TN>;
    for (var q = 0u; q < TM / SG; q++) {
        for (var j = 0u; j < TN; j++) {
            var v: array<f32, SG>;
            for (var i = 0u; i < SG; i++) {
                v[i] = acc[(q * SG + i) * TN + j];
            }
            for (var half = SG / 2u; half > 0u; half /= 2u) {
                let upper = (lane & half) != 0u;
                for (var i = 0u; i < half; i++) {
                    let give = select(v[i + half], v[i], upper);
                    v[i] = select(v[i], v[i + half], upper) + subgroupShuffleXor(give, half);
                }
            }
            sum[q * TN + j] = v[0];
        }
    }
    for (var q = 0u; q < TM / SG; q++) {
        let m = m0 + q * SG + lane;
        if m < size.x {
            let r = y_row(m);
            for (var j = 0u; j < TN; j++) {
                if n0 + j < size.y {
                    y_store(r + n0 + j, sum[q * TN + j]);
                }
            }
        }
    }
}
