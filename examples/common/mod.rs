//! What the examples have in common: opening the device, training with everything written down, the summary, and the
//! pictures that every model gets. No model and no data set lives here.

pub mod pictures;

use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use wavae::data::ImageSet;
use wavae::eval::{active_units, mean_squared_error};
use wavae::train::{self, Config, Figures, Metrics, Progress, Source, Trainer};
use wavae::vae::Vae;
use wavae::{Device, Error, Result};

/// `println!` to whoever still listens: a reader that has gone (`| head`) must not end the training.
macro_rules! say {
    ($($arg:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($arg)*); // see above
    }};
}
pub(crate) use say;

/// A number on the command line that is finite and not negative.
pub fn not_negative(text: &str) -> Result<f32, String> {
    let number: f32 = text.parse().map_err(|_| "not a number".to_string())?;
    if number.is_finite() && number >= 0.0 { Ok(number) } else { Err("give a finite number, 0 or more".into()) }
}

/// The exit status of an example; an error goes to stderr as one line.
pub fn exit(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Opens the device that `request` names and says which it is.
pub fn open(request: &str) -> Result<Device> {
    let device = Device::open(request)?;
    say!("device: {device}");
    if let Some(remark) = device.remark(request) {
        say!("        {remark}");
    }
    Ok(device)
}

/// A trainer; with `tune` the kernel variants are measured on this device first, and the fastest are kept for later runs.
pub fn trainer(device: &Device, vae: &Vae, source: &Source, config: Config, tune: bool) -> Result<Trainer> {
    if tune {
        say!("tuning: every kernel variant is measured on this device");
        let report = Trainer::tune(device, vae, source, config.clone(), &mut |line| say!("  {line}"))?;
        say!("{report}");
    }
    Trainer::new(device, vae, source, config)
}

/// How long to train.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Steps.
    pub steps: u64,
    /// Images a step.
    pub batch: usize,
    /// Steps in which every image is seen once.
    pub per_epoch: u64,
}

impl Length {
    /// `epochs` passes over `images` images where given, else `steps` steps.
    pub fn new(steps: u64, epochs: Option<u64>, images: usize, batch: usize) -> Self {
        let per_epoch = (images / batch.max(1)).max(1) as u64;
        Self { steps: epochs.map_or(steps, |epochs| epochs.saturating_mul(per_epoch)), batch, per_epoch }
    }
}

/// Trains to the end, from the weights `load` where given. It leaves `metrics.jsonl` and `model.safetensors` in `out` and
/// returns the records and the seconds taken.
pub fn train(
    trainer: &mut Trainer,
    valid: &ImageSet,
    length: Length,
    load: Option<&Path>,
    out: &Path,
) -> Result<(Metrics, f64)> {
    if let Some(path) = load {
        train::load(trainer.store(), path)?;
        say!("weights: {}", path.display());
    }
    let Length { steps, batch, per_epoch } = length;
    say!("model: {} parameters\n{}", trainer.parameter_count(), trainer.plan());
    say!("training: {steps} steps of {batch} images, {:.1} epochs", steps as f64 / per_epoch as f64);
    let mut metrics = Metrics::to_file(out.join("metrics.jsonl"))?;
    let mut progress = Progress::new(steps, batch);
    let start = Instant::now();
    trainer.run(Some(valid), &mut metrics, &mut progress)?;
    let seconds = start.elapsed().as_secs_f64();
    train::save(trainer.store(), out.join("model.safetensors"))?;
    say!("trained in {seconds:.0} s");
    Ok((metrics, seconds))
}

/// The part of `summary.json` that every example has. Likelihoods are nats per image on held-out images, errors are per
/// pixel and channel in [0, 1].
#[derive(Debug, Serialize)]
pub struct Run {
    /// The device.
    pub device: String,
    /// Where the images come from.
    pub data: String,
    /// Seconds of training.
    pub seconds: f64,
    /// Steps done.
    pub steps: u64,
    /// Images a step.
    pub batch: usize,
    /// Trainable numbers.
    pub parameters: usize,
    /// Latent dimensions.
    pub latent: usize,
    /// The evidence lower bound.
    pub elbo: f64,
    /// −ln p(x|z).
    pub reconstruction: f64,
    /// KL(q(z|x) ‖ p(z)).
    pub kl: f64,
    /// Its parts by latent dimension.
    pub kl_dimensions: Vec<f64>,
    /// Latent dimensions that are used.
    pub active_units: usize,
    /// Squared error of E[x|z = μ].
    pub mse: f64,
}

impl Run {
    /// The figures of `trainer`'s model on `test`, whose codes μ are `codes` [N, L].
    pub fn new(
        trainer: &mut Trainer,
        test: &ImageSet,
        codes: &[f32],
        length: Length,
        (device, data, seconds): (&Device, &str, f64),
    ) -> Result<Self> {
        let Figures { elbo, reconstruction, kl, kl_dims } = trainer.validate(test)?;
        let latent = trainer.evaluator().latent();
        Ok(Self {
            device: device.to_string(),
            data: data.to_string(),
            seconds,
            steps: trainer.step(),
            batch: length.batch,
            parameters: trainer.parameter_count(),
            latent,
            elbo,
            reconstruction,
            kl,
            kl_dimensions: kl_dims,
            active_units: active_units(codes, latent),
            mse: mean_squared_error(&trainer.evaluator().decode(codes)?, &test.pixels),
        })
    }

    /// Prints the figures beside `mean_error`, the error of always answering with the mean image.
    pub fn print(&self, mean_error: f64) {
        let Self { elbo, reconstruction, kl, active_units, latent, mse, .. } = self;
        say!("held out: ELBO {elbo:.1}, reconstruction {reconstruction:.1}, KL {kl:.1} nats/image");
        say!("          {active_units} of {latent} latent dimensions active");
        say!("          squared error {mse:.5}, of the mean image {mean_error:.5} ({:.1} times)", mean_error / mse);
    }
}

/// Squared error on `test` of always answering with the mean image of `train`, per pixel and channel in [0, 1].
pub fn mean_image_error(train: &ImageSet, test: &ImageSet) -> f64 {
    let mean = train.mean_image(&(0..train.len()).collect::<Vec<_>>());
    let mean: Vec<f32> = mean.iter().map(|x| x / 255.0).collect();
    let errors = (0..test.len()).map(|i| mean_squared_error(&mean, test.image(i)));
    errors.sum::<f64>() / test.len().max(1) as f64
}

/// Writes `summary.json`.
pub fn write_summary(summary: &impl Serialize, out: &Path) -> Result<()> {
    let path = out.join("summary.json");
    let json = serde_json::to_string_pretty(summary).map_err(|e| Error::file(&path, e))?;
    std::fs::write(&path, json + "\n").map_err(|e| Error::file(&path, e))?;
    say!("pictures, weights and summary.json are in {}", out.display());
    Ok(())
}
