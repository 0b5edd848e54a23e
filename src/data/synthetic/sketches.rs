//! Sketches as sequences of pen movements, in the form that Ha and Eck ("A neural representation of sketch drawings",
//! ICLR 2018) made of Quick, Draw!, and a rasterizer.

use super::{bytes, examples, floats, split};
use crate::data::dataset::Dataset;
use crate::error::{Error, Result};
use crate::rng::{Philox, normal};
use rand::RngExt;
use rayon::prelude::*;
use std::f32::consts::{PI, TAU};

/// What is drawn, the values of `label`.
pub const SKETCH_CLASSES: [&str; 8] = ["cat", "house", "tree", "fish", "star", "flower", "boat", "sun"];
/// Steps of a row.
pub const SKETCH_STEPS: usize = 64;
/// What the movements are divided by, so that both have about unit variance; a drawing is about 2 wide before.
const UNIT: f32 = 0.41;
const FACTORS: [(&str, usize); 4] = [("tilt", 0), ("width", 0), ("height", 0), ("detail", 3)];

pub(in crate::data) type Point = [f32; 2];

struct Sketch {
    /// [T, 5].
    x: Vec<f32>,
    length: usize,
    label: usize,
    factors: [f32; 4],
}

/// Sketches `0..n` of `seed`: `x` `F32` [N, 64, 5], steps (Δx right, Δy down, p1, p2, p3): the pen moves by Δ and then is down
/// (p1: a line will join this point and the next), lifted (p2), or the drawing is over (p3, also all of the padding). The
/// first movement starts from the drawing's middle. `length` counts the steps before the end; `label` is one of
/// [`SKETCH_CLASSES`]; `factors` are tilt (radians), width and height (relative to their means), and how much detail there
/// is (number of legs, petals, rays or windows, class by class).
///
/// ```
/// let set = wavae::data::sketches(4, 0)?;
/// let picture = wavae::data::rasterize_sketch(&set.floats("x")?[..64 * 5], 28);
/// assert_eq!(picture.len(), 28 * 28);
/// # Ok::<(), wavae::Error>(())
/// ```
///
/// # Errors
/// When `n` is 0 or absurd.
pub fn sketches(n: usize, seed: u64) -> Result<Dataset> {
    let all = examples(n, seed, SKETCH_STEPS * 20, |_, rng| sketch(rng))?;
    let lengths = all.iter().map(|s| s.length as u32).collect();
    let mut set = Dataset::new("x", floats(&all, [SKETCH_STEPS, 5], |s| &s.x)?)?
        .with("length", crate::tensor::Array::u32([n], lengths)?)?
        .with_labels(all.iter().map(|s| s.label as u32).collect(), SKETCH_CLASSES.len())?
        .with_factors(&FACTORS, all.iter().flat_map(|s| s.factors).collect())?;
    set.class_names = SKETCH_CLASSES.map(String::from).to_vec();
    Ok(split(set))
}

/// The same sketches as images: `x` becomes `U8` [N, side, side, 1], white on black; `length` goes.
///
/// # Errors
/// When `x` is not `F32` [N, T, 5], or `side` is not in 8..=1024.
pub fn sketch_images(set: &Dataset, side: usize) -> Result<Dataset> {
    let [steps, 5] = set.example("x")?.dims()[..] else {
        return Err(Error::shape("sketch images", format!("x is [N, T, 5], not {}", set.column("x")?.shape)));
    };
    if !(8..=1024).contains(&side) {
        return Err(Error::Config(format!("sketches of {side} pixels: choose a side from 8 to 1024")));
    }
    let rows: Vec<&[f32]> = set.floats("x")?.chunks_exact(steps * 5).collect();
    let images: Vec<Vec<u8>> = rows.par_iter().map(|row| rasterize_sketch(row, side)).collect();
    set.clone().without("length").with("x", bytes(&images, [side, side, 1], |image| image)?)
}

/// Draws the steps of one sketch, (Δx, Δy, p1, p2, p3) each, into `side`² bytes, fitted into the picture. Works on what a
/// model makes, too: the larger of p1, p2, p3 counts, and a picture of no extent is black.
pub fn rasterize_sketch(steps: &[f32], side: usize) -> Vec<u8> {
    let mut lines: Vec<[Point; 2]> = vec![];
    let (mut at, mut down) = ([0.0f32; 2], false);
    for step in steps.chunks_exact(5) {
        if step[4] > step[2].max(step[3]) || !step.iter().all(|v| v.is_finite()) {
            break;
        }
        let next = [at[0] + step[0], at[1] + step[1]];
        if down {
            lines.push([at, next]);
        }
        (at, down) = (next, step[2] >= step[3]);
    }
    let extent = |k: usize| {
        let values = || lines.iter().flatten().map(move |p| p[k]);
        (values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max))
    };
    let ((left, right), (top, bottom)) = (extent(0), extent(1));
    let margin = 0.08 * side as f32;
    let scale = (side as f32 - 2.0 * margin) / (right - left).max(bottom - top);
    let mut ink = vec![0.0f32; side * side];
    if !scale.is_finite() || scale <= 0.0 {
        return vec![0; side * side];
    }
    let place = |p: Point| {
        let middle = [(left + right) / 2.0, (top + bottom) / 2.0];
        [0, 1].map(|k| (p[k] - middle[k]) * scale + side as f32 / 2.0)
    };
    for line in lines {
        stroke(&mut ink, side, line.map(place), (side as f32 / 56.0).max(0.5));
    }
    ink.into_iter().map(|v| (v * 255.0).round() as u8).collect()
}

/// Inks a line of half width `radius`: each pixel takes the strongest of what it is offered.
fn stroke(ink: &mut [f32], side: usize, [a, b]: [Point; 2], radius: f32) {
    let d = [b[0] - a[0], b[1] - a[1]];
    let range = |k: usize| {
        let (low, high) = (a[k].min(b[k]) - radius - 1.0, a[k].max(b[k]) + radius + 1.0);
        low.max(0.0) as usize..(high.max(0.0).ceil() as usize).min(side)
    };
    for y in range(1) {
        for x in range(0) {
            let p = [x as f32 + 0.5 - a[0], y as f32 + 0.5 - a[1]];
            let t = ((p[0] * d[0] + p[1] * d[1]) / (d[0] * d[0] + d[1] * d[1]).max(1e-9)).clamp(0.0, 1.0);
            let distance = (p[0] - t * d[0]).hypot(p[1] - t * d[1]);
            let pixel = &mut ink[y * side + x];
            *pixel = pixel.max((radius + 0.5 - distance).clamp(0.0, 1.0));
        }
    }
}

fn sketch(rng: &mut Philox) -> Sketch {
    let label = rng.random_range(0..SKETCH_CLASSES.len());
    let detail = rng.random_range(0..3usize);
    let mut strokes = [cat, house, tree, fish, star, flower, boat, sun][label](detail, rng);
    let tilt = 0.12 * normal(rng).clamp(-2.5, 2.5);
    let [width, height] = [0, 1].map(|_| (0.15 * normal(rng).clamp(-2.5, 2.5)).exp());
    let (sin, cos) = tilt.sin_cos();
    for p in strokes.iter_mut().flatten() {
        let [x, y] = [0, 1].map(|k| p[k] + 0.018 * normal(rng).clamp(-3.0, 3.0));
        let (x, y) = (x * width, y * height);
        *p = [cos * x - sin * y, sin * x + cos * y];
    }
    let (x, length) = steps(&strokes, SKETCH_STEPS);
    Sketch { x, length, label, factors: [tilt, width, height, detail as f32] }
}

/// Strokes of a drawing around (0, 0), about 2 wide, as `row` steps, the last of which is the end; and how many are before it.
/// What is longer is cut.
pub(in crate::data) fn steps(strokes: &[Vec<Point>], row: usize) -> (Vec<f32>, usize) {
    let mut x = Vec::with_capacity(row * 5);
    let mut at = [0.0; 2];
    for stroke in strokes {
        for (k, p) in stroke.iter().enumerate().take(row - 1 - x.len() / 5) {
            let last = f32::from(u8::from(k + 1 == stroke.len()));
            x.extend([(p[0] - at[0]) / UNIT, (p[1] - at[1]) / UNIT, 1.0 - last, last, 0.0]);
            at = *p;
        }
    }
    let length = x.len() / 5;
    x.extend([0.0, 0.0, 0.0, 0.0, 1.0].repeat(row - length));
    (x, length)
}

/// `points` points along an ellipse around (x, y), from one angle to another (clockwise from the right, y is down).
fn arc([x, y]: Point, [rx, ry]: Point, from: f32, to: f32, points: usize) -> Vec<Point> {
    let angle = |k: usize| from + (to - from) * k as f32 / (points - 1) as f32;
    (0..points).map(|k| [x + rx * angle(k).cos(), y + ry * angle(k).sin()]).collect()
}

/// A closed ellipse that starts anywhere.
fn ring(middle: Point, radius: Point, points: usize, rng: &mut Philox) -> Vec<Point> {
    let from = rng.random_range(0.0..TAU);
    arc(middle, radius, from, from + TAU, points)
}

fn cat(detail: usize, rng: &mut Philox) -> Vec<Vec<Point>> {
    let wide = rng.random_range(0.75..0.95);
    let mut all = vec![ring([0.0, 0.1], [wide, 0.75], 14, rng)];
    let ear = rng.random_range(0.75..1.05f32);
    for side in [-1.0, 1.0] {
        all.push(vec![[side * wide * 0.85, -0.28], [side * wide * 0.75, -ear], [side * wide * 0.3, -0.6]]);
    }
    for side in [-1.0, 1.0] {
        all.push(ring([side * 0.33, -0.08], [0.09, 0.12], 6, rng));
    }
    all.push(vec![[-0.09, 0.2], [0.09, 0.2], [0.0, 0.32], [-0.09, 0.2]]);
    all.push(vec![[-0.25, 0.45], [-0.1, 0.52], [0.0, 0.32], [0.1, 0.52], [0.25, 0.45]]);
    for side in [-1.0, 1.0] {
        for k in 0..=detail {
            let y = 0.1 * (k as f32 - detail as f32 / 2.0);
            all.push(vec![[side * 0.25, 0.32 + y], [side * 1.15, 0.28 + 2.2 * y]]);
        }
    }
    all
}

fn house(detail: usize, rng: &mut Philox) -> Vec<Vec<Point>> {
    let (roof, eaves): (f32, f32) = (rng.random_range(0.5..1.0), rng.random_range(0.8..1.05));
    let mut all = vec![vec![[-0.8, -0.1], [-0.8, 0.9], [0.8, 0.9], [0.8, -0.1], [-0.8, -0.1]]];
    all.push(vec![[-eaves, -0.1], [0.0, -0.1 - roof], [eaves, -0.1]]);
    let door = rng.random_range(-0.4..0.4f32);
    all.push(vec![[door - 0.15, 0.9], [door - 0.15, 0.4], [door + 0.15, 0.4], [door + 0.15, 0.9]]);
    for x in [-0.5, 0.5, 0.0].into_iter().take(detail + 1) {
        let (l, r, t, b) = (x - 0.16, x + 0.16, 0.02, 0.28);
        all.push(vec![[l, t], [r, t], [r, b], [l, b], [l, t]]);
    }
    if rng.random() {
        let top = -0.1 - roof * 0.4;
        all.push(vec![[0.45, top], [0.45, top - 0.45], [0.65, top - 0.45], [0.65, top + 0.2 * roof]]);
    }
    all
}

fn tree(detail: usize, rng: &mut Philox) -> Vec<Vec<Point>> {
    let trunk = rng.random_range(0.1..0.2f32);
    let mut all = vec![vec![[-trunk, 0.2], [-trunk * 1.2, 1.0]], vec![[trunk, 0.2], [trunk * 1.2, 1.0]]];
    if rng.random() {
        // A fir of tiers.
        for k in 0..detail + 2 {
            let (tiers, k) = ((detail + 2) as f32, k as f32);
            let (top, bottom) = (-1.0 + 1.2 * k / tiers, -1.0 + 1.2 * (k + 1.2) / tiers);
            let wide = 0.35 + 0.4 * (k + 1.0) / tiers;
            all.push(vec![[0.0, top], [wide, bottom], [-wide, bottom], [0.0, top]]);
        }
    } else {
        let lobes = 5 + 2 * detail;
        let lobe = |k: usize| {
            let angle = TAU * k as f32 / lobes as f32 + PI / 2.0;
            arc([0.5 * angle.cos(), -0.35 + 0.42 * angle.sin()], [0.3, 0.27], angle - 1.2, angle + 1.2, 6)
        };
        all.push((0..lobes).flat_map(lobe).collect());
    }
    all
}

fn fish(detail: usize, rng: &mut Philox) -> Vec<Vec<Point>> {
    let (tall, tail): (f32, f32) = (rng.random_range(0.3..0.6), rng.random_range(0.3..0.55));
    let mut all = vec![arc([0.15, 0.0], [0.8, tall], -PI + 0.25, PI - 0.25, 16)];
    let [x, y] = all[0][0];
    all.push(vec![[x, y], [-1.05, -tail], [-0.85, 0.0], [-1.05, tail], [x, -y]]);
    all.push(ring([0.6, -0.12], [0.07, 0.07], 6, rng));
    all.push(arc([0.25, 0.0], [0.15, tall * 0.75], -1.2, 1.2, 5));
    for k in 0..detail {
        let x = 0.1 - 0.3 * k as f32;
        all.push(arc([x - 0.1, 0.0], [0.1, tall * 0.4], -1.2, 1.2, 4));
    }
    if rng.random() {
        all.push(vec![[-0.1, -tall * 0.95], [0.15, -tall - 0.25], [0.45, -tall * 0.9]]);
    }
    if rng.random() {
        all.iter_mut().flatten().for_each(|p| p[0] = -p[0]);
    }
    all
}

fn star(detail: usize, rng: &mut Philox) -> Vec<Vec<Point>> {
    let points = 5 + detail;
    let turn = -PI / 2.0;
    if detail == 0 && rng.random() {
        // In one line, through the middle.
        return vec![(0..=5).map(|k| turn + TAU * 2.0 * k as f32 / 5.0).map(|a| [a.cos(), a.sin()]).collect()];
    }
    let inner = rng.random_range(0.35..0.55f32);
    let corner = |k: usize| {
        let (angle, r) = (turn + PI * k as f32 / points as f32, if k.is_multiple_of(2) { 1.0 } else { inner });
        [r * angle.cos(), r * angle.sin()]
    };
    vec![(0..=2 * points).map(corner).collect()]
}

fn flower(detail: usize, rng: &mut Philox) -> Vec<Vec<Point>> {
    let petals = 5 + detail;
    let middle = [0.0, -0.4];
    let length = rng.random_range(0.3..0.45f32);
    let mut all = vec![ring(middle, [0.16, 0.16], 8, rng)];
    let petal = |k: usize| {
        let angle = TAU * k as f32 / petals as f32;
        let at = |r: f32, turn: f32| [r * (angle + turn).cos(), middle[1] + r * (angle + turn).sin()];
        vec![
            at(0.17, -0.35),
            at(0.17 + length * 0.7, -0.4),
            at(0.2 + length, 0.0),
            at(0.17 + length * 0.7, 0.4),
            at(0.17, 0.35),
        ]
    };
    all.extend((0..petals).map(petal));
    let bend = rng.random_range(-0.15..0.15f32);
    all.push(vec![[0.0, 0.1], [bend, 0.5], [0.0, 1.05]]);
    let side = if rng.random() { 1.0 } else { -1.0 };
    all.push(vec![[bend * 0.7, 0.75], [side * 0.2, 0.52], [side * 0.45, 0.5], [side * 0.3, 0.68], [bend * 0.7, 0.75]]);
    all
}

fn boat(detail: usize, rng: &mut Philox) -> Vec<Vec<Point>> {
    let (mast, bow): (f32, f32) = (rng.random_range(0.9..1.2), rng.random_range(0.15..0.4));
    let mut all = vec![vec![[-0.95, 0.4], [0.95, 0.4], [0.95 - bow, 0.8], [-0.95 + bow, 0.8], [-0.95, 0.4]]];
    all.push(vec![[0.0, 0.4], [0.0, -mast]]);
    all.push(vec![[0.06, -mast + 0.05], [0.75, 0.25], [0.06, 0.25], [0.06, -mast + 0.05]]);
    if detail > 0 {
        all.push(vec![[-0.06, -mast + 0.25], [-0.6, 0.25], [-0.06, 0.25], [-0.06, -mast + 0.25]]);
    }
    if detail > 1 {
        let wave = |k: usize| [-1.1 + 0.2 * k as f32, if k.is_multiple_of(2) { 0.95 } else { 0.87 }];
        all.push((0..12).map(wave).collect());
    }
    all
}

fn sun(detail: usize, rng: &mut Philox) -> Vec<Vec<Point>> {
    let rays = 8 + 2 * detail;
    let (turn, long) = (rng.random_range(0.0..TAU), rng.random_range(0.25..0.5f32));
    let mut all = vec![ring([0.0, 0.0], [0.5, 0.5], 14, rng)];
    for k in 0..rays {
        let angle = turn + TAU * k as f32 / rays as f32;
        all.push([0.6, 0.6 + long].map(|r| [r * angle.cos(), r * angle.sin()]).to_vec());
    }
    if rng.random() {
        all.push(ring([-0.17, -0.12], [0.05, 0.06], 5, rng));
        all.push(ring([0.17, -0.12], [0.05, 0.06], 5, rng));
        all.push(arc([0.0, 0.05], [0.25, 0.2], 0.4, PI - 0.4, 6));
    }
    all
}
