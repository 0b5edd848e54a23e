// One step backwards through a GRU or (LSTM) an LSTM: gradients of the gates' sums, and what of the states' gradients goes past
// the gates to the step before. An invocation does PER numbers of the hidden state, WG apart. A row of y is, of a GRU, dr, dz,
// dn, the hidden state's part of dn, direct h; of an LSTM di, df, dg, do, direct h and c.
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
    begins: u32, // 1 where no step comes after, in the order of computation
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gates: array<f32>; // (batch, steps, 4 · hidden)
@group(0) @binding(2) var<storage, read> before: array<f32>; // (batch, steps, hidden): h before each step, c of an LSTM
@group(0) @binding(3) var<storage, read> dout: array<f32>; // (batch, steps, states · hidden)
@group(0) @binding(4) var<storage, read> carry: array<f32>; // (batch, hidden): dh through the gates of the step after
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // (batch, steps, (4 + states) · hidden)
// (batch, (gates + states) · hidden): the gates' sums, for the product that yields the carry, and the direct parts; never rounded
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;

const GATES: u32 = 3u + u32(LSTM);
const STATES: u32 = 1u + u32(LSTM);

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let begin = group_index(wid, nwg) * (WG * PER);
    let end = min(p.len, begin + WG * PER);
    let by = divisor(p.hidden);
    let more = p.begins == 0u;
    for (var i = begin + lane; i < end; i += WG) {
        let b = quotient(i, by);
        let j = i - b * p.hidden;
        let row = b * p.steps + p.step;
        let at = row * 4u * p.hidden + j;
        let to = row * (4u + STATES) * p.hidden + j;
        let s = b * (GATES + STATES) * p.hidden + j;
        let past_h = s + GATES * p.hidden;
        let old = before[row * p.hidden + j];
        var dh = dout[row * STATES * p.hidden + j];
        if more {
            dh += carry[i] + sums[past_h];
        }
        var d = vec4(0.0);
        var past = dh;
        if LSTM {
            var dc = dout[(row * STATES + 1u) * p.hidden + j];
            if more {
                dc += sums[past_h + p.hidden];
            }
            if alive(b) {
                let g = vec4(gates[at], gates[at + p.hidden], gates[at + 2u * p.hidden], gates[at + 3u * p.hidden]);
                let t = safe_tanh(g.y * old + g.x * g.z);
                dc += dh * g.w * (1.0 - t * t);
                d = vec4(
                    dc * g.z * g.x * (1.0 - g.x),
                    dc * old * g.y * (1.0 - g.y),
                    dc * g.x * (1.0 - g.z * g.z),
                    dh * t * g.w * (1.0 - g.w),
                );
                dc *= g.y;
                past = 0.0;
            }
            y[to + 5u * p.hidden] = dc;
            sums[past_h + p.hidden] = dc;
            sums[s + 2u * p.hidden] = d.z;
        } else if alive(b) {
            let g = vec4(gates[at], gates[at + p.hidden], gates[at + 2u * p.hidden], gates[at + 3u * p.hidden]);
            let dn = dh * (1.0 - g.y) * (1.0 - g.z * g.z);
            d = vec4(dn * g.w * g.x * (1.0 - g.x), dh * (old - g.z) * g.y * (1.0 - g.y), dn, dn * g.x);
            past = dh * g.y;
        }
        y[to] = d.x;
        y[to + p.hidden] = d.y;
        y[to + 2u * p.hidden] = d.z;
        y[to + 3u * p.hidden] = d.w;
        y[to + 4u * p.hidden] = past;
        sums[past_h] = past;
        sums[s] = d.x;
        sums[s + p.hidden] = d.y;
        sums[s + (GATES - 1u) * p.hidden] = d.w;
    }
}
