// What the kernels of normalization share. x is [n, rows, channels] with channels last; a segment (n, group) of statistics
// covers all rows and `width` channels of one n. For batch norm n is 1 and every channel its own group.

#import "lib/divide.wgsl"

const BATCH: bool = false; // spec: n is 1 and width is 1

struct Params {
    n: u32,
    rows: u32,
    channels: u32,
    groups: u32,
    width: u32, // channels a group
    chunks: u32, // how many partial results the rows are split into
    eps: f32,
    pad: u32,
}
@group(0) @binding(0) var<uniform> p: Params;

// Channel and segment of element i of x.
fn place(i: u32) -> vec2<u32> {
    let row = divide(i, p.channels);
    let c = i - row * p.channels;
    if BATCH {
        return vec2(c, c);
    }
    return vec2(c, divide(row, p.rows) * p.groups + divide(c, p.width));
}
