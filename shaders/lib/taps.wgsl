// Which taps of a strided, dilated filter reach an input pixel: those of its parity class, one axis at a time.

#import "lib/divide.wgsl"

// The taps of a class: k0, k0 + step, … (`count` of them). Input pixel class + stride · q takes tap number t from the
// output pixel first + q - t · back (coordinates wrap as u32). `positions` counts the class's q.
struct Taps {
    k0: u32,
    step: u32,
    count: u32,
    first: u32,
    back: u32,
    positions: u32,
}

fn taps(parity: u32, size: u32, kernel: u32, stride: u32, pad: u32, dil: u32, step: u32, back: u32) -> Taps {
    var out = Taps(0u, step, 0u, 0u, back, 0u);
    if parity < size {
        out.positions = divide(size - parity + stride - 1u, stride);
    }
    for (var k = 0u; k < min(step, kernel); k++) {
        // (class + pad - k · dil) / stride, where it is whole; k · dil strides more keep the dividend positive.
        let d = parity + pad + k * dil * (stride - 1u);
        let q = divide(d, stride);
        if q * stride == d {
            out.k0 = k;
            out.count = divide(kernel - k + step - 1u, step);
            out.first = q - k * dil;
        }
    }
    return out;
}
