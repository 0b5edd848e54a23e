// What conv2d_input_grad_few.wgsl sums, a channel a lane: any layout of the filter.

const PART: u32 = 1u;
alias Part = f32;

@group(0) @binding(1) var<storage, read> dy: array<f32>; // [batch, oh, ow, oc]
@group(0) @binding(2) var<storage, read> w: array<f32>; // [kh, kw, c / groups, oc], or any layout the strides describe

fn dy_at(i: u32) -> Part {
    return dy[i];
}

fn w_at(i: u32) -> Part {
    return w[i];
}

fn product(x: Part, y: Part) -> f32 {
    return x * y;
}
