//! Pictures that say something of any model of images.

use std::path::Path;
use wavae::Result;
use wavae::data::ImageSet;
use wavae::eval::{GaussianMixture, MixtureFit};
use wavae::report::{BarChart, ImageGrid, LinePlot};
use wavae::rng::{Philox, normal};
use wavae::train::{Evaluator, Metrics, Record};

/// An empty grid for images like those of `set`.
pub fn grid(columns: usize, set: &ImageSet) -> Result<ImageGrid> {
    ImageGrid::new(columns, set.height, set.width, set.channels)
}

/// The first images of `set`, at most `count`.
pub fn first(set: &ImageSet, count: usize) -> ImageSet {
    set.subset(&(0..count.min(set.len())).collect::<Vec<_>>())
}

/// Images of codes from the prior, and of codes from Gaussians fitted to the codes of `known` images: what is learned seldom fills
/// the prior, and such a sampler keeps to where it is (Ghosh 2020, "From variational to deterministic autoencoders").
pub fn samples(evaluator: &mut Evaluator, known: &ImageSet, seed: u64, out: &Path) -> Result<()> {
    let (mut rng, latent) = (Philox::new(seed, 0x5a17), evaluator.latent());
    let z: Vec<f32> = (0..64 * latent).map(|_| normal(&mut rng)).collect();
    let picture = |codes: &[f32], evaluator: &mut Evaluator| grid(8, known)?.images(&evaluator.decode(codes)?);
    picture(&z, evaluator)?.title("samples from the prior").save(out.join("samples.png"))?;
    // A covariance wants many times as many codes as it has dimensions.
    let components = (known.len() / (8 * latent)).min(10);
    if components == 0 {
        return Ok(());
    }
    let codes = evaluator.encode(known)?;
    let mixture = GaussianMixture::fit(&codes, latent, &MixtureFit { components, seed, ..MixtureFit::default() })?;
    let picture = picture(&mixture.sample(64, &mut rng), evaluator)?;
    picture.title("samples of a mixture fitted to the codes").save(out.join("samples_mixture.png"))
}

/// Held-out images above what the model makes of them.
pub fn reconstructions(evaluator: &mut Evaluator, test: &ImageSet, out: &Path) -> Result<()> {
    let shown = first(test, 32);
    let codes = evaluator.encode(&shown)?;
    let rebuilt = evaluator.decode(&codes)?;
    let originals: Vec<f32> = shown.pixels.iter().map(|&b| f32::from(b) / 255.0).collect();
    let rows = [("original", originals.as_slice()), ("reconstruction", &rebuilt)];
    ImageGrid::compare(8, [test.height, test.width, test.channels], &rows)?.save(out.join("reconstructions.png"))
}

/// −ELBO and KL against steps; KL of each latent dimension.
pub fn curves(metrics: &Metrics, kl_dims: &[f64], out: &Path) -> Result<()> {
    let curve = |name: &str, file: &str, figure: fn(&Record) -> f32| {
        let kinds = ["train", "valid"].map(|kind| (kind, metrics.series(kind, figure)));
        let plot = LinePlot::new(name).x("step").y("nats per image").robust();
        kinds.iter().fold(plot, |plot, (kind, points)| plot.series(*kind, points)).save(out.join(file))
    };
    curve("-ELBO", "loss.png", |r| r.reconstruction + r.kl)?;
    curve("KL", "kl.png", |r| r.kl)?;
    let chart = BarChart::new("KL of each latent dimension").y("nats").values("z", kl_dims).sorted();
    chart.save(out.join("kl_dimensions.png"))
}

/// Latent dimensions by falling KL.
pub fn by_kl(kl_dims: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..kl_dims.len()).collect();
    order.sort_by(|&a, &b| kl_dims[b].total_cmp(&kl_dims[a]));
    order
}
