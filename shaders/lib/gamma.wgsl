// ln of the gamma function and its derivative for x > 0. Arguments are moved up by gamma(x + 1) = x gamma(x) to where the
// asymptotic series are exact to rounding (Abramowitz & Stegun 6.1.41 and 6.3.18).

const GAMMA_FAR: f32 = 8.0;

fn lgamma(x: f32) -> f32 {
    var y = max(x, 1e-30);
    var product = 1.0;
    for (var i = 0u; i < 8u; i++) {
        if y < GAMMA_FAR {
            product *= y;
            y += 1.0;
        }
    }
    let r = 1.0 / y;
    let r2 = r * r;
    let series = r * (0.083333336 + r2 * (-0.0027777778 + r2 * 0.0007936508));
    return (y - 0.5) * log(y) - y + 0.9189385 + series - log(product);
}

fn digamma(x: f32) -> f32 {
    var y = max(x, 1e-30);
    var shift = 0.0;
    for (var i = 0u; i < 8u; i++) {
        if y < GAMMA_FAR {
            shift += 1.0 / y;
            y += 1.0;
        }
    }
    let r = 1.0 / y;
    let r2 = r * r;
    return log(y) - 0.5 * r - r2 * (0.083333336 + r2 * (-0.008333334 + r2 * 0.003968254)) - shift;
}
