// Stands where a fused pointwise chain may be assembled: how a kernel reads element i of its input 0.
@group(1) @binding(1) var<storage, read> pro_x0: array<f32>;
fn load(i: u32) -> f32 {
    return pro_x0[i];
}
