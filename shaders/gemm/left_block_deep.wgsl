// left_block.wgsl by rows, where left4.wgsl fetches four k of one row: `k` and `end` are multiples of four.

fn a_block(row: array<Row, 4>, k: u32, end: u32) -> mat4x4<f32> {
    if k >= end {
        return mat4x4<f32>();
    }
    let at = k_at(k);
    return transpose(mat4x4(a_at4(row[0], at), a_at4(row[1], at), a_at4(row[2], at), a_at4(row[3], at)));
}
