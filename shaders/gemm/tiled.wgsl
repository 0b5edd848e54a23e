// Core of a matrix product for GPUs: a workgroup's panels of both operands go through workgroup memory.
//
// A workgroup of 16 × 16 invocations computes BM rows × BN columns, each invocation RM × RN of them, 16 apart. k advances
// by BK: while one pair of panels is multiplied, the next is fetched into registers, so that the fetches' latency hides
// behind the products. A row of a panel is one k; one element of padding spreads the rows over the banks. Rows and columns
// past the edge repeat the last ones and are not stored; k past the end are zeros.

#import "lib/grid.wgsl"
#import "gemm/spare.wgsl"

// Rows and columns an invocation.
const RM: u32 = 4u; // spec
const RN: u32 = 4u; // spec
// k at a time; divides 256.
const BK: u32 = 16u; // spec
// How threads fetch: neighbours along k (1), or along rows and columns (0).
const A_DEEP: u32 = 1u; // spec
const B_DEEP: u32 = 0u; // spec
const BM: u32 = 16u * RM;
const BN: u32 = 16u * RN;
const STRIDE_A: u32 = BM + 1u;
const STRIDE_B: u32 = BN + 1u;
// Elements an invocation fetches of each panel.
const EA: u32 = BM * BK / 256u;
const EB: u32 = BN * BK / 256u;

var<workgroup> panel_a: array<f32, STRIDE_A * BK>;
var<workgroup> panel_b: array<f32, STRIDE_B * BK>;

// (k, row or column) in a panel of the element that `lane` fetches in turn `e`; `wide` rows or columns.
fn place(e: u32, lane: u32, deep: u32, wide: u32) -> vec2<u32> {
    let i = e * 256u + lane;
    return select(vec2(i / wide, i % wide), vec2(i % BK, i / BK), deep == 1u);
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let size = gemm_begin(wid.z);
    let tiles_n = (size.y + BN - 1u) / BN;
    let tile = group_index(wid, nwg);
    let m0 = (tile / tiles_n) * BM;
    let n0 = (tile % tiles_n) * BN;
    // A workgroup past the end stops as one, before any barrier.
    if m0 >= size.x {
        gemm_spare(tile, lane);
        return;
    }

    var row: array<Row, EA>;
    for (var e = 0u; e < EA; e++) {
        row[e] = a_row(min(m0 + place(e, lane, A_DEEP, BM).y, size.x - 1u));
    }
    var col: array<u32, EB>;
    for (var e = 0u; e < EB; e++) {
        col[e] = b_col(min(n0 + place(e, lane, B_DEEP, BN).y, size.y - 1u));
    }

    let ty = lane / 16u;
    let tx = lane % 16u;
    var acc: array<f32, RM * RN>;
    var next_a: array<f32, EA>;
    var next_b: array<f32, EB>;
    for (var k0 = 0u; k0 < size.z + BK; k0 += BK) {
        // The panels that were fetched in the turn before.
        if k0 > 0u {
            for (var e = 0u; e < EA; e++) {
                let at = place(e, lane, A_DEEP, BM);
                panel_a[at.x * STRIDE_A + at.y] = next_a[e];
            }
            for (var e = 0u; e < EB; e++) {
                let at = place(e, lane, B_DEEP, BN);
                panel_b[at.x * STRIDE_B + at.y] = next_b[e];
            }
        }
        workgroupBarrier();
        for (var e = 0u; e < EA; e++) {
            let k = k0 + place(e, lane, A_DEEP, BM).x;
            next_a[e] = 0.0;
            if k < size.z {
                next_a[e] = a_at(row[e], k_at(k));
            }
        }
        for (var e = 0u; e < EB; e++) {
            let k = k0 + place(e, lane, B_DEEP, BN).x;
            next_b[e] = 0.0;
            if k < size.z {
                next_b[e] = b_at(k_at(k).b + col[e]);
            }
        }
        if k0 > 0u {
            for (var k = 0u; k < BK; k++) {
                var a_k: array<f32, RM>;
                for (var i = 0u; i < RM; i++) {
                    a_k[i] = panel_a[k * STRIDE_A + ty + 16u * i];
                }
                for (var j = 0u; j < RN; j++) {
                    let b_k = panel_b[k * STRIDE_B + tx + 16u * j];
                    for (var i = 0u; i < RM; i++) {
                        acc[i * RN + j] += a_k[i] * b_k;
                    }
                }
            }
        }
        workgroupBarrier();
    }

    for (var i = 0u; i < RM; i++) {
        let m = m0 + ty + 16u * i;
        if m < size.x {
            let r = y_row(m);
            for (var j = 0u; j < RN; j++) {
                let n = n0 + tx + 16u * j;
                if n < size.y {
                    y_store(r + n, acc[i * RN + j]);
                }
            }
        }
    }
}
