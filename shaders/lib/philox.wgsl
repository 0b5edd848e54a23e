// Philox4x32-10 (Salmon et al., SC 2011): four uniform words from a 128-bit counter and a 64-bit key. The same bits as
// `wavae::rng::philox4x32_10`, which is held to Random123's known answers.

// The high word of a·b, from 16-bit halves: WGSL has no 64-bit integers.
fn multiply_high(a: u32, b: u32) -> u32 {
    let al = a & 0xffffu;
    let ah = a >> 16u;
    let bl = b & 0xffffu;
    let bh = b >> 16u;
    let low_high = al * bh;
    let high_low = ah * bl;
    let carry = ((al * bl) >> 16u) + (low_high & 0xffffu) + (high_low & 0xffffu);
    return ah * bh + (low_high >> 16u) + (high_low >> 16u) + (carry >> 16u);
}

fn philox4x32_10(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        let high0 = multiply_high(0xd2511f53u, c.x);
        let high1 = multiply_high(0xcd9e8d57u, c.z);
        c = vec4(high1 ^ c.y ^ k.x, 0xcd9e8d57u * c.z, high0 ^ c.w ^ k.y, 0xd2511f53u * c.x);
        k += vec2(0x9e3779b9u, 0xbb67ae85u);
    }
    return c;
}
