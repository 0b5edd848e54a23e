//! The pictures of a run.

use super::samplers::{mixture_codes, possible};
use super::strokes;
use super::ways;
use super::words::sentences;
use crate::data::Dataset;
use crate::error::Result;
use crate::eval::{Moments, variance_of_means};
use crate::nn::Mode;
use crate::recipe::data::{Splits, first, repeated};
use crate::report::{BarChart, ImageGrid, LinePlot, ScatterPlot, latent_histograms, uncertainty_map};
use crate::tensor::{ArrayData, Shape};
use crate::train::{Evaluator, Metrics, Record};
use crate::vae::Model;
use std::path::Path;

/// Decodes of each example that an uncertainty map is made of.
const DRAWS: u64 = 32;

/// −ELBO, or the reconstruction of a model without a bound, and KL against steps.
pub(super) fn curves(metrics: &Metrics, out: &Path) -> Result<()> {
    let curve = |name: &str, file: &str, figure: fn(&Record) -> f32| {
        let kinds = ["train", "valid"].map(|kind| (kind, metrics.series(kind, figure)));
        let plot = LinePlot::new(name).x("step").y("nats per example").robust();
        kinds.iter().fold(plot, |plot, (kind, points)| plot.series(*kind, points)).save(out.join(file))
    };
    let bounded = metrics.records().iter().any(|record| record.elbo.is_some());
    curve(if bounded { "-ELBO" } else { "reconstruction" }, "loss.png", |r| r.reconstruction + r.kl)?;
    curve("KL", "kl.png", |r| r.kl)
}

/// Height, width and channels of examples that can be shown as images.
pub(super) fn image(set: &Dataset) -> Option<[usize; 3]> {
    let column = set.column("x").ok()?;
    let shape: Shape = column.shape.dims()[1..].into();
    match (shape.dims(), &column.data) {
        (&[height, width, channels], ArrayData::U8(_)) if matches!(channels, 1 | 3) => Some([height, width, channels]),
        _ => None,
    }
}

/// What eight columns of samples are drawn like, and what they are called: of a model of classes a class a row, the first 20.
fn shown_samples(test: &Dataset, by_class: bool) -> Result<(Dataset, &'static str)> {
    let rows = if by_class { test.classes.min(20) } else { 8 };
    let like = repeated(test, 8 * rows);
    if !by_class {
        return Ok((like, "samples from the prior"));
    }
    let labels = (0..8 * rows as u32).map(|i| i / 8).collect();
    Ok((like.with_labels(labels, test.classes)?, "samples, a class a row"))
}

/// What there is to see: of every model the use of its latent, of images, sentences and sketches what it makes of them.
pub(super) fn draw(
    evaluator: &mut Evaluator,
    parts: &Splits,
    model: &dyn Model,
    kl_dims: &[f64],
    seed: u64,
    out: &Path,
) -> Result<()> {
    let test = &parts.test;
    latent(evaluator, test, kl_dims, out)?;
    if !test.vocabulary.is_empty() {
        sentences(evaluator, test, seed, &out.join("sentences.txt"))?;
    }
    strokes::pictures(evaluator, model, parts, seed, out)?;
    let Some(shape) = image(test) else { return Ok(()) };
    reconstructions(evaluator, model, test, shape, out)?;
    let like = repeated(test, 64);
    let grid = |images: &[f32], title: &str| -> Result<ImageGrid> {
        Ok(ImageGrid::new(8, shape[0], shape[1], shape[2])?.images(images)?.title(title))
    };
    let (under, title) = shown_samples(test, evaluator.conditioned_on("label"))?;
    if let Some(z) = possible(evaluator.sample_with(&under, seed))? {
        grid(&evaluator.decode_with(&z, &under)?, title)?.save(out.join("samples.png"))?;
    }
    // Too few codes for ten components are no reason to fail.
    if let Some(z) = possible(mixture_codes(evaluator, &parts.train, like.len(), seed))? {
        let title = "samples from a mixture of Gaussians fitted to the codes";
        grid(&evaluator.decode_with(&z, &like)?, title)?.save(out.join("samples_mixture.png"))?;
    }
    ways::traversals(evaluator, test, kl_dims, shape, out)?;
    ways::interpolations(evaluator, test, shape, out)?;
    ways::attributes(evaluator, parts, shape, out)
}

/// KL by dimension, histograms of μ and σ, and the two dimensions that vary most, by class.
fn latent(evaluator: &mut Evaluator, test: &Dataset, kl_dims: &[f64], out: &Path) -> Result<()> {
    if kl_dims.len() > 1 {
        let chart = BarChart::new("KL of each latent dimension").y("nats").values("z", kl_dims).sorted();
        chart.save(out.join("kl_dimensions.png"))?;
    }
    let (mu, sigma) = evaluator.posterior(test)?;
    let latent = evaluator.latent();
    let variance = variance_of_means(&mu, latent);
    if let Some(sigma) = sigma {
        let active: Vec<usize> = (0..latent).filter(|&j| variance[j] > 0.01).collect();
        let [means, deviations] = latent_histograms(&mu, &sigma, latent, &active)?;
        means.save(out.join("mu.png"))?;
        deviations.save(out.join("sigma.png"))?;
    }
    let (Ok(labels), true) = (test.integers("label"), latent > 1) else { return Ok(()) };
    let mut order: Vec<usize> = (0..latent).collect();
    order.sort_by(|&a, &b| variance[b].total_cmp(&variance[a]));
    let point = |row: &[f32]| (f64::from(row[order[0]]), f64::from(row[order[1]]));
    let points: Vec<(f64, f64)> = mu.chunks_exact(latent).map(point).collect();
    let labels: Vec<u8> = labels.iter().map(|&label| label.min(255) as u8).collect();
    let plot = ScatterPlot::new("the two dimensions whose mean varies most, by class");
    plot.labelled(&points, &labels, &[]).save(out.join("map.png"))
}

/// Originals above reconstructions; means and deviations of many decodes.
fn reconstructions(
    evaluator: &mut Evaluator,
    model: &dyn Model,
    test: &Dataset,
    shape: [usize; 3],
    out: &Path,
) -> Result<()> {
    let shown = first(test, 32);
    let ArrayData::U8(pixels) = &shown.column("x")?.data else { return Ok(()) };
    let originals: Vec<f32> = pixels.iter().map(|&b| f32::from(b) / 255.0).collect();
    let codes = evaluator.encode(&shown)?;
    let rebuilt = evaluator.decode_with(&codes, &shown)?;
    let rows = [("original", originals.as_slice()), ("reconstruction", &rebuilt)];
    ImageGrid::compare(8, shape, &rows)?.save(out.join("reconstructions.png"))?;
    let few = first(test, 8);
    let mut moments = Moments::new(few.len() * shape.iter().product::<usize>());
    let drawn = evaluator.map_draws(&few, DRAWS, |g, batch| Ok(vec![model.terms(g, batch, Mode::Eval)?.mean]))?;
    drawn.iter().try_for_each(|arrays| moments.add(arrays[0].as_f32()))?;
    let map =
        uncertainty_map(8, shape, Some(&originals[..moments.mean().len()]), &moments.mean(), &moments.deviation())?;
    map.save(out.join("uncertainty.png"))
}
