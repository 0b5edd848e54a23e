// The two tensors that concat.wgsl joins: each (rows, its elements from the axis inwards).

@group(0) @binding(2) var<storage, read> x0: array<f32>;
@group(0) @binding(3) var<storage, read> x1: array<f32>;

// Element `r` of row `o` of the joined tensor.
fn piece(o: u32, r: u32) -> f32 {
    if r < p.ends.x {
        return x0[o * p.ends.x + r];
    }
    return x1[o * (p.ends.y - p.ends.x) + r - p.ends.x];
}
