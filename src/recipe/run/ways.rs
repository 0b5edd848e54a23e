//! Pictures of ways through latent space: along dimensions, between examples, along attributes.

use super::samplers::FITTED;
use crate::data::Dataset;
use crate::error::Result;
use crate::eval::{LinearProbe, Path, attribute_vector, interpolate, normal_values, traverse};
use crate::recipe::data::{Splits, first, from_all_over};
use crate::report::ImageGrid;
use crate::train::Evaluator;
use std::path::Path as File;

/// Images in a row.
const STEPS: usize = 9;
/// The most attributes that are shown.
const SHOWN: usize = 6;

/// One held-out example along the dimensions of the largest KL.
pub(super) fn traversals(
    evaluator: &mut Evaluator,
    test: &Dataset,
    kl_dims: &[f64],
    shape: [usize; 3],
    out: &File,
) -> Result<()> {
    let latent = evaluator.latent();
    if kl_dims.len() != latent {
        return Ok(());
    }
    let mut order: Vec<usize> = (0..latent).collect();
    order.sort_by(|&a, &b| kl_dims[b].total_cmp(&kl_dims[a]));
    order.truncate(10);
    let base = first(test, 1);
    let code = evaluator.encode(&base)?;
    let values = vec![normal_values(STEPS, 0.02)?; order.len()];
    let codes = traverse(&code, &order, &values)?;
    let like = base.subset(&vec![0; codes.len() / latent]);
    rows(evaluator, &codes, &like, shape)?
        .title("one example along its dimensions of the largest KL")
        .row_captions(order.iter().map(|d| format!("z{d}")))
        .save(out.join("traversals.png"))
}

/// From one held-out example to the next, along the line and along the circle.
pub(super) fn interpolations(evaluator: &mut Evaluator, test: &Dataset, shape: [usize; 3], out: &File) -> Result<()> {
    let (latent, ends) = (evaluator.latent(), first(test, 8));
    let codes = evaluator.encode(&ends)?;
    let (mut between, mut like, mut captions) = (vec![], vec![], vec![]);
    for (pair, codes) in codes.chunks_exact(2 * latent).enumerate() {
        for (path, name) in [(Path::Linear, "line"), (Path::Spherical, "circle")] {
            between.extend(interpolate(&codes[..latent], &codes[latent..], STEPS, path)?);
            like.extend([2 * pair; STEPS]);
            captions.push(name);
        }
    }
    rows(evaluator, &between, &ends.subset(&like), shape)?
        .title("between held-out examples")
        .row_captions(captions)
        .save(out.join("interpolations.png"))
}

/// Where examples have attributes (factors of −1 and 1): those that codes know best, each a row of one example that lacks it
/// and is moved along its vector.
pub(super) fn attributes(evaluator: &mut Evaluator, parts: &Splits, shape: [usize; 3], out: &File) -> Result<()> {
    if parts.train.factors.is_empty() {
        return Ok(());
    }
    let train = from_all_over(&parts.train, FITTED);
    let (latent, codes) = (evaluator.latent(), evaluator.encode(&train)?);
    let mut known = vec![];
    for name in &train.factors {
        let values = train.factor(name)?;
        let share = values.iter().filter(|v| **v > 0.0).count() as f64 / values.len() as f64;
        if values.iter().any(|v| v.abs() != 1.0) || !(0.05..=0.95).contains(&share) {
            continue;
        }
        let signs: Vec<i8> = values.iter().map(|&v| v as i8).collect();
        let gain = LinearProbe::fit(&codes, latent, &signs)?.accuracy(&codes, latent, &signs) - share.max(1.0 - share);
        known.push((gain, name, attribute_vector(&codes, latent, &signs)?));
    }
    known.sort_by(|a, b| b.0.total_cmp(&a.0));
    known.truncate(SHOWN);
    let (mut moved, mut like, mut captions) = (vec![], vec![], vec![]);
    for (_, name, vector) in known {
        let Some(i) = parts.test.factor(name)?.iter().position(|&v| v < 0.0) else { continue };
        let code = evaluator.encode(&parts.test.subset(&[i]))?;
        for step in 0..STEPS {
            let share = 2.0 * step as f32 / (STEPS - 1) as f32;
            moved.extend(code.iter().zip(&vector).map(|(z, v)| z + share * v));
            like.push(i);
        }
        captions.push(name.clone());
    }
    if captions.is_empty() {
        return Ok(());
    }
    rows(evaluator, &moved, &parts.test.subset(&like), shape)?
        .title("held-out examples moved along attributes, twice the vector at the end")
        .row_captions(captions)
        .save(out.join("attributes.png"))
}

/// What `codes` decode to, in rows of [`STEPS`].
fn rows(evaluator: &mut Evaluator, codes: &[f32], like: &Dataset, shape: [usize; 3]) -> Result<ImageGrid> {
    let images = evaluator.decode_with(codes, like)?;
    ImageGrid::new(STEPS, shape[0], shape[1], shape[2])?.images(&images)
}
