//! A recipe's run: trained and measured, its folder written and read again.
//!
//! The folder holds `recipe.toml` (resolved, defaults included), `data.json` (how its data became numbers), `metrics.jsonl`,
//! `model.safetensors`, pictures and `summary.json`.

mod baseline;
mod compress;
mod crossmodal;
mod figure;
mod pictures;
mod sample;
mod samplers;
mod scores;
mod strokes;
mod summary;
mod ways;
mod words;

use super::{DataRecord, Recipe, Splits};
use crate::data::Dataset;
use crate::device::{Device, Store};
use crate::error::{Error, Result};
use crate::train::{Config, Metrics, Progress, Source, Trainer, load, save};
use crate::vae::Model;
use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::time::Instant;
use summary::Measured;

pub use compress::Codec;
pub use figure::{Figure, FigureSpec, Metric};
pub use sample::Drawn;
pub use samplers::Sampler;
pub use scores::Scores;
pub use summary::Summary;

/// A recipe with its data and model on a device.
pub struct Run {
    recipe: Recipe,
    /// Of the data that it was, or will be, trained on.
    record: DataRecord,
    origin: String,
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
        if recipe.data.labels > 0 && !recipe.model.family().conditional() {
            let message = "data.labels: this model has no use for labels that only some examples have; leave it out";
            return Err(Error::Config(message.into()));
        }
        let model = recipe.model.build(&parts.train, recipe.data.binarize)?;
        recipe.figure.check(&recipe, model.as_ref(), &parts)?;
        let record = DataRecord::of(&parts, &recipe.data.set, folder, recipe.model.family().conditional())?;
        let origin = record.origin.clone();
        Self::with(recipe, record, origin, parts, device)
    }

    /// The run in the folder `run` that [`Run::train`] wrote, with the examples that it was trained on, or with those of `other`,
    /// which are then read in the same way and are all held out (unless they are the same, at another place). Its weights are
    /// read when they are used.
    ///
    /// # Errors
    /// Files that are missing or broken; data that do not fit the model.
    pub fn open(run: &Path, other: Option<&Path>, device: &Device) -> Result<Self> {
        let (recipe, record) = (Recipe::of_run(run)?, DataRecord::read(run)?);
        let (parts, others) = match other {
            Some(folder) => recipe.data.open_other(folder, &record)?,
            None => (recipe.data.open_again(&record)?, false),
        };
        let origin = match other.filter(|_| others) {
            Some(folder) => format!("{}: {} held out", folder.display(), parts.test.len()),
            None => record.origin.clone(),
        };
        let mut run = Self::with(recipe, record, origin, parts, device)?;
        if others {
            // They may lack what the run's figure needs.
            let figures = [run.recipe.figure.metric, Metric::Elbo, Metric::Mse];
            let figures = figures.map(|metric| FigureSpec { metric, ..run.recipe.figure });
            let check = |figure: &FigureSpec| figure.check(&run.recipe, run.model.as_ref(), &run.parts);
            run.recipe.figure = match figures.into_iter().find(|figure| check(figure).is_ok()) {
                Some(figure) => figure,
                None => return check(&figures[0]).map(|()| run),
            };
        }
        Ok(run)
    }

    fn with(recipe: Recipe, record: DataRecord, origin: String, parts: Splits, device: &Device) -> Result<Self> {
        let model = recipe.model.build(&parts.train, recipe.data.binarize)?;
        let source = Source::of(parts.train.clone(), device, 2);
        let mut config = recipe.train.config(source.len());
        if origin != record.origin {
            // Nothing is trained on these, however few they are.
            config.batch = config.batch.min(source.len());
        }
        let trainer = Trainer::new(device, model.as_ref(), &source, config)?;
        Ok(Self { recipe, record, origin, parts, model, device: device.clone(), trainer })
    }

    /// Measures the kernel variants of a training on the device, and keeps the fastest for every later run on it
    /// ([`Trainer::tune`]). `say` is told of each as it is done.
    ///
    /// # Errors
    /// As [`Run::new`] and [`Trainer::tune`].
    pub fn tune(recipe: &Recipe, folder: Option<&Path>, device: &Device, say: &mut dyn FnMut(&str)) -> Result<()> {
        let train = recipe.data.open(folder)?.train;
        let model = recipe.model.build(&train, recipe.data.binarize)?;
        let source = Source::of(train, device, 2);
        let config = recipe.train.config(source.len());
        Trainer::tune(device, model.as_ref(), &source, config, say).map(drop)
    }
    /// Where the examples come from, and how many there are.
    pub fn origin(&self) -> &str {
        &self.origin
    }
    /// The trainer.
    pub fn trainer(&mut self) -> &mut Trainer {
        &mut self.trainer
    }

    /// Trains to the end and writes the folder `out`. Weights are kept at each validation, with all that is needed to use them;
    /// until the first nothing of an earlier run in `out` is touched.
    ///
    /// # Errors
    /// Files that cannot be written; those of training, after which the weights are kept as they were before the step in question,
    /// if there has been a validation.
    pub fn train(&mut self, out: &Path, progress: &mut Progress) -> Result<Summary> {
        fs::create_dir_all(out).map_err(|e| Error::file(out, e))?;
        let baseline = self.baseline(progress)?;
        let [records, whole] = ["metrics.jsonl.part", "metrics.jsonl"].map(|name| out.join(name));
        let mut metrics = Metrics::to_file(&records)?;
        let start = Instant::now();
        let kept = Cell::new(false);
        let keep = |store: &Store| {
            kept.set(true);
            keep(&self.recipe, &self.record, store, out)
        };
        let trained = self.trainer.run_keeping(Some(&self.parts.valid), &mut metrics, progress, &keep);
        let seconds = start.elapsed().as_secs_f64();
        if trained.is_ok() || kept.get() {
            keep(self.trainer.store())?;
            fs::rename(&records, &whole).map_err(|e| Error::file(&whole, e))?;
        }
        trained?;
        pictures::curves(&metrics, out)?;
        self.summarize(out, baseline, seconds)
    }

    /// Reads the weights of the folder `run` that [`Run::train`] wrote, measures again and writes summary and pictures to `out`.
    /// What the figure is held against stays what it was.
    ///
    /// # Errors
    /// Weights that are missing or of another model.
    pub fn evaluate(&mut self, run: &Path, out: &Path) -> Result<Summary> {
        fs::create_dir_all(out).map_err(|e| Error::file(out, e))?;
        let known = Measured::read(run, self.recipe.figure.metric.name());
        let baseline = match known.baseline {
            Some((value, what)) if self.origin != self.record.origin => (value, what + ", on the data of the run"),
            Some(baseline) => baseline,
            None => self.baseline(&mut Progress::hidden(0))?, // before the weights are read: it may be of none
        };
        load(self.trainer.store(), run.join("model.safetensors"))?;
        self.summarize(out, baseline, known.seconds)
    }

    fn baseline(&mut self, progress: &mut Progress) -> Result<(f64, String)> {
        let (figure, recipe) = (self.recipe.figure, &self.recipe);
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
        let untrained = || Ok(figure.measure(recipe, model, evaluator, &self.parts)?.value);
        let (value, against) = figure.baseline(recipe, &self.parts, untrained, train)?;
        Ok((value, against.into()))
    }

    fn summarize(&mut self, out: &Path, (baseline, against): (f64, String), seconds: f64) -> Result<Summary> {
        let (config, parameters) = (self.trainer.config().clone(), self.trainer.parameter_count());
        let evaluator = self.trainer.evaluator();
        let figure = self.recipe.figure.measure(&self.recipe, self.model.as_ref(), evaluator, &self.parts)?;
        let figure = Figure { baseline, against, ..figure };
        let test = &self.parts.test;
        let bound = evaluator.figures(test, config.seed)?;
        let (codes, sigma) = evaluator.posterior(test)?;
        let summary = Summary {
            about: self.recipe.about.clone(),
            data: self.origin.clone(),
            example: test.example("x").map_or_else(|_| vec![], |shape| shape.dims().to_vec()),
            device: self.device.to_string(),
            steps: config.steps,
            seconds,
            parameters,
            figure,
            ..Summary::of_codes(
                (&self.recipe, self.model.as_ref(), config.steps),
                test,
                &bound,
                (&codes, sigma.is_some()),
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

/// Writes the weights into `out`, and beside them the recipe and the data's record that go with them; what an earlier run said of
/// its own goes.
fn keep(recipe: &Recipe, record: &DataRecord, store: &Store, out: &Path) -> Result<()> {
    let old = ["summary.json", "metrics.jsonl"].map(|name| out.join(name));
    old.iter()
        .filter(|file| file.exists())
        .try_for_each(|file| fs::remove_file(file).map_err(|e| Error::file(file, e)))?;
    save(store, out.join("model.safetensors"))?;
    let file = out.join("recipe.toml");
    fs::write(&file, recipe.to_toml()?).map_err(|e| Error::file(&file, e))?;
    record.write(out)
}
