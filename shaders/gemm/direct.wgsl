// Core of a matrix product that asks nothing of the adapter: no subgroups, no workgroup memory, no barrier.
//
// A workgroup computes 4·RM rows × 4·RN·WG columns; each invocation holds all the rows of 4·RN columns, WG apart, in
// registers, and fetches what it needs for each k: A is the same address in all invocations, B is contiguous. Rows and
// columns past the edge repeat the last one and are not stored.

#import "lib/grid.wgsl"
#import "gemm/spare.wgsl"
#import "gemm/store.wgsl"

// Invocations a workgroup.
const WG: u32 = 8u; // spec
// Blocks of four rows and of four columns an invocation.
const RM: u32 = 2u; // spec
const RN: u32 = 2u; // spec
const TM: u32 = 4u * RM;
const TN: u32 = 4u * RN;

fn column(lane: u32, j: u32) -> u32 {
    return lane + j * WG;
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let size = gemm_begin(wid.z);
    let tiles_n = (size.y + TN * WG - 1u) / (TN * WG);
    let tile = group_index(wid, nwg);
    let m0 = (tile / tiles_n) * TM;
    let n0 = (tile % tiles_n) * (TN * WG);
    if m0 >= size.x {
        gemm_spare(tile, lane);
        return;
    }

    var row: array<Row, TM>;
    for (var i = 0u; i < TM; i++) {
        row[i] = a_row(min(m0 + i, size.x - 1u));
    }
    var col: array<u32, TN>;
    for (var j = 0u; j < TN; j++) {
        col[j] = b_col(min(n0 + column(lane, j), size.y - 1u));
    }

    var acc: array<mat4x4<f32>, RM * RN>;
    let step = k_step();
    var k = 0u;
    while k < size.z {
        var at = k_at(k);
        let run = clamp(at.run, 1u, size.z - k); // never 0: the loop must end
        for (var r = 0u; r < run; r++) {
            var b: array<vec4<f32>, RN>;
            for (var j = 0u; j < RN; j++) {
                b[j] = vec4(
                    b_at(at.b + col[4u * j]),
                    b_at(at.b + col[4u * j + 1u]),
                    b_at(at.b + col[4u * j + 2u]),
                    b_at(at.b + col[4u * j + 3u]),
                );
            }
            for (var i = 0u; i < RM; i++) {
                let v = vec4(
                    a_at(row[4u * i], at),
                    a_at(row[4u * i + 1u], at),
                    a_at(row[4u * i + 2u], at),
                    a_at(row[4u * i + 3u], at),
                );
                for (var j = 0u; j < RN; j++) {
                    acc[i * RN + j] += mat4x4(v.x * b[j], v.y * b[j], v.z * b[j], v.w * b[j]);
                }
            }
            at.x += step.x;
            at.a += step.a;
            at.b += step.b;
        }
        k += run;
    }

    store_tile(acc, m0, n0, size, lane);
}
