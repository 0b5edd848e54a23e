// The end of a core whose invocations hold TM = 4·RM rows and TN = 4·RN columns of a tile in matrices. A core defines these and
//     column(lane, j) -> where in the tile an invocation's column j lies

// Stores what lies inside of the product of the tile that begins at row `m0` and column `n0`.
fn store_tile(sums: array<mat4x4<f32>, RM * RN>, m0: u32, n0: u32, size: vec3<u32>, lane: u32) {
    // Copied once, so that one store site, in a loop, serves all: the accumulators themselves must stay in registers.
    var held = sums;
    var out: array<f32, TM * TN>;
    for (var i = 0u; i < TM; i++) {
        for (var j = 0u; j < TN; j++) {
            out[i * TN + j] = held[(i / 4u) * RN + j / 4u][i % 4u][j % 4u];
        }
    }
    for (var i = 0u; i < TM; i++) {
        if m0 + i >= size.x {
            break;
        }
        let r = y_row(m0 + i);
        for (var j = 0u; j < TN; j++) {
            let n = n0 + column(lane, j);
            if n < size.y {
                y_store(r + n, out[i * TN + j]);
            }
        }
    }
}
