// One step of a GRU or (LSTM) an LSTM: the state at a step from the state before it and the gates' sums. An invocation does PER
// numbers of the hidden state, WG apart. The state itself goes from step to step in a temporary, which is never rounded.
#import "lib/grid.wgsl"
#import "lib/index.wgsl"
#import "lib/safe.wgsl"
#import "recurrent/all.wgsl"

const WG: u32 = 64u; // spec
const PER: u32 = 1u; // spec: elements an invocation
const LSTM: bool = false; // spec

struct Params {
    len: u32, // batch · hidden
    hidden: u32,
    steps: u32,
    step: u32,
    begins: u32, // 1 where no step comes before
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gi: array<f32>; // (batch, steps, gates · hidden): from the input
@group(0) @binding(2) var<storage, read> gh: array<f32>; // (batch, gates · hidden): from the hidden state
@group(0) @binding(3) var<storage, read> bias: array<f32>; // (gates · hidden): of gh
@group(0) @binding(4) var<storage, read> first: array<f32>; // (batch, states · hidden): before the first step
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // (batch, steps, states · hidden)
@group(0) @binding(6) var<storage, read_write> state: array<f32>; // (batch, states · hidden)

const GATES: u32 = 3u + u32(LSTM);
const STATES: u32 = 1u + u32(LSTM);

// An element of the state before the step.
fn state_at(i: u32) -> f32 {
    if p.begins == 1u {
        return first[i];
    }
    return state[i];
}

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
        let b = quotient(i, by);
        let j = i - b * p.hidden;
        let from_x = (b * p.steps + p.step) * GATES * p.hidden + j;
        let from_h = b * GATES * p.hidden + j;
        let x0 = gi[from_x];
        let x1 = gi[from_x + p.hidden];
        let x2 = gi[from_x + 2u * p.hidden];
        let h0 = gh[from_h] + bias[j];
        let h1 = gh[from_h + p.hidden] + bias[p.hidden + j];
        let h2 = gh[from_h + 2u * p.hidden] + bias[2u * p.hidden + j];
        let own = b * STATES * p.hidden + j;
        var hidden = state_at(own);
        let to = (b * p.steps + p.step) * STATES * p.hidden + j;
        if LSTM {
            var c = state_at(own + p.hidden);
            if alive(b) {
                let x3 = gi[from_x + 3u * p.hidden];
                let h3 = gh[from_h + 3u * p.hidden] + bias[3u * p.hidden + j];
                c = safe_sigmoid(x1 + h1) * c + safe_sigmoid(x0 + h0) * safe_tanh(x2 + h2);
                hidden = safe_sigmoid(x3 + h3) * safe_tanh(c);
            }
            y[to + p.hidden] = c;
            state[own + p.hidden] = c;
        } else if alive(b) {
            let r = safe_sigmoid(x0 + h0);
            let z = safe_sigmoid(x1 + h1);
            let n = safe_tanh(x2 + r * h2);
            hidden = (1.0 - z) * n + z * hidden;
        }
        y[to] = hidden;
        state[own] = hidden;
    }
}
