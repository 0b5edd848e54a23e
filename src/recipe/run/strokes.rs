//! What can be said of sketches.

use super::samplers::{mixture_codes, possible};
use crate::data::{Dataset, rasterize_sketch};
use crate::error::Result;
use crate::recipe::data::{Splits, repeated};
use crate::report::ImageGrid;
use crate::tensor::{Array, ArrayData};
use crate::train::Evaluator;
use crate::vae::Model;
use std::f64::consts::PI;
use std::path::Path;

/// Pixels of a drawing's side.
const SIDE: usize = 96;
/// Drawings in a row.
const COLUMNS: usize = 8;
/// Drawings of a kind.
const SHOWN: usize = 2 * COLUMNS;
/// At what temperatures, from the surest (Ha & Eck 2017, arXiv 1704.03477, section 4.2).
const TEMPERATURES: [f32; 4] = [0.0, 0.3, 0.6, 1.0];

/// Numbers of a step: Δx, Δy, pen down, lifted, over.
const STEP: usize = 5;

/// The numbers of all sketches and how many steps each has; `None` where the examples are no sketches.
fn sketches(set: &Dataset) -> Option<(&[f32], usize)> {
    let column = set.column("x").ok()?;
    let (&[_, steps, STEP], ArrayData::F32(x)) = (column.shape.dims(), &column.data) else { return None };
    let pen = |step: &[f32]| step[2..].iter().all(|&p| p == 0.0 || p == 1.0) && step[2..].iter().sum::<f32>() == 1.0;
    x.chunks_exact(STEP).take(steps).all(pen).then_some((x, steps))
}

/// Steps of a sketch up to its end and with it.
fn written(row: &[f32]) -> impl Iterator<Item = &[f32]> {
    let end = row.chunks_exact(STEP).position(|step| step[4] == 1.0).map_or(row.len() / STEP, |end| end + 1);
    row.chunks_exact(STEP).take(end)
}

/// Mean ln p of the test sketches when every movement is drawn by itself from one Gaussian, and every state of the pen as
/// often as it is in the training set. What follows a sketch's end is known. `None` where the examples are no sketches.
pub(super) fn independent_strokes(parts: &Splits) -> Option<f64> {
    let ((train, steps), (test, _)) = sketches(&parts.train).zip(sketches(&parts.test))?;
    let all = || train.chunks_exact(steps * STEP).flat_map(written);
    let moves = || all().filter(|step| step[4] == 0.0).map(|step| [f64::from(step[0]), f64::from(step[1])]);
    let n = moves().count().max(1) as f64;
    let mean = [0, 1].map(|k| moves().map(|d| d[k]).sum::<f64>() / n);
    let about = |a: usize, b: usize| moves().map(|d| (d[a] - mean[a]) * (d[b] - mean[b])).sum::<f64>() / n;
    let (xx, xy, yy) = (about(0, 0) + 1e-6, about(0, 1), about(1, 1) + 1e-6);
    let determinant = xx * yy - xy * xy;
    let mut pens = [1.0f64; 3];
    all().for_each(|step| pens.iter_mut().zip(&step[2..]).for_each(|(count, &p)| *count += f64::from(p)));
    let total: f64 = pens.iter().sum();
    let log_p = |step: &[f32]| {
        let pen = pens.iter().zip(&step[2..]).map(|(count, &p)| f64::from(p) * (count / total).ln()).sum::<f64>();
        let [x, y] = [0, 1].map(|k| f64::from(step[k]) - mean[k]);
        let square = (yy * x * x - 2.0 * xy * x * y + xx * y * y) / determinant;
        let moved = -0.5 * square - 0.5 * determinant.ln() - (2.0 * PI).ln();
        if step[4] == 1.0 { pen } else { pen + moved }
    };
    let sum = test.chunks_exact(steps * STEP).flat_map(written).map(log_p).sum::<f64>();
    Some(sum / parts.test.len().max(1) as f64)
}

/// Dark lines on white, in [0, 1].
fn inked(x: &[f32], steps: usize) -> Vec<f32> {
    let ink = x.chunks_exact(steps * STEP).flat_map(|row| rasterize_sketch(row, SIDE));
    ink.map(|ink| 1.0 - f32::from(ink) / 255.0).collect()
}

/// The first sketches of `x` [N, T, 5], at most `count`, as a picture; `None` where the examples of `set` are none.
pub(super) fn grid(set: &Dataset, x: &[f32], count: usize) -> Result<Option<ImageGrid>> {
    let Some((_, steps)) = sketches(set) else { return Ok(None) };
    let shown = &x[..x.len().min(count * steps * STEP)];
    ImageGrid::new(COLUMNS, SIDE, SIDE, 1)?.scale(1).images(&inked(shown, steps)).map(Some)
}

/// Draws test sketches above what the model makes of them by way of μ, and sketches of codes from the prior and from a mixture
/// fitted to the training set's, a temperature a row; nothing where the examples are no sketches.
pub(super) fn pictures(
    evaluator: &mut Evaluator,
    model: &dyn Model,
    parts: &Splits,
    seed: u64,
    out: &Path,
) -> Result<()> {
    let Some((_, steps)) = sketches(&parts.test) else { return Ok(()) };
    let shown = repeated(&parts.test, SHOWN);
    let mut kinds = vec![("sketches by way of their codes", "reconstructions.png", evaluator.encode(&shown)?)];
    if let Some(codes) = possible(evaluator.sample_with(&shown, seed))? {
        kinds.push(("sketches of codes from the prior", "samples.png", codes));
    }
    // Too few codes for ten components are no reason to fail.
    if let Some(codes) = possible(mixture_codes(evaluator, &parts.train, SHOWN, seed))? {
        kinds.push(("sketches of codes from a mixture of Gaussians", "samples_mixture.png", codes));
    }
    let codes: Vec<f32> = kinds.iter().flat_map(|(_, _, codes)| codes).copied().collect();
    let under = repeated(&parts.test, kinds.len() * SHOWN);
    let under = under.with("z", Array::f32([kinds.len() * SHOWN, evaluator.latent()], codes)?)?;
    let drawn = evaluator.map(&under, seed, |g, batch| {
        let z = batch.get(g, "z")?;
        TEMPERATURES.iter().map(|&temperature| model.draw(g, z, batch, temperature)).collect()
    })?;
    let originals = inked(shown.floats("x")?, steps);
    for (k, (title, file, _)) in kinds.iter().enumerate() {
        let mut rows = vec![];
        if k == 0 {
            rows.push(("original".to_string(), originals.clone()));
        }
        for (temperature, drawn) in TEMPERATURES.iter().zip(&drawn) {
            let own = &drawn.as_f32()[k * SHOWN * steps * STEP..][..SHOWN * steps * STEP];
            rows.push((format!("drawn at {temperature}"), inked(own, steps)));
        }
        let rows: Vec<(&str, &[f32])> = rows.iter().map(|(name, ink)| (name.as_str(), ink.as_slice())).collect();
        ImageGrid::compare(COLUMNS, [SIDE, SIDE, 1], &rows)?.scale(1).title(*title).save(out.join(file))?;
    }
    Ok(())
}
