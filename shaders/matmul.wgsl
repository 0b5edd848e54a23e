// Matrix product, batched: y[z] = a[z]·b[z] for each batch z.
//
// The operands are addressed by strides, so one kernel serves every transposition (NN, NT, TN, TT) and a batch stride of
// zero broadcasts an operand. The grid's z is the batch; tiles of the product are dealt to workgroups by the core.

#import "epilogue/identity.wgsl"
#import "gemm/operand.wgsl"
#import "gemm/left.wgsl"
#import "gemm/right.wgsl"
#import "gemm/direct.wgsl"

struct Params {
    m: u32,
    n: u32,
    k: u32,
    a_batch: u32, // a[z, i, k] lies at z · a_batch + i · a_row + k · a_col
    a_row: u32,
    a_col: u32,
    b_batch: u32, // b[z, k, j] lies at z · b_batch + k · b_row + j · b_col
    b_row: u32,
    b_col: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
// Binding 1, a: [batch, m, k], or any layout the strides describe
// Binding 2, b: [batch, k, n], or any layout the strides describe
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // [batch, m, n]

var<private> batch: u32;

fn gemm_begin(z: u32) -> vec3<u32> {
    batch = z;
    return vec3(p.m, p.n, p.k);
}

fn a_row(m: u32) -> Row {
    return Row(0u, 0u, batch * p.a_batch + m * p.a_row);
}

fn k_at(k: u32) -> Col {
    return Col(0u, 0u, k * p.a_col, batch * p.b_batch + k * p.b_row, p.k - k);
}

fn k_step() -> Col {
    return Col(0u, 0u, p.a_col, p.b_row, 0u);
}

fn b_col(n: u32) -> u32 {
    return n * p.b_col;
}

fn a_inside(r: Row, c: Col) -> bool {
    return true;
}

fn y_row(m: u32) -> u32 {
    return (batch * p.m + m) * p.n;
}

fn y_store(i: u32, acc: f32) {
    y[i] = epilogue(acc, i);
}
