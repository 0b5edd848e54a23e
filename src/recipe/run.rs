//! A recipe's run: trained and measured, its folder written and read again.
//!
//! The folder holds `recipe.toml` (resolved, defaults included), `metrics.jsonl`, `model.safetensors`, pictures and
//! `summary.json`.

use super::figure::Figure;
use super::scores::{Scores, scores};
use super::{Parts, Recipe, Sampler, crossmodal, pictures};
use crate::data::{Dataset, write_npy};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::eval::{Pressure, latent_usage, variance_of_means};
use crate::report::ImageGrid;
use crate::tensor::Array;
use crate::train::{Config, Metrics, Progress, Source, Trainer, load, save};
use crate::vae::Model;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What `summary.json` holds. Nats are per held-out example.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The recipe's line about itself.
    pub about: String,
    /// Where the examples come from.
    pub data: String,
    /// The shape of an example; empty where it is several modalities.
    pub example: Vec<usize>,
    /// What it ran on.
    pub device: String,
    /// Steps.
    pub steps: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// Trainable numbers.
    pub parameters: usize,
    /// The figure.
    #[serde(flatten)]
    pub figure: Figure,
    /// The bound.
    pub elbo: f64,
    /// −ln p(x|z).
    pub reconstruction: f64,
    /// KL(q(z|x) ‖ p(z)).
    pub kl: f64,
    /// Latent dimensions whose μ varies by more than 0.01 over the held-out examples.
    pub active_units: usize,
    /// What codes hold of the true factors, where these are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disentanglement: Option<Scores>,
    /// What is wrong with the latent, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// A recipe with its data and model on a device.
pub struct Run {
    recipe: Recipe,
    origin: String,
    parts: Parts,
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
        let source = Source::of(parts.train.clone(), device, 2)?;
        let trainer = Trainer::new(device, model.as_ref(), &source, recipe.train.config(parts.train.len()))?;
        let place =
            folder.map_or_else(|| format!("embedded {}", recipe.data.set), |folder| folder.display().to_string());
        let origin = format!("{place}: {} to train on, {} held out", parts.train.len(), parts.test.len());
        Ok(Self { recipe, origin, parts, model, device: device.clone(), trainer })
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
        let file = out.join("recipe.toml");
        fs::write(&file, self.recipe.to_toml()?).map_err(|e| Error::file(&file, e))?;
        let baseline = self.baseline()?;
        let mut metrics = Metrics::to_file(out.join("metrics.jsonl"))?;
        let start = Instant::now();
        self.trainer.run(Some(&self.parts.valid), &mut metrics, progress)?;
        let seconds = start.elapsed().as_secs_f64();
        save(self.trainer.store(), out.join("model.safetensors"))?;
        pictures::curves(&metrics, out)?;
        self.summarize(out, baseline, seconds)
    }

    /// Reads the weights of a folder that [`Run::train`] wrote, measures again and writes summary and pictures anew.
    ///
    /// # Errors
    /// Weights that are missing or of another model.
    pub fn evaluate(&mut self, out: &Path) -> Result<Summary> {
        let baseline = self.baseline()?;
        load(self.trainer.store(), out.join("model.safetensors"))?;
        let known = fs::read_to_string(out.join("summary.json")).ok();
        let known = known.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
        let seconds = known.and_then(|value| value.get("seconds")?.as_f64()).unwrap_or(0.0);
        self.summarize(out, baseline, seconds)
    }

    /// Reads the weights of the folder `run`, draws `count` codes by `sampler` and decodes them: `samples-NAME.npy` in `out`,
    /// [count, …], and a picture beside where examples are images.
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
        let mut files = vec![out.join(format!("samples-{}.npy", sampler.name()))];
        fs::create_dir_all(out).map_err(|e| Error::file(out, e))?;
        if let Some(shape) = pictures::image(test) {
            let grid = ImageGrid::new(8, shape[0], shape[1], shape[2])?.images(&decoded)?;
            files.push(files[0].with_extension("png"));
            grid.title(format!("samples by {}", sampler.name())).save(&files[1])?;
        }
        let dims = match test.example("x") {
            Ok(shape) if count * shape.len() == decoded.len() => [&[count], shape.dims()].concat(),
            _ => vec![count, decoded.len() / count.max(1)],
        };
        write_npy(&files[0], &Array::f32(dims, decoded)?)?;
        Ok(files)
    }

    fn baseline(&mut self) -> Result<(f64, &'static str)> {
        let (figure, spec) = (self.recipe.figure, &self.recipe.model);
        let model = self.model.as_ref();
        let config = self.trainer.config().clone();
        let train = |model: &dyn Model, set: &Dataset| {
            let source = Source::of(set.clone(), &self.device, 2)?;
            // Groups are the model's: a plain one has no such parameters.
            let config = Config { batch: config.batch.min(source.len()), groups: vec![], ..config.clone() };
            let mut progress = Progress::hidden(config.steps);
            let mut trainer = Trainer::new(&self.device, model, &source, config)?;
            trainer.run(None, &mut Metrics::default(), &mut progress)?;
            Ok(trainer)
        };
        let evaluator = self.trainer.evaluator();
        figure.baseline(&self.recipe, &self.parts, || figure.measure(spec, model, evaluator, &self.parts), train)
    }

    fn summarize(&mut self, out: &Path, (baseline, against): (f64, &'static str), seconds: f64) -> Result<Summary> {
        let (config, parameters) = (self.trainer.config().clone(), self.trainer.parameter_count());
        let test = &self.parts.test;
        let evaluator = self.trainer.evaluator();
        let value = self.recipe.figure.measure(&self.recipe.model, self.model.as_ref(), evaluator, &self.parts)?;
        let metric = self.recipe.figure.metric.name();
        let bound = evaluator.figures(test, config.seed)?;
        let (codes, sigma) = evaluator.posterior(test)?;
        let variance = variance_of_means(&codes, evaluator.latent());
        let pressure = Pressure { beta: config.beta.at(config.steps.saturating_sub(1)).into(), ..Pressure::default() };
        // A point, or a KL that does not fall apart, says nothing of dimensions.
        let usage = match sigma.is_some() && bound.kl_dims.len() == variance.len() {
            true => latent_usage(&bound.kl_dims, &variance, &pressure)?.warning,
            false => None,
        };
        let summary = Summary {
            about: self.recipe.about.clone(),
            data: self.origin.clone(),
            example: test.example("x").map_or_else(|_| vec![], |shape| shape.dims().to_vec()),
            device: self.device.to_string(),
            steps: config.steps,
            seconds,
            parameters,
            figure: Figure { metric, value, baseline, against },
            elbo: bound.elbo,
            reconstruction: bound.reconstruction,
            kl: bound.kl,
            active_units: variance.iter().filter(|v| **v > 0.01).count(),
            disentanglement: scores(test, &codes, evaluator.latent()),
            warning: usage,
        };
        pictures::draw(evaluator, &self.parts, self.model.as_ref(), &bound.kl_dims, config.seed, out)?;
        crossmodal::pictures(self.model.as_ref(), evaluator, &self.parts.test, out)?;
        let file = out.join("summary.json");
        let text = serde_json::to_string_pretty(&summary).map_err(|e| Error::file(&file, e))?;
        fs::write(&file, text + "\n").map_err(|e| Error::file(&file, e))?;
        Ok(summary)
    }
}
