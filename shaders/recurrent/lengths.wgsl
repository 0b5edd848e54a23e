// Sequences of different lengths: what lies past one's end leaves its state as it is.
@group(0) @binding(7) var<storage, read> lengths: array<u32>; // (batch)

fn alive(b: u32) -> bool {
    return p.step < lengths[b];
}
