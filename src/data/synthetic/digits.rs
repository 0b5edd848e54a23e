//! Synthetic digits: 28×28 handwriting in MNIST's layout (white on black, about 20 pixels high, centred by mass), so
//! that a digit model can be trained and looked at without any download.
//!
//! Each class has a few ways to be written. One of them is chosen, its control points are jittered, smooth curves are
//! laid through them, the whole is bent, slanted, turned and scaled, and a soft round pen of varying pressure follows
//! it. Digit `i` of a seed depends on these two numbers alone: not on the size of the set, nor on threads.

use crate::data::images::{ImageSet, Split};
use crate::error::{Error, Result};
use crate::rng::Philox;
use rand::RngExt;
use rayon::prelude::*;
use std::f32::consts::TAU;

/// Pixels of a side.
pub(super) const SIDE: usize = 28;
/// The most digits in a set: more would not fit into 12 GB.
const MOST: usize = 16_000_000;

type Point = [f32; 2];
/// Strokes of one way to write a digit: control points of a smooth curve, x to the right and y down, in a box about
/// 0.65 wide and 1 high. Points with the same coordinates are one point, so strokes stay joined; a curve through two
/// points is straight.
type Glyph = &'static [&'static [Point]];

const ZERO: &[Glyph] = &[
    &[&[
        [0.5, 0.02],
        [0.27, 0.06],
        [0.06, 0.34],
        [0.06, 0.7],
        [0.27, 0.98],
        [0.5, 0.92],
        [0.66, 0.62],
        [0.63, 0.24],
        [0.5, 0.02],
    ]],
    &[&[
        [0.58, 0.1],
        [0.4, 0.0],
        [0.17, 0.18],
        [0.06, 0.6],
        [0.22, 0.96],
        [0.42, 0.95],
        [0.58, 0.62],
        [0.6, 0.25],
        [0.44, 0.03],
        [0.3, 0.06],
    ]],
    &[&[[0.3, 0.0], [0.04, 0.25], [0.02, 0.68], [0.28, 1.0], [0.62, 0.85], [0.72, 0.45], [0.56, 0.08], [0.3, 0.0]]],
];
const ONE: &[Glyph] = &[
    &[&[[0.32, 0.0], [0.31, 0.5], [0.3, 1.0]]],
    &[&[[0.34, 0.0], [0.3, 0.5], [0.3, 1.0]]],
    &[&[[0.1, 0.24], [0.34, 0.0]], &[[0.34, 0.0], [0.33, 0.5], [0.32, 1.0]]],
    &[&[[0.12, 0.2], [0.34, 0.0]], &[[0.34, 0.0], [0.34, 1.0]], &[[0.08, 1.0], [0.34, 1.0], [0.6, 0.99]]],
];
const TWO: &[Glyph] = &[
    &[
        &[[0.08, 0.24], [0.22, 0.04], [0.46, 0.02], [0.6, 0.2], [0.5, 0.48], [0.27, 0.78], [0.04, 0.99]],
        &[[0.04, 0.99], [0.36, 0.96], [0.7, 0.98]],
    ],
    &[&[
        [0.1, 0.18],
        [0.36, 0.0],
        [0.6, 0.2],
        [0.5, 0.52],
        [0.28, 0.85],
        [0.1, 0.98],
        [0.03, 0.86],
        [0.18, 0.76],
        [0.42, 0.92],
        [0.72, 0.93],
    ]],
    &[&[[0.1, 0.1], [0.38, 0.0], [0.56, 0.16], [0.46, 0.5], [0.05, 0.96]], &[[0.05, 0.96], [0.65, 0.94]]],
];
const THREE: &[Glyph] = &[
    &[
        &[[0.08, 0.12], [0.32, 0.0], [0.56, 0.14], [0.5, 0.38], [0.24, 0.48]],
        &[[0.24, 0.48], [0.54, 0.55], [0.62, 0.78], [0.38, 1.0], [0.06, 0.92]],
    ],
    &[
        &[[0.1, 0.03], [0.58, 0.03]],
        &[[0.58, 0.03], [0.27, 0.42]],
        &[[0.27, 0.42], [0.55, 0.5], [0.62, 0.75], [0.38, 1.0], [0.06, 0.9]],
    ],
    &[&[
        [0.06, 0.08],
        [0.38, 0.0],
        [0.56, 0.2],
        [0.36, 0.43],
        [0.22, 0.46],
        [0.42, 0.48],
        [0.6, 0.68],
        [0.46, 0.94],
        [0.04, 0.98],
    ]],
];
const FOUR: &[Glyph] = &[
    &[
        &[[0.14, 0.04], [0.08, 0.3], [0.06, 0.54]],
        &[[0.06, 0.54], [0.34, 0.56], [0.66, 0.5]],
        &[[0.6, 0.04], [0.56, 0.5], [0.52, 1.0]],
    ],
    &[&[[0.5, 0.0], [0.26, 0.3], [0.02, 0.62]], &[[0.02, 0.62], [0.7, 0.6]], &[[0.5, 0.0], [0.49, 0.5], [0.48, 1.0]]],
    &[&[[0.16, 0.04], [0.06, 0.32], [0.16, 0.54], [0.4, 0.5], [0.58, 0.3]], &[[0.62, 0.0], [0.58, 0.3], [0.5, 1.0]]],
];
const FIVE: &[Glyph] = &[
    &[
        &[[0.62, 0.02], [0.18, 0.04]],
        &[[0.18, 0.04], [0.12, 0.44]],
        &[[0.12, 0.44], [0.36, 0.37], [0.6, 0.54], [0.58, 0.82], [0.34, 1.0], [0.04, 0.9]],
    ],
    &[&[[0.66, 0.0], [0.36, 0.03], [0.18, 0.2], [0.26, 0.42], [0.5, 0.57], [0.54, 0.8], [0.32, 1.0], [0.04, 0.94]]],
    &[
        &[[0.68, 0.0], [0.26, 0.03]],
        &[[0.26, 0.03], [0.18, 0.4]],
        &[[0.18, 0.4], [0.44, 0.42], [0.56, 0.62], [0.46, 0.88], [0.22, 1.0], [0.0, 0.94]],
    ],
];
const SIX: &[Glyph] = &[
    &[&[
        [0.52, 0.0],
        [0.26, 0.2],
        [0.08, 0.55],
        [0.12, 0.88],
        [0.34, 1.0],
        [0.57, 0.86],
        [0.55, 0.62],
        [0.34, 0.54],
        [0.11, 0.72],
    ]],
    &[&[[0.34, 0.0], [0.16, 0.36], [0.07, 0.74], [0.24, 1.0], [0.48, 0.93], [0.52, 0.7], [0.34, 0.58], [0.12, 0.76]]],
    &[&[
        [0.62, 0.04],
        [0.36, 0.06],
        [0.12, 0.38],
        [0.06, 0.75],
        [0.28, 1.0],
        [0.58, 0.9],
        [0.6, 0.66],
        [0.38, 0.56],
        [0.09, 0.8],
    ]],
];
const SEVEN: &[Glyph] = &[
    &[&[[0.04, 0.06], [0.34, 0.06], [0.62, 0.03]], &[[0.62, 0.03], [0.4, 0.46], [0.26, 1.0]]],
    &[&[[0.04, 0.06], [0.64, 0.04]], &[[0.64, 0.04], [0.42, 0.5], [0.3, 1.0]], &[[0.18, 0.52], [0.62, 0.48]]],
    &[
        &[[0.04, 0.2], [0.06, 0.05]],
        &[[0.06, 0.05], [0.34, 0.08], [0.6, 0.02]],
        &[[0.6, 0.02], [0.5, 0.4], [0.42, 1.0]],
    ],
];
const EIGHT: &[Glyph] = &[
    &[&[
        [0.56, 0.14],
        [0.34, 0.0],
        [0.12, 0.16],
        [0.28, 0.44],
        [0.54, 0.68],
        [0.52, 0.92],
        [0.28, 1.0],
        [0.08, 0.84],
        [0.22, 0.56],
        [0.5, 0.34],
        [0.56, 0.14],
    ]],
    &[
        &[[0.34, 0.46], [0.13, 0.3], [0.18, 0.06], [0.42, 0.0], [0.56, 0.2], [0.34, 0.46]],
        &[[0.34, 0.46], [0.08, 0.68], [0.14, 0.95], [0.42, 1.0], [0.6, 0.76], [0.34, 0.46]],
    ],
];
const NINE: &[Glyph] = &[
    &[
        &[[0.58, 0.16], [0.36, 0.0], [0.1, 0.16], [0.1, 0.4], [0.34, 0.5], [0.56, 0.34], [0.58, 0.16]],
        &[[0.58, 0.16], [0.56, 0.55], [0.5, 1.0]],
    ],
    &[
        &[[0.56, 0.22], [0.38, 0.02], [0.12, 0.14], [0.1, 0.4], [0.34, 0.48], [0.56, 0.22]],
        &[[0.56, 0.22], [0.55, 0.62], [0.4, 0.95], [0.12, 0.98]],
    ],
    &[&[[0.54, 0.12], [0.3, 0.02], [0.08, 0.22], [0.16, 0.46], [0.42, 0.42], [0.56, 0.16], [0.52, 0.5], [0.38, 1.0]]],
];
const GLYPHS: [&[Glyph]; 10] = [ZERO, ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT, NINE];

/// Digits `0..count` of `seed`, 28 × 28 gray, drawn in parallel, with their classes as labels. Image `i` is in
/// [`Split::Valid`] when `i % 10 == 8`, in [`Split::Test`] when `i % 10 == 9`, else in [`Split::Train`]; its class is
/// drawn at random, so every split holds all ten.
///
/// ```
/// let digits = wavae::data::synthetic_digits(4, 0)?;
/// assert_eq!((digits.height, digits.width, digits.channels), (28, 28, 1));
/// assert!(digits.labels.is_some_and(|labels| labels.iter().all(|l| *l < 10)));
/// # Ok::<(), wavae::Error>(())
/// ```
///
/// # Errors
/// When `count` is above 16 million.
pub fn synthetic_digits(count: usize, seed: u64) -> Result<ImageSet> {
    if count > MOST {
        return Err(Error::Config(format!("{count} synthetic digits are too many: choose at most {MOST}")));
    }
    let mut pixels = vec![0; count * SIDE * SIDE];
    let mut labels = vec![0; count];
    let work = (pixels.par_chunks_mut(SIDE * SIDE), labels.par_iter_mut()).into_par_iter().enumerate();
    work.for_each(|(i, (image, label))| {
        let mut rng = Philox::new(seed, i as u64);
        *label = rng.random_range(0..10u8);
        draw(*label, &mut rng, image);
    });
    let mut set = ImageSet::new(SIDE, SIDE, 1, pixels)?;
    set.labels = Some(labels);
    set.split = (0..count)
        .map(|i| match i % 10 {
            8 => Split::Valid,
            9 => Split::Test,
            _ => Split::Train,
        })
        .collect();
    Ok(set)
}

/// Draws one digit into 28×28 black bytes.
pub(super) fn draw(class: u8, rng: &mut Philox, image: &mut [u8]) {
    let variants = GLYPHS[usize::from(class)];
    let glyph = variants[rng.random_range(0..variants.len())];
    let mut curves = smooth(&jitter(glyph, rng));
    bend(&mut curves, rng);
    transform(&mut curves, rng);
    let pen = Pen::sample(rng);
    let mut ink = [0.0f32; SIDE * SIDE];
    for curve in &curves {
        pen.follow(curve, &mut ink);
    }
    for (byte, ink) in image.iter_mut().zip(ink) {
        *byte = (ink * 255.0).round() as u8;
    }
}

/// A normal number by Box and Muller's transform.
fn normal(rng: &mut Philox) -> f32 {
    let (u, v): (f32, f32) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (TAU * v).cos()
}

/// Moves each control point by itself; equal points move alike.
fn jitter(glyph: Glyph, rng: &mut Philox) -> Vec<Vec<Point>> {
    let mut seen: Vec<(Point, Point)> = Vec::new();
    let mut moved = |p: &Point| match seen.iter().find(|(from, _)| from == p) {
        Some((_, to)) => *to,
        None => {
            let to = [p[0] + 0.022 * normal(rng), p[1] + 0.022 * normal(rng)];
            seen.push((*p, to));
            to
        }
    };
    glyph.iter().map(|stroke| stroke.iter().map(&mut moved).collect()).collect()
}

/// Polylines along Catmull–Rom curves through the points.
fn smooth(strokes: &[Vec<Point>]) -> Vec<Vec<Point>> {
    const STEPS: usize = 8;
    let curve = |points: &Vec<Point>| {
        let last = points.len() - 1; // strokes have at least two points
        let closed = points[0] == points[last];
        let at = |k: isize| match k {
            -1 if closed => points[last - 1],
            k if k > last as isize && closed => points[1],
            k => points[k.clamp(0, last as isize) as usize],
        };
        let mut line = vec![points[0]];
        for k in 0..last as isize {
            let [a, b, c, d] = [at(k - 1), at(k), at(k + 1), at(k + 2)];
            for step in 1..=STEPS {
                let t = step as f32 / STEPS as f32;
                line.push([0, 1].map(|i| {
                    let (a, b, c, d) = (a[i], b[i], c[i], d[i]);
                    let cubic = 3.0 * (b - c) + d - a;
                    0.5 * (2.0 * b + (c - a) * t + (2.0 * a - 5.0 * b + 4.0 * c - d) * t * t + cubic * t * t * t)
                }));
            }
        }
        line
    };
    strokes.iter().map(curve).collect()
}

/// Displaces everything by a smooth random field, a few long waves, as an unsteady hand does.
fn bend(curves: &mut [Vec<Point>], rng: &mut Philox) {
    let waves: Vec<[f32; 5]> = (0..3)
        .map(|_| {
            let angle = rng.random_range(0.0..TAU);
            let frequency = rng.random_range(2.0..5.0f32);
            let phase = rng.random_range(0.0..TAU);
            [frequency * angle.cos(), frequency * angle.sin(), phase, 0.022 * normal(rng), 0.022 * normal(rng)]
        })
        .collect();
    for p in curves.iter_mut().flatten() {
        let [x, y] = *p;
        for [u, v, phase, dx, dy] in &waves {
            let wave = (u * x + v * y + phase).sin();
            *p = [p[0] + dx * wave, p[1] + dy * wave];
        }
    }
}

/// Slants, turns, scales to about 20 pixels and centres by mass with a little shift; the result is in pixels and keeps
/// a margin for the pen.
fn transform(curves: &mut [Vec<Point>], rng: &mut Philox) {
    let slant = 0.14 + 0.2 * normal(rng).clamp(-2.2, 2.2);
    let (sin, cos) = (0.07 * normal(rng).clamp(-2.5, 2.5)).sin_cos();
    let widen = (0.13 * normal(rng).clamp(-2.0, 2.0)).exp();
    for p in curves.iter_mut().flatten() {
        let x = (p[0] - 0.33) * widen - slant * (p[1] - 0.5);
        let y = p[1] - 0.5;
        *p = [cos * x - sin * y, sin * x + cos * y];
    }
    let extent = |axis: usize| {
        let values = || curves.iter().flatten().map(|p| p[axis]);
        (values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max))
    };
    let ((left, right), (top, bottom)) = (extent(0), extent(1));
    let size = (right - left).max(bottom - top);
    let scale = rng.random_range(15.5..18.5f32) / size;
    let shift = [0, 1].map(|_| 0.7 * normal(rng).clamp(-2.0, 2.0));
    // The centre of mass of the line goes to the middle.
    let (mut sum, mut length) = ([0.0f32; 2], 0.0f32);
    for pair in curves.iter().flat_map(|c| c.windows(2)) {
        let step = (pair[1][0] - pair[0][0]).hypot(pair[1][1] - pair[0][1]);
        length += step;
        sum = [0, 1].map(|i| sum[i] + step * (pair[0][i] + pair[1][i]) / 2.0);
    }
    let middle = SIDE as f32 / 2.0;
    let margin = 4.0; // the widest pen reaches 3.4 pixels from the line
    let [dx, dy] = [(left, right, 0), (top, bottom, 1)].map(|(lo, hi, i)| {
        let origin = middle - scale * sum[i] / length.max(1e-6) + shift[i];
        origin.clamp(margin - scale * lo, SIDE as f32 - margin - scale * hi)
    });
    for p in curves.iter_mut().flatten() {
        *p = [scale * p[0] + dx, scale * p[1] + dy];
    }
}

/// A soft round pen.
struct Pen {
    /// Half the width of the line, in pixels.
    radius: f32,
    /// Pixels over which its edge fades.
    softness: f32,
    /// Change of pressure along the line: strength, waves per pixel, phase.
    pressure: [f32; 3],
}

impl Pen {
    fn sample(rng: &mut Philox) -> Self {
        let radius = (1.25 * (0.26 * normal(rng)).exp()).clamp(0.75, 2.1);
        let pressure = [rng.random_range(0.0..0.22), rng.random_range(0.08..0.3), rng.random_range(0.0..TAU)];
        Self { radius, softness: rng.random_range(1.1..1.7), pressure }
    }

    /// Inks the pixels along a polyline: each takes the strongest of what it is offered.
    fn follow(&self, line: &[Point], ink: &mut [f32; SIDE * SIDE]) {
        let mut travelled = 0.0;
        for pair in line.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let d = [b[0] - a[0], b[1] - a[1]];
            let [strength, frequency, phase] = self.pressure;
            let radius = self.radius * (1.0 + strength * (frequency * travelled + phase).sin());
            let reach = radius + self.softness;
            let range = |i: usize| {
                let (lo, hi) = (a[i].min(b[i]) - reach, a[i].max(b[i]) + reach);
                lo.floor().max(0.0) as usize..(hi.ceil().max(0.0) as usize).min(SIDE)
            };
            for y in range(1) {
                for x in range(0) {
                    let p = [x as f32 + 0.5 - a[0], y as f32 + 0.5 - a[1]];
                    let t = ((p[0] * d[0] + p[1] * d[1]) / (d[0] * d[0] + d[1] * d[1]).max(1e-9)).clamp(0.0, 1.0);
                    let distance = (p[0] - t * d[0]).hypot(p[1] - t * d[1]);
                    let edge = (0.5 + (radius - distance) / self.softness).clamp(0.0, 1.0);
                    let value = edge * edge * (3.0 - 2.0 * edge);
                    let pixel = &mut ink[y * SIDE + x];
                    *pixel = pixel.max(value);
                }
            }
            travelled += d[0].hypot(d[1]);
        }
    }
}
