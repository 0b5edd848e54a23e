// The filter of conv2d_input_grad_blocks.wgsl in any layout that the strides describe.

@group(0) @binding(2) var<storage, read> w: array<f32>; // [kh, kw, c / groups, oc], or any other

fn w_at(i: u32) -> vec4<f32> {
    return vec4(w[i], w[i + p.w_co], w[i + 2u * p.w_co], w[i + 3u * p.w_co]);
}
