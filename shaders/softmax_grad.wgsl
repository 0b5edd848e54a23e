// dx of softmax.wgsl from its result y: y·(dy - Σ y·dy), or of the logarithm dy - e^y·Σ dy.
#import "lib/rows.wgsl"
#import "epilogue/identity.wgsl"

const LOG: bool = false; // spec

@group(0) @binding(1) var<storage, read> y: array<f32>; // (rows, columns)
@group(0) @binding(2) var<storage, read> dy: array<f32>; // (rows, columns)
@group(0) @binding(3) var<storage, read_write> dx: array<f32>; // (rows, columns)

fn join(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return a + b;
}

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = row_of(wid, nwg, lane);
    let begin = min(row, p.rows - 1u) * p.columns;
    let end = select(begin, begin + p.columns, row < p.rows);
    var sum = 0.0;
    for (var i = begin + lane % TEAM; i < end; i += TEAM) {
        sum += select(y[i], 1.0, LOG) * dy[i];
    }
    sum = joined(vec2(sum, 0.0), lane).x;
    for (var i = begin + lane % TEAM; i < end; i += TEAM) {
        let d = select(y[i] * (dy[i] - sum), dy[i] - exp(max(y[i], -104.0)) * sum, LOG);
        dx[i] = epilogue(d, i);
    }
}
