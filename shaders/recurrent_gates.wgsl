// The gates of all steps from their sums: of a GRU r, z, n and the hidden state's part of n, of an LSTM (LSTM) i, f, g, o. An
// invocation does PER numbers of the hidden state, WG apart.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "lib/safe.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation
const LSTM: bool = false; // spec

struct Params {
    len: u32, // batch · steps · hidden
    hidden: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gi: array<f32>; // (batch · steps, gates · hidden): from the input
@group(0) @binding(2) var<storage, read> gh: array<f32>; // (batch · steps, gates · hidden): from the hidden state
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // (batch · steps, 4 · hidden)

const GATES: u32 = 3u + u32(LSTM);

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    let by = divisor(p.hidden);
    for (var i = begin + lane; i < end; i += WG) {
        let row = quotient(i, by);
        let j = i - row * p.hidden;
        let at = row * GATES * p.hidden + j;
        let to = row * 4u * p.hidden + j;
        let first = safe_sigmoid(gi[at] + gh[at]);
        let second = safe_sigmoid(gi[at + p.hidden] + gh[at + p.hidden]);
        let x2 = gi[at + 2u * p.hidden];
        let h2 = gh[at + 2u * p.hidden];
        y[to] = first;
        y[to + p.hidden] = second;
        if LSTM {
            y[to + 2u * p.hidden] = safe_tanh(x2 + h2);
            y[to + 3u * p.hidden] = safe_sigmoid(gi[at + 3u * p.hidden] + gh[at + 3u * p.hidden]);
        } else {
            y[to + 2u * p.hidden] = safe_tanh(x2 + first * h2);
            y[to + 3u * p.hidden] = h2;
        }
    }
}
