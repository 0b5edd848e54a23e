//! Faces to train and to evaluate on.

use crate::args::Args;
use std::sync::Arc;
use wavae::data::{CelebA, CelebAOptions, ImageSet, Split, synthetic_faces};
use wavae::train::Source;
use wavae::{Device, Error, Result};

/// Image side, pixels.
pub const SIZE: usize = 64;
/// Synthetic faces where --images does not say.
const SYNTHETIC: usize = 10_000;
/// Most images of each held-out split that figures are computed on.
const HELD_OUT: usize = 2000;
/// Training images whose codes the probe and the smile vector are fitted on.
const PROBE: usize = 4000;

/// Where training batches come from, and three sets in memory.
pub struct Faces {
    /// Training batches.
    pub source: Source,
    /// Part of the training images, for the probe and the smile vector.
    pub probe: ImageSet,
    /// For validation during training.
    pub valid: ImageSet,
    /// For the final figures and pictures.
    pub test: ImageSet,
    /// Where they come from, in words.
    pub origin: String,
    /// The files behind --data.
    pub files: Option<Arc<CelebA>>,
}

/// Opens --data, or draws synthetic faces.
pub fn open(args: &Args, device: &Device) -> Result<Faces> {
    let workers = args.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
    match &args.data {
        Some(root) => {
            let mut options = CelebAOptions::new(root);
            options.size = SIZE;
            options.workers = workers;
            options.limit = args.images;
            options.skip_bad = args.skip_bad;
            let celeba = CelebA::open(options)?;
            let train = celeba.indices(Split::Train);
            let origin = format!("{} images of {}, {} for training", celeba.len(), root.display(), train.len());
            let probe = celeba.load_split(Split::Train, 0..PROBE.min(train.len()))?;
            let held_out = |split| celeba.load_split(split, 0..HELD_OUT.min(celeba.indices(split).len()));
            let (valid, test) = (held_out(Split::Valid)?, held_out(Split::Test)?);
            enough(celeba.len(), &probe, &valid, &test)?;
            let files = Arc::new(celeba);
            let source = Source::Stream { examples: files.clone(), indices: train, workers };
            Ok(Faces { source, probe, valid, test, origin, files: Some(files) })
        }
        None => {
            let all = synthetic_faces(args.images.unwrap_or(SYNTHETIC), SIZE, args.seed)?;
            let train = all.subset(&all.indices(Split::Train));
            let origin = format!("{} synthetic faces, {} for training", all.len(), train.len());
            let probe = train.subset(&(0..PROBE.min(train.len())).collect::<Vec<_>>());
            let held_out = |split| all.subset(&all.indices(split).into_iter().take(HELD_OUT).collect::<Vec<_>>());
            let (valid, test) = (held_out(Split::Valid), held_out(Split::Test));
            enough(all.len(), &probe, &valid, &test)?;
            Ok(Faces { source: Source::of(train, device, workers), probe, valid, test, origin, files: None })
        }
    }
}

/// Refuses to train where the figures afterwards could not be computed: nothing held out, or no smiles to learn from.
fn enough(count: usize, probe: &ImageSet, valid: &ImageSet, test: &ImageSet) -> Result<()> {
    if valid.is_empty() || test.is_empty() {
        let message = format!("{count} faces are too few to hold some out for validation and test; give more --images");
        return Err(Error::Config(message));
    }
    let smiling = probe.attribute("Smiling")?;
    if !(smiling.contains(&1) && smiling.contains(&-1)) {
        let message = "the smile vector needs training faces that smile (1) and that do not (-1); give more --images";
        return Err(Error::Config(message.into()));
    }
    Ok(())
}
