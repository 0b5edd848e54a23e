//! Everything there is to look at.

use std::path::Path;
use wavae::Result;
use wavae::data::ImageSet;
use wavae::report::{BarChart, ImageGrid, LinePlot};
use wavae::rng::{Philox, normal};
use wavae::train::{Evaluator, Metrics, Record};

use crate::data::SIZE;

const IMAGE: [usize; 3] = [SIZE, SIZE, 3];

fn grid(columns: usize) -> Result<ImageGrid> {
    ImageGrid::new(columns, SIZE, SIZE, 3)
}

/// Faces drawn from the prior.
pub fn samples(evaluator: &mut Evaluator, seed: u64, out: &Path) -> Result<()> {
    let mut rng = Philox::new(seed, 0x5a17);
    let z: Vec<f32> = (0..64 * evaluator.latent()).map(|_| normal(&mut rng)).collect();
    grid(8)?.images(&evaluator.decode(&z)?)?.title("samples from the prior").save(out.join("samples.png"))
}

/// Held-out faces above what the model makes of them.
pub fn reconstructions(evaluator: &mut Evaluator, test: &ImageSet, out: &Path) -> Result<()> {
    let shown = first(test, 32);
    let codes = evaluator.encode(&shown)?;
    let rebuilt = evaluator.decode(&codes)?;
    let originals: Vec<f32> = shown.pixels.iter().map(|&b| f32::from(b) / 255.0).collect();
    let rows = [("original", originals.as_slice()), ("reconstruction", &rebuilt)];
    ImageGrid::compare(8, IMAGE, &rows)?.save(out.join("reconstructions.png"))
}

/// From one held-out face to another along a straight line in latent space.
pub fn interpolations(evaluator: &mut Evaluator, test: &ImageSet, out: &Path) -> Result<()> {
    const PAIRS: usize = 6;
    const STEPS: usize = 9;
    let shown = first(test, 2 * PAIRS);
    let latent = evaluator.latent();
    let codes = evaluator.encode(&shown)?;
    let mut z = vec![];
    for pair in codes.chunks_exact(2 * latent) {
        let (a, b) = pair.split_at(latent);
        for step in 0..STEPS {
            let t = step as f32 / (STEPS - 1) as f32;
            z.extend(a.iter().zip(b).map(|(a, b)| a + t * (b - a)));
        }
    }
    let images = evaluator.decode(&z)?;
    grid(STEPS)?.images(&images)?.title("interpolations between held-out faces").save(out.join("interpolations.png"))
}

/// One held-out face with the dimensions of the largest KL moved one at a time.
pub fn traversals(evaluator: &mut Evaluator, test: &ImageSet, kl_dims: &[f64], out: &Path) -> Result<()> {
    const STEPS: usize = 9;
    let latent = evaluator.latent();
    let code = evaluator.encode(&first(test, 1))?;
    let mut order: Vec<usize> = (0..latent).collect();
    order.sort_by(|&a, &b| kl_dims[b].total_cmp(&kl_dims[a]));
    order.truncate(10);
    let mut z = vec![];
    for &dimension in &order {
        for step in 0..STEPS {
            let mut row = code.clone();
            row[dimension] = -3.0 + 6.0 * step as f32 / (STEPS - 1) as f32;
            z.extend(row);
        }
    }
    let captions = order.iter().map(|&d| format!("z{d}  KL {:.2}", kl_dims[d]));
    let images = evaluator.decode(&z)?;
    grid(STEPS)?
        .images(&images)?
        .row_captions(captions)
        .title("traversals, z from -3 to 3")
        .save(out.join("traversals.png"))
}

/// Held-out faces that do not smile, and the same moved along the smile vector.
pub fn smiles(evaluator: &mut Evaluator, neutral: &ImageSet, vector: &[f32], strength: f32, out: &Path) -> Result<()> {
    const FACES: usize = 10;
    let shown = first(neutral, FACES);
    let codes = evaluator.encode(&shown)?;
    let mut picture = grid(shown.len())?.images_u8(&shown.pixels)?;
    let shares = [0.0, 0.5, 1.0];
    for share in shares {
        picture = picture.images(&evaluator.decode(&moved(&codes, vector, share * strength))?)?;
    }
    let captions = std::iter::once("original".to_string()).chain(shares.map(|s| format!("+{:.2} smile", s * strength)));
    picture.row_captions(captions).title("adding the smile vector").save(out.join("smile.png"))
}

/// Every code of `codes` moved by `strength` times `vector`.
pub fn moved(codes: &[f32], vector: &[f32], strength: f32) -> Vec<f32> {
    let rows = codes.chunks_exact(vector.len());
    rows.flat_map(|row| row.iter().zip(vector).map(move |(z, v)| z + strength * v)).collect()
}

/// ELBO, reconstruction and KL against steps; KL of each latent dimension.
pub fn curves(metrics: &Metrics, kl_dims: &[f64], out: &Path) -> Result<()> {
    let figures: [(&str, fn(&Record) -> f32); 2] = [("-ELBO", |r| -r.elbo), ("KL", |r| r.kl)];
    for (name, figure) in figures {
        let mut plot = LinePlot::new(name).x("step").y("nats per image").robust();
        for kind in ["train", "valid"] {
            plot = plot.series(kind, &metrics.series(kind, figure));
        }
        let file = if name == "KL" { "kl.png" } else { "loss.png" };
        plot.save(out.join(file))?;
    }
    let chart = BarChart::new("KL of each latent dimension").y("nats").values("z", kl_dims).sorted();
    chart.save(out.join("kl_dimensions.png"))
}

fn first(set: &ImageSet, count: usize) -> ImageSet {
    set.subset(&(0..count.min(set.len())).collect::<Vec<_>>())
}
