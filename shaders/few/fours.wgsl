// What conv2d_input_grad_few.wgsl sums, four channels a lane: channels of a group and their neighbours in the filter come in
// fours.

#import "lib/four.wgsl"

const PART: u32 = 4u;
alias Part = vec4<f32>;

@group(0) @binding(1) var<storage, read> dy: array<Four>; // [batch, oh, ow, oc]
@group(0) @binding(2) var<storage, read> w: array<Four>; // [kh, kw, c / groups, oc], w_co = 1

fn dy_at(i: u32) -> Part {
    return four(dy[i / 4u]);
}

fn w_at(i: u32) -> Part {
    return four(w[i / 4u]);
}

fn product(x: Part, y: Part) -> f32 {
    return dot(x, y);
}
