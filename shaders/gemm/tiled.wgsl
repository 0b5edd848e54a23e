// Core of a matrix product for GPUs: a workgroup's panels of both operands go through workgroup memory, everything by fours.
//
// DOWN × ACROSS invocations compute a tile, each RM × RN blocks of 4 × 4, a half of the tile apart where there are two: then
// neighbours read neighbouring fours of a panel, and no bank of the memory is asked twice. There are two pairs of panels: while
// one is multiplied, BK more k are fetched, at most one block of four rows or columns × four k an invocation, turned in
// registers where its k are what lies side by side, and written to the other pair. So the fetches' latency hides behind the
// products, and a turn needs one barrier. Rows and columns past the edge repeat the last ones and are not stored; k past the
// end are zeros.
//
// Registers have constant indices only, and stay registers whatever loops a driver unrolls; so has a panel along its k, so that
// bounds are checked once a turn, not once a read. At the end the sums go through workgroup memory, part by part: neighbours
// store neighbours, and there is one epilogue.

#import "lib/grid.wgsl"
#import "gemm/spare.wgsl"
#import "gemm/left_block.wgsl"
#import "gemm/right_block.wgsl"

// Invocations down and across the tile: multiples of eight.
const DOWN: u32 = 16u; // spec
const ACROSS: u32 = 16u; // spec
// Blocks of four rows and of four columns an invocation: 1 or 2.
const RM: u32 = 2u; // spec
const RN: u32 = 2u; // spec
// Eights of k at a time: 1 or 2, such that every invocation fetches at most one block.
const EIGHTS: u32 = 1u; // spec
const BK: u32 = 8u * EIGHTS;
// How neighbours fetch: along k (1), or along rows and columns (0).
const A_DEEP: u32 = 1u; // spec
const B_DEEP: u32 = 0u; // spec
const LANES: u32 = DOWN * ACROSS;
// Fours of rows and of columns in a tile, and of both.
const ROWS: u32 = DOWN * RM;
const COLS: u32 = ACROSS * RN;
const WIDTH: u32 = ROWS + COLS;
// Blocks of a left panel, and of a pair.
const BLOCKS_A: u32 = ROWS * BK / 4u;
const BLOCKS: u32 = WIDTH * BK / 4u;

// [eight k][k][fours of rows and of columns of one pair, those of the other]; at the end rows of the tile.
var<workgroup> fours: array<array<array<vec4<f32>, 2u * WIDTH>, 8>, EIGHTS>;

// The sums of blocks (0, 0), (0, 1), (1, 0) and (1, 1); a column of the matrix is a row of the tile.
var<private> sums00: mat4x4<f32>;
var<private> sums01: mat4x4<f32>;
var<private> sums10: mat4x4<f32>;
var<private> sums11: mat4x4<f32>;

// (four k, four rows or columns) of block `i` of a panel `wide` fours wide.
fn place(i: u32, deep: u32, wide: u32) -> vec2<u32> {
    return select(vec2(i / wide, i % wide), vec2(i % (BK / 4u), i / (BK / 4u)), deep == 1u);
}

// Where in its row the four `i` lies for k of four `k4`: neighbours along k, too, write to different banks.
fn bank(i: u32, k4: u32) -> u32 {
    return i ^ (k4 * (32u / BK));
}

// `sums` and what four rows and four columns add at one k.
fn multiply(sums: mat4x4<f32>, a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(
        fma(vec4(a.x), b, sums[0]),
        fma(vec4(a.y), b, sums[1]),
        fma(vec4(a.z), b, sums[2]),
        fma(vec4(a.w), b, sums[3]),
    );
}

// Adds the products of k number `k` of an eight; an invocation's first fours lie at `a` and `b`.
fn add(eight: u32, k: u32, a: u32, b: u32) {
    let a0 = fours[eight][k][a];
    let b0 = fours[eight][k][b];
    sums00 = multiply(sums00, a0, b0);
    if RN > 1u {
        sums01 = multiply(sums01, a0, fours[eight][k][b + ACROSS]);
    }
    if RM > 1u {
        let a1 = fours[eight][k][a + DOWN];
        sums10 = multiply(sums10, a1, b0);
        if RN > 1u {
            sums11 = multiply(sums11, a1, fours[eight][k][b + ACROSS]);
        }
    }
}

// Workgroup memory as one row of fours.
fn put(i: u32, v: vec4<f32>) {
    fours[i / (16u * WIDTH)][i / (2u * WIDTH) % 8u][i % (2u * WIDTH)] = v;
}

fn got(i: u32) -> vec4<f32> {
    return fours[i / (16u * WIDTH)][i / (2u * WIDTH) % 8u][i % (2u * WIDTH)];
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let size = gemm_begin(wid.z);
    let tiles_n = (size.y + 4u * COLS - 1u) / (4u * COLS);
    let tile = group_index(wid, nwg);
    let m0 = (tile / tiles_n) * 4u * ROWS;
    let n0 = (tile % tiles_n) * 4u * COLS;
    // A workgroup past the end stops as one, before any barrier.
    if m0 >= size.x {
        gemm_spare(tile, lane);
        return;
    }

    // What this invocation fetches: a block of the left operand, of the right one, or nothing.
    let left = lane < BLOCKS_A;
    let right = !left && lane < BLOCKS;
    let a_place = place(lane, A_DEEP, ROWS);
    let b_place = place(lane - BLOCKS_A, B_DEEP, COLS);
    let k4 = select(b_place.x, a_place.x, left);
    let slot = bank(select(ROWS + b_place.y, a_place.y, left), k4);
    var row: array<Row, 4>;
    var col: vec4<u32>;
    if left {
        let m = m0 + 4u * a_place.y;
        let last = size.x - 1u;
        row = array(a_row(min(m, last)), a_row(min(m + 1u, last)), a_row(min(m + 2u, last)), a_row(min(m + 3u, last)));
    } else {
        let n = n0 + 4u * b_place.y;
        let last = size.y - 1u;
        col = vec4(b_col(min(n, last)), b_col(min(n + 1u, last)), b_col(min(n + 2u, last)), b_col(min(n + 3u, last)));
    }

    // Eight invocations across and four down are neighbours: a subgroup reads few fours of either panel.
    let tx = lane % 8u + lane / 32u % (ACROSS / 8u) * 8u;
    let ty = lane / 8u % 4u + lane / (4u * ACROSS) * 4u;
    var next: mat4x4<f32>;
    // The first turn only fetches, the last only multiplies.
    for (var k0 = 0u; k0 < size.z + BK; k0 += BK) {
        if left {
            next = a_block(row, k0 + 4u * k4, size.z);
        } else if right {
            next = b_block(col, k0 + 4u * k4, size.z);
        }
        let pair = k0 / BK % 2u * WIDTH;
        if k0 > 0u {
            let a = WIDTH - pair;
            let b = a + ROWS;
            for (var eight = 0u; eight < EIGHTS; eight++) {
                let a0 = a + bank(ty, 2u * eight);
                let b0 = b + bank(tx, 2u * eight);
                add(eight, 0u, a0, b0);
                add(eight, 1u, a0, b0);
                add(eight, 2u, a0, b0);
                add(eight, 3u, a0, b0);
                let a4 = a + bank(ty, 2u * eight + 1u);
                let b4 = b + bank(tx, 2u * eight + 1u);
                add(eight, 4u, a4, b4);
                add(eight, 5u, a4, b4);
                add(eight, 6u, a4, b4);
                add(eight, 7u, a4, b4);
            }
        }
        if lane < BLOCKS {
            let k = k4 % 2u * 4u;
            fours[k4 / 2u][k][pair + slot] = next[0];
            fours[k4 / 2u][k + 1u][pair + slot] = next[1];
            fours[k4 / 2u][k + 2u][pair + slot] = next[2];
            fours[k4 / 2u][k + 3u][pair + slot] = next[3];
        }
        workgroupBarrier();
    }

    // Two rows of every invocation's block at a time.
    for (var part = 0u; part < 2u * RM * RN; part++) {
        let i = part / 2u / RN;
        let j = part / 2u % RN;
        let half = part % 2u;
        var sums = sums00;
        if RN > 1u && i == 0u && j == 1u {
            sums = sums01;
        }
        if RM > 1u && i == 1u && j == 0u {
            sums = sums10;
        }
        if RM > 1u && RN > 1u && i == 1u && j == 1u {
            sums = sums11;
        }
        let at = 2u * ty * ACROSS + tx;
        put(at, select(sums[0], sums[2], half == 1u));
        put(at + ACROSS, select(sums[1], sums[3], half == 1u));
        workgroupBarrier();
        for (var y = lane / 16u; y < 2u * DOWN; y += LANES / 16u) {
            let m = m0 + 4u * (i * DOWN + y / 2u) + 2u * half + y % 2u;
            if m < size.x {
                let r = y_row(m);
                for (var x = lane % 16u; x < 4u * ACROSS; x += 16u) {
                    let n = n0 + 4u * j * ACROSS + x;
                    if n < size.y {
                        y_store(r + n, got(y * ACROSS + x / 4u)[x % 4u]);
                    }
                }
            }
        }
        workgroupBarrier();
    }
}
