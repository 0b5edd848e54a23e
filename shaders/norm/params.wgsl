// What the kernels of normalization share. x is [n, rows, channels] with channels last; a segment (n, group) of statistics
// covers all rows and `width` channels of one n. For batch norm n is 1 and every channel its own group.

#import "lib/divide.wgsl"

struct Params {
    n: u32,
    rows: u32,
    channels: u32,
    groups: u32,
    width: u32, // channels a group
    chunks: u32, // how many blocks the rows of an n are cut into
    block: u32, // rows a block; the last may have fewer
    eps: f32,
}
@group(0) @binding(0) var<uniform> p: Params;

// The block of x that a workgroup walks channel by channel: element t, t + span, ... belong to one channel.
struct Block {
    n: u32,
    begin: u32,
    end: u32, // one past the last; begin where there is nothing to do
    span: u32, // elements of the whole rows that `lanes` lanes reach at once
}

fn block(group: u32, lanes: u32) -> Block {
    let n = divide(group, p.chunks);
    let first = min((group - n * p.chunks) * p.block, p.rows);
    let last = select(first, min(first + p.block, p.rows), n < p.n);
    let base = n * p.rows;
    let span = p.channels * max(divide(lanes, p.channels), 1u);
    return Block(n, (base + first) * p.channels, (base + last) * p.channels, span);
}

// The segment of channel c of n.
fn segment(n: u32, c: u32) -> u32 {
    return n * p.groups + divide(c, p.width);
}
