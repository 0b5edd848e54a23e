// right_block.wgsl by columns, where right4.wgsl fetches four k of one column: `k` and `end` are multiples of four.

fn b_block(col: vec4<u32>, k: u32, end: u32) -> mat4x4<f32> {
    if k >= end {
        return mat4x4<f32>();
    }
    let b = k_at(k).b;
    return transpose(mat4x4(b_at4(b + col.x), b_at4(b + col.y), b_at4(b + col.z), b_at4(b + col.w)));
}
