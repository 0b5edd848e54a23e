// The empty epilogue: what a fused chain replaces. `i` is the linear index of the output element.

fn epilogue(acc: f32, i: u32) -> f32 {
    return acc;
}
