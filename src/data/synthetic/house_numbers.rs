//! House numbers: a digit in colour on a wall, among clutter and its neighbours' edges, as in the Street View House
//! Numbers (Netzer, Wang, Coates, Bissacco, Wu and Ng, 2011).

use super::digits::{self, SIDE as MASK};
use super::{bytes, examples, split};
use crate::data::dataset::Dataset;
use crate::error::Result;
use crate::rng::{Philox, normal};
use rand::RngExt;
use std::f32::consts::TAU;

/// Pixels of a side.
const SIDE: usize = 32;
const FACTORS: [(&str, usize); 12] = [
    ("scale", 0),
    ("tilt", 0),
    ("x", 0),
    ("y", 0),
    ("ink red", 0),
    ("ink green", 0),
    ("ink blue", 0),
    ("wall red", 0),
    ("wall green", 0),
    ("wall blue", 0),
    ("left", 11),
    ("right", 11),
];

type Rgb = [f32; 3];

struct House {
    image: Vec<u8>,
    label: u32,
    factors: [f32; 12],
}

/// House numbers `0..n` of `seed`: `x` `U8` [N, 32, 32, 3]; `label` the digit in the middle; `factors` its scale, tilt (radians),
/// place (pixels from the middle), the colours of ink and wall, and the neighbours left and right (0 for none, else the
/// digit plus one).
///
/// ```
/// let set = wavae::data::house_numbers(4, 0)?;
/// assert_eq!((set.example("x")?.dims(), set.classes), (&[32, 32, 3][..], 10));
/// # Ok::<(), wavae::Error>(())
/// ```
///
/// # Errors
/// When `n` is 0 or absurd.
pub fn house_numbers(n: usize, seed: u64) -> Result<Dataset> {
    let all = examples(n, seed, SIDE * SIDE * 3, |_, rng| house(rng))?;
    let set = Dataset::new("x", bytes(&all, [SIDE, SIDE, 3], |house| &house.image)?)?
        .with_labels(all.iter().map(|house| house.label).collect(), 10)?
        .with_factors(&FACTORS, all.iter().flat_map(|house| house.factors).collect())?;
    Ok(split(set))
}

fn house(rng: &mut Philox) -> House {
    let label = rng.random_range(0..10u8);
    let neighbour = |rng: &mut Philox| rng.random::<bool>().then(|| rng.random_range(0..10u8));
    let (left, right) = (neighbour(rng), neighbour(rng));
    let (wall, ink) = colours(rng);
    let mut pixels = paint_wall(wall, rng);
    clutter(&mut pixels, wall, rng);
    let scale = (1.12 * (0.13 * normal(rng)).exp()).clamp(0.85, 1.45);
    let tilt = 0.1 * normal(rng).clamp(-2.5, 2.5);
    let place = [0, 1].map(|_| 1.2 * normal(rng).clamp(-2.0, 2.0));
    let spacing = scale * rng.random_range(15.0..19.0f32);
    let shadow = if rng.random::<bool>() { rng.random_range(0.1..0.5f32) } else { 0.0 };
    let (sin, cos) = tilt.sin_cos();
    for (digit, offset) in [(left, -spacing), (Some(label), 0.0), (right, spacing)] {
        let Some(digit) = digit else { continue };
        let mut mask = [0; MASK * MASK];
        digits::draw(digit, rng, &mut mask);
        let middle = [place[0] + cos * offset, place[1] + sin * offset];
        let look = |x: f32, y: f32| {
            let (x, y) = (x - SIDE as f32 / 2.0 - middle[0], y - SIDE as f32 / 2.0 - middle[1]);
            bilinear(&mask, (cos * x + sin * y) / scale, (cos * y - sin * x) / scale)
        };
        for (k, pixel) in pixels.iter_mut().enumerate() {
            let (x, y) = ((k % SIDE) as f32 + 0.5, (k / SIDE) as f32 + 0.5);
            if shadow > 0.0 {
                *pixel = pixel.map(|v| v * (1.0 - shadow * look(x - 1.3, y - 1.3)));
            }
            *pixel = mix(*pixel, ink, look(x, y));
        }
    }
    let image = expose(&pixels, rng);
    let seen = |digit: Option<u8>| digit.map_or(0.0, |d| f32::from(d) + 1.0);
    let [r, g, b] = ink;
    let [wr, wg, wb] = wall;
    let factors = [scale, tilt, place[0], place[1], r, g, b, wr, wg, wb, seen(left), seen(right)];
    House { image, label: label.into(), factors }
}

/// Colours of wall and ink that can be told apart.
fn colours(rng: &mut Philox) -> (Rgb, Rgb) {
    let mut colour = || {
        let light = rng.random_range(0.1..0.9f32);
        [0, 1, 2].map(|_| (light + 0.09 * normal(rng)).clamp(0.04, 0.96))
    };
    let brightness = |[r, g, b]: Rgb| 0.3 * r + 0.59 * g + 0.11 * b;
    let wall = colour();
    // Few draws are refused; the loop ends for certain, with the negative of the wall.
    let far = |ink: &Rgb| (brightness(*ink) - brightness(wall)).abs() > 0.28;
    let ink = (0..20).map(|_| colour()).find(far).unwrap_or(wall.map(|v| if v > 0.5 { v - 0.45 } else { v + 0.45 }));
    (wall, ink)
}

/// A wall with a gradient of light and a texture of waves.
fn paint_wall(wall: Rgb, rng: &mut Philox) -> Vec<Rgb> {
    let angle: f32 = rng.random_range(0.0..TAU);
    let light = rng.random_range(0.0..0.22f32);
    let grain: f32 = rng.random_range(0.0..0.05);
    let waves = [0, 1].map(|_| {
        let (turn, length) = (rng.random_range(0.0..TAU), rng.random_range(3.0..12.0f32));
        [turn.cos() * TAU / length, turn.sin() * TAU / length, rng.random_range(0.0..TAU)]
    });
    let shade = |k: usize| {
        let (x, y) = ((k % SIDE) as f32 - 15.5, (k / SIDE) as f32 - 15.5);
        let slope = light * (angle.cos() * x + angle.sin() * y) / 16.0;
        slope + grain * waves.iter().map(|[u, v, phase]| (u * x + v * y + phase).sin()).sum::<f32>()
    };
    (0..SIDE * SIDE).map(|k| wall.map(|v| v + shade(k))).collect()
}

/// Up to three things on the wall that are no digit: frames' edges, cables, stains.
fn clutter(pixels: &mut [Rgb], wall: Rgb, rng: &mut Philox) {
    for _ in 0..rng.random_range(0..4) {
        let colour = wall.map(|v| (v + 0.18 * normal(rng)).clamp(0.0, 1.0));
        let angle = if rng.random() { rng.random_range(0.0..TAU) } else { TAU / 4.0 * rng.random_range(0..4) as f32 };
        let [x0, y0] = [0, 1].map(|_| rng.random_range(0.0..SIDE as f32));
        let width = rng.random_range(0.5..2.5f32);
        let half = rng.random::<f32>() < 0.4;
        for (k, pixel) in pixels.iter_mut().enumerate() {
            let (x, y) = ((k % SIDE) as f32 + 0.5 - x0, (k / SIDE) as f32 + 0.5 - y0);
            let distance = angle.cos() * x + angle.sin() * y;
            // A bar, or everything on one side of an edge.
            let distance = if half { distance } else { distance.abs() - width };
            *pixel = mix(*pixel, colour, (0.5 - distance).clamp(0.0, 1.0) * 0.8);
        }
    }
}

/// The picture as a cheap camera takes it: a little blurred, a little noisy.
fn expose(pixels: &[Rgb], rng: &mut Philox) -> Vec<u8> {
    let (blur, noise) = (rng.random_range(0.0..0.8f32), rng.random_range(0.005..0.03f32));
    let mut image = Vec::with_capacity(pixels.len() * 3);
    for k in 0..pixels.len() {
        let (x, y) = (k % SIDE, k / SIDE);
        let near = [
            (x.saturating_sub(1), y),
            ((x + 1).min(SIDE - 1), y),
            (x, y.saturating_sub(1)),
            (x, (y + 1).min(SIDE - 1)),
        ];
        for c in 0..3 {
            let mean = near.iter().map(|(x, y)| pixels[y * SIDE + x][c]).sum::<f32>() / 4.0;
            // The sum of two uniform numbers has a variance of a sixth, and is cheaper than a normal one.
            let value = pixels[k][c]
                + blur * 0.6 * (mean - pixels[k][c])
                + noise * (rng.random::<f32>() + rng.random::<f32>() - 1.0) * 2.45;
            image.push((value.clamp(0.0, 1.0) * 255.0).round() as u8);
        }
    }
    image
}

fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [0, 1, 2].map(|c| a[c] + t * (b[c] - a[c]))
}

/// The mask at a place relative to its middle, 0 to 1.
fn bilinear(mask: &[u8], x: f32, y: f32) -> f32 {
    let (x, y) = (x + MASK as f32 / 2.0 - 0.5, y + MASK as f32 / 2.0 - 0.5);
    if x < 0.0 || y < 0.0 || x >= (MASK - 1) as f32 || y >= (MASK - 1) as f32 {
        return 0.0;
    }
    let (column, row) = (x as usize, y as usize);
    let (u, v) = (x.fract(), y.fract());
    let at = |i: usize, j: usize| f32::from(mask[(row + j) * MASK + column + i]);
    ((1.0 - v) * ((1.0 - u) * at(0, 0) + u * at(1, 0)) + v * ((1.0 - u) * at(0, 1) + u * at(1, 1))) / 255.0
}
