//! A recipe's run: trained and measured, its folder written and read again.
//!
//! The folder holds `recipe.toml` (resolved, defaults included), `metrics.jsonl`, `model.safetensors`, pictures and
//! `summary.json`.

mod compress;
mod crossmodal;
mod figure;
mod independent;
mod pictures;
mod samplers;
mod scores;
mod strokes;
mod summary;
mod ways;
mod words;

use super::{Recipe, Splits};
use crate::data::{Dataset, write_npy};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::report::ImageGrid;
use crate::tensor::Array;
use crate::train::{Config, Metrics, Progress, Source, Trainer, load, save};
use crate::vae::Model;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use summary::Measured;

pub use compress::Codec;
pub use figure::{Figure, FigureSpec, Metric};
pub use samplers::Sampler;
pub use scores::Scores;
pub use summary::Summary;

/// Samples in a picture.
const SHOWN: usize = 256;

/// A recipe with its data and model on a device.
pub struct Run {
    recipe: Recipe,
    origin: String,
    folder: Option<PathBuf>,
    parts: Splits,
    model: Box<dyn Model>,
    device: Device,
    trainer: Trainer,
}

impl Run {
    /// Reads or draws the examples, from `folder` where one is given, and builds the model on `device`.
    ///
    /// # Errors
    /// Data that are missing or broken, parts that do not fit together, too little memory.
    pub fn new(recipe: Recipe, folder: Option<&Path>, device: &Device) -> Result<Self> {
        let parts = recipe.data.open(folder)?;
        let model = recipe.model.build(&parts.train, recipe.data.binarize)?;
        recipe.figure.check(model.as_ref(), &parts)?;
        let source = Source::of(parts.train.clone(), device, 2);
        let trainer = Trainer::new(device, model.as_ref(), &source, recipe.train.config(parts.train.len()))?;
        let place =
            folder.map_or_else(|| format!("embedded {}", recipe.data.set), |folder| folder.display().to_string());
        let origin = format!("{place}: {} to train on, {} held out", parts.train.len(), parts.test.len());
        let folder = folder.map(|folder| fs::canonicalize(folder).unwrap_or_else(|_| folder.into()));
        Ok(Self { recipe, origin, folder, parts, model, device: device.clone(), trainer })
    }
    /// Measures the kernel variants of a training on the device, and keeps the fastest for every later run on it
    /// ([`Trainer::tune`]). `say` is told of each as it is done.
    ///
    /// # Errors
    /// As [`Run::new`] and [`Trainer::tune`].
    pub fn tune(recipe: &Recipe, folder: Option<&Path>, device: &Device, say: &mut dyn FnMut(&str)) -> Result<()> {
        let train = recipe.data.open(folder)?.train;
        let model = recipe.model.build(&train, recipe.data.binarize)?;
        let config = recipe.train.config(train.len());
        Trainer::tune(device, model.as_ref(), &Source::of(train, device, 2), config, say).map(drop)
    }
    /// Where the examples come from, and how many there are.
    pub fn origin(&self) -> &str {
        &self.origin
    }
    /// The trainer.
    pub fn trainer(&mut self) -> &mut Trainer {
        &mut self.trainer
    }

    /// Trains to the end and writes the folder `out`.
    ///
    /// # Errors
    /// Files that cannot be written; those of training.
    pub fn train(&mut self, out: &Path, progress: &mut Progress) -> Result<Summary> {
        fs::create_dir_all(out).map_err(|e| Error::file(out, e))?;
        let baseline = self.baseline(progress)?;
        let mut metrics = Metrics::to_file(out.join("metrics.jsonl"))?;
        let start = Instant::now();
        self.trainer.run(Some(&self.parts.valid), &mut metrics, progress)?;
        let seconds = start.elapsed().as_secs_f64();
        // The recipe goes beside the weights that it made, never beside those of another run.
        save(self.trainer.store(), out.join("model.safetensors"))?;
        let file = out.join("recipe.toml");
        fs::write(&file, self.recipe.to_toml()?).map_err(|e| Error::file(&file, e))?;
        pictures::curves(&metrics, out)?;
        self.summarize(out, baseline, seconds)
    }

    /// Reads the weights of the folder `run` that [`Run::train`] wrote, measures again and writes summary and pictures to `out`.
    /// Where the figure and the data are those of the run, what it is held against stays what it was.
    ///
    /// # Errors
    /// Weights that are missing or of another model.
    pub fn evaluate(&mut self, run: &Path, out: &Path) -> Result<Summary> {
        fs::create_dir_all(out).map_err(|e| Error::file(out, e))?;
        let known = Measured::read(run, self.recipe.figure.metric.name(), &self.origin);
        let baseline = match known.baseline {
            Some(baseline) => baseline,
            None => self.baseline(&mut Progress::hidden(0))?, // before the weights are read: it may be of none
        };
        load(self.trainer.store(), run.join("model.safetensors"))?;
        self.summarize(out, baseline, known.seconds)
    }

    /// Reads the weights of the folder `run` and writes what the model makes of the held-out examples: `mu.npy`, μ [N, L], and
    /// `bounds.csv`, −ln p(x|z) and KL of each in nats, whose sum says how strange it is.
    ///
    /// # Errors
    /// Weights that are missing or of another model; files that cannot be written.
    pub fn encode(&mut self, run: &Path, out: &Path) -> Result<[PathBuf; 2]> {
        load(self.trainer.store(), run.join("model.safetensors"))?;
        fs::create_dir_all(out).map_err(|e| Error::file(out, e))?;
        let (test, seed) = (&self.parts.test, self.trainer.config().seed);
        let evaluator = self.trainer.evaluator();
        let files = ["mu.npy", "bounds.csv"].map(|name| out.join(name));
        write_npy(&files[0], &Array::f32([test.len(), evaluator.latent()], evaluator.encode(test)?)?)?;
        let mut table = String::from("reconstruction,kl\n");
        for bound in evaluator.bounds(test, seed)? {
            table += &format!("{},{}\n", bound.reconstruction, bound.kl.iter().sum::<f32>());
        }
        fs::write(&files[1], table).map_err(|e| Error::file(&files[1], e))?;
        Ok(files)
    }

    /// Reads the weights of the folder `run`, draws `count` codes by `sampler` and decodes them: `samples-NAME.npy` in `out`,
    /// [count, …], and beside it a picture of the first where examples are images, the sentences where they are tokens.
    ///
    /// # Errors
    /// Weights that are missing or of another model; a model without a prior; files that cannot be written.
    pub fn sample(
        &mut self,
        run: &Path,
        sampler: Sampler,
        count: usize,
        seed: u64,
        out: &Path,
    ) -> Result<Vec<PathBuf>> {
        load(self.trainer.store(), run.join("model.safetensors"))?;
        let test = &self.parts.test;
        let like = test.subset(&(0..count).map(|i| i % test.len()).collect::<Vec<_>>());
        let evaluator = self.trainer.evaluator();
        let codes = sampler.codes(&self.device, evaluator, &self.parts.train, &like, seed)?;
        let decoded = evaluator.decode_with(&codes, &like)?;
        let dims = match test.example("x") {
            Ok(shape) if count * shape.len() == decoded.len() => [&[count], shape.dims()].concat(),
            _ => vec![count, decoded.len() / count.max(1)],
        };
        let decoded = Array::f32(dims, decoded)?;
        let mut files = vec![out.join(format!("samples-{}.npy", sampler.name()))];
        fs::create_dir_all(out).map_err(|e| Error::file(out, e))?;
        write_npy(&files[0], &decoded)?;
        if let Some(shape) = pictures::image(test) {
            let shown = &decoded.as_f32()[..count.min(SHOWN) * shape.iter().product::<usize>()];
            files.push(files[0].with_extension("png"));
            let title = format!("samples by {}", sampler.name());
            ImageGrid::new(8, shape[0], shape[1], shape[2])?.images(shown)?.title(title).save(&files[1])?;
        }
        if !test.vocabulary.is_empty() {
            files.push(files[0].with_extension("txt"));
            words::write(decoded.as_f32(), test, &files[1])?;
        }
        Ok(files)
    }

    fn baseline(&mut self, progress: &mut Progress) -> Result<(f64, String)> {
        let (figure, spec) = (self.recipe.figure, &self.recipe.model);
        let model = self.model.as_ref();
        let config = self.trainer.config().clone();
        let train = |model: &dyn Model, set: &Dataset| {
            progress.note("training what the figure is held against");
            let source = Source::of(set.clone(), &self.device, 2);
            // Groups are the model's: a plain one has no such parameters.
            let config = Config { batch: config.batch.min(source.len()), groups: vec![], ..config.clone() };
            let mut progress = Progress::hidden(config.steps);
            let mut trainer = Trainer::new(&self.device, model, &source, config)?;
            trainer.run(None, &mut Metrics::default(), &mut progress)?;
            Ok(trainer)
        };
        let evaluator = self.trainer.evaluator();
        let untrained = || Ok(figure.measure(spec, model, evaluator, &self.parts)?.0);
        let (value, against) = figure.baseline(&self.recipe, &self.parts, untrained, train)?;
        Ok((value, against.into()))
    }

    fn summarize(&mut self, out: &Path, (baseline, against): (f64, String), seconds: f64) -> Result<Summary> {
        let (config, parameters) = (self.trainer.config().clone(), self.trainer.parameter_count());
        let evaluator = self.trainer.evaluator();
        let figure = &self.recipe.figure;
        let (value, standard_error) =
            figure.measure(&self.recipe.model, self.model.as_ref(), evaluator, &self.parts)?;
        let figure = Figure { metric: figure.metric.name(), value, standard_error, baseline, against };
        let test = &self.parts.test;
        let bound = evaluator.figures(test, config.seed)?;
        let (codes, sigma) = evaluator.posterior(test)?;
        let summary = Summary {
            about: self.recipe.about.clone(),
            data: self.origin.clone(),
            folder: self.folder.clone(),
            example: test.example("x").map_or_else(|_| vec![], |shape| shape.dims().to_vec()),
            device: self.device.to_string(),
            steps: config.steps,
            seconds,
            parameters,
            figure,
            ..Summary::of_codes(
                (&self.recipe, config.steps),
                test,
                &bound,
                &codes,
                (evaluator.latent(), sigma.is_some()),
            )?
        };
        pictures::draw(evaluator, &self.parts, self.model.as_ref(), &bound.kl_dims, config.seed, out)?;
        crossmodal::pictures(self.model.as_ref(), evaluator, test, out)?;
        let file = out.join("summary.json");
        let text = serde_json::to_string_pretty(&summary).map_err(|e| Error::file(&file, e))?;
        fs::write(&file, text + "\n").map_err(|e| Error::file(&file, e))?;
        Ok(summary)
    }
}
