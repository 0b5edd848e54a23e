// The filter of conv2d_input_grad_blocks.wgsl where its output channels are neighbours and come in fours.

@group(0) @binding(2) var<storage, read> w: array<Four>; // [kh, kw, c / groups, oc], w_co = 1

fn w_at(i: u32) -> vec4<f32> {
    return four(w[i / 4u]);
}
