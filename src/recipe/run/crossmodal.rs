//! One modality by another: what each says alone, how well partners are found by it, and what it makes of the other.

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::eval::{mutual_evidence, recall_by};
use crate::nn::Mode;
use crate::report::ImageGrid;
use crate::tensor::{Array, ArrayData};
use crate::train::Evaluator;
use crate::vae::Model;
use std::path::Path;

/// Among how many the partner is looked for.
pub const GALLERY: usize = 100;

/// The test examples as the modality `column` alone says them: all others are missing.
fn alone(set: &Dataset, modalities: &[&str], column: &str) -> Result<Dataset> {
    let mut others = modalities.iter().filter(|other| **other != column);
    others.try_fold(set.clone(), |set, other| {
        let missing = Array::f32([set.len()], vec![0.0; set.len()])?;
        set.with(&format!("has_{other}"), missing)
    })
}

/// μ and σ of what one modality says of each example, [N, L] each.
fn posterior(model: &dyn Model, evaluator: &Evaluator, set: &Dataset) -> Result<[Vec<f32>; 2]> {
    let point = || Error::Config("retrieval compares Gaussian posteriors, and the model has none".into());
    let found = evaluator.map(set, 0, |g, batch| {
        let latent = model.terms(g, batch, Mode::Eval)?.latent;
        Ok(vec![latent.mu, latent.q.ok_or_else(point)?.logvar])
    })?;
    let sigma = found[1].as_f32().iter().map(|logvar| (0.5 * logvar).exp()).collect();
    Ok([found[0].as_f32().to_vec(), sigma])
}

/// Recall@1 of finding the partner of an example among [`GALLERY`] others by [`mutual_evidence`], the mean over both ways of
/// each pair of modalities and over the galleries that `test` fills.
///
/// # Errors
/// A model of one modality; device errors.
pub fn retrieval(model: &dyn Model, evaluator: &Evaluator, test: &Dataset) -> Result<f64> {
    let (modalities, latent, size) = (model.modalities(), model.latent(), test.len().min(GALLERY));
    if modalities.len() < 2 {
        return Err(Error::Config("retrieval takes a model of at least two modalities".into()));
    }
    let codes = modalities.iter().map(|column| posterior(model, evaluator, &alone(test, &modalities, column)?));
    let codes = codes.collect::<Result<Vec<_>>>()?;
    let mut recalls = vec![];
    for (a, from) in codes.iter().enumerate() {
        for to in codes.iter().enumerate().filter(|&(b, _)| b != a).map(|(_, to)| to) {
            for start in (0..=test.len() - size).step_by(size) {
                let row = |[mu, sigma]: &[Vec<f32>; 2], i: usize| {
                    let range = (start + i) * latent..(start + i + 1) * latent;
                    (mu[range.clone()].to_vec(), sigma[range].to_vec())
                };
                let rows = |codes| (0..size).map(|i| row(codes, i)).collect::<Vec<_>>();
                let (queries, gallery) = (rows(from), rows(to));
                recalls.push(recall_by(size, 1, |i, j| {
                    let (query, other) = (&queries[i], &gallery[j]);
                    mutual_evidence((&query.0, &query.1), (&other.0, &other.1))
                })?);
            }
        }
    }
    Ok(recalls.iter().sum::<f64>() / recalls.len() as f64)
}

/// What can be seen of a modality: its numbers as pictures of one shape, all channels after each other.
struct Seen {
    shape: [usize; 3],
    pixels: Vec<f32>,
}

/// `None` for what is no picture. Of [T, F] time goes right and frequency up.
fn seen(dims: &[usize], numbers: &[f32]) -> Option<Seen> {
    let (shape, pixels) = match *dims {
        [time, bands] => {
            let up = |i: usize| {
                let (start, row, column) = (i - i % (time * bands), i % (time * bands) / time, i % time);
                numbers[start + column * bands + bands - 1 - row]
            };
            ([bands, time, 1], (0..numbers.len()).map(up).collect())
        }
        [height, width, channels @ (1 | 3)] => ([height, width, channels], numbers.to_vec()),
        [height, width, channels] => {
            let area = height * width;
            let apart = |i: usize| {
                let (start, channel, pixel) = (i - i % (area * channels), i % (area * channels) / area, i % area);
                numbers[start + pixel * channels + channel]
            };
            ([height, width, 1], (0..numbers.len()).map(apart).collect())
        }
        _ => return None,
    };
    Some(Seen { shape, pixels })
}

/// Each modality that is pictures as each other one says it, under the truth: `A_from_B.png`.
pub fn pictures(model: &dyn Model, evaluator: &Evaluator, test: &Dataset, out: &Path) -> Result<()> {
    let modalities = model.modalities();
    let shown = test.subset(&(0..16.min(test.len())).collect::<Vec<_>>());
    for from in &modalities {
        let set = alone(&shown, &modalities, from)?;
        let said = evaluator.map(&set, 0, |g, batch| {
            let code = model.terms(g, batch, Mode::Eval)?.latent.mu;
            Ok(vec![model.decode(g, code, batch)?])
        })?;
        let width = said[0].shape.last();
        let mut start = 0;
        for to in &modalities {
            let example = shown.example(to)?;
            let own = start..start + example.len();
            start = own.end;
            if to == from {
                continue;
            }
            let truth: Vec<f32> = match &shown.column(to)?.data {
                ArrayData::F32(x) => x.clone(),
                ArrayData::U8(x) => x.iter().map(|&b| f32::from(b) / 255.0).collect(),
                ArrayData::U32(_) => continue,
            };
            let made: Vec<f32> =
                said[0].as_f32().chunks_exact(width).flat_map(|row| &row[own.clone()]).copied().collect();
            let bounds = truth.iter().fold((f32::MAX, f32::MIN), |(low, high), &x| (low.min(x), high.max(x)));
            let grey = |x: Vec<f32>| -> Vec<f32> {
                x.into_iter().map(|x| ((x - bounds.0) / (bounds.1 - bounds.0).max(1e-6)).clamp(0.0, 1.0)).collect()
            };
            let (Some(truth), Some(made)) = (seen(example.dims(), &grey(truth)), seen(example.dims(), &grey(made)))
            else {
                continue;
            };
            let most = 32 * truth.shape.iter().product::<usize>();
            let first = |x: &Seen| x.pixels[..x.pixels.len().min(most)].to_vec();
            let (truth_rows, made_rows, caption) = (first(&truth), first(&made), format!("from {from}"));
            let rows = [(*to, truth_rows.as_slice()), (caption.as_str(), made_rows.as_slice())];
            ImageGrid::compare(8, truth.shape, &rows)?.save(out.join(format!("{to}_from_{from}.png")))?;
        }
    }
    Ok(())
}
