// dx of category_log_prob.wgsl: dy·(1 at the target - softmax x). With the result y, ln Σ e^x is x[target] - y, so elements need
// nothing of each other. An invocation does PER elements of dx, WG apart.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "lib/finite.wgsl"
#import "epilogue/identity.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation

struct Params {
    len: u32, // elements of dx
    columns: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (rows, columns)
@group(0) @binding(2) var<storage, read> target_of: array<u32>; // (rows)
@group(0) @binding(3) var<storage, read> y: array<f32>; // (rows)
@group(0) @binding(4) var<storage, read> dy: array<f32>; // (rows)
@group(0) @binding(5) var<storage, read_write> dx: array<f32>; // (rows, columns)

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    let by = divisor(p.columns);
    for (var i = begin + lane; i < end; i += WG) {
        let row = quotient(i, by);
        let at = row * p.columns + min(target_of[row], p.columns - 1u);
        let log_p = x[i] - x[at] + y[row];
        let q = select(exp(clamp(log_p, -104.0, 0.0)), log_p, is_nan(log_p));
        dx[i] = epilogue(dy[row] * (select(0.0, 1.0, i == at) - q), i);
    }
}
