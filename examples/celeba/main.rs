//! `cargo run --release --example celeba`: a convolutional VAE on faces, from pixels to an added smile.

mod args;
mod data;
mod model;
mod pictures;

use args::Args;
use clap::Parser;
use data::{Faces, SIZE};
use serde::Serialize;
use std::process::ExitCode;
use std::time::Instant;
use wavae::data::ImageSet;
use wavae::eval::{LinearProbe, active_units, attribute_vector, mean_squared_error};
use wavae::train::{self, Beta, Config, Evaluator, Figures, Metrics, Progress, Rate, Trainer};
use wavae::{Device, Error, Result};

/// What `summary.json` holds; likelihoods are nats per image on held-out faces, errors are per pixel and channel in [0, 1].
#[derive(Debug, Serialize)]
struct Summary {
    device: String,
    data: String,
    seconds: f64,
    steps: u64,
    batch: usize,
    parameters: usize,
    elbo: f64,
    reconstruction: f64,
    kl: f64,
    kl_dimensions: Vec<f64>,
    active_units: usize,
    latent: usize,
    mse: f64,
    mse_mean_face: f64,
    smile_probe_accuracy: f64,
    smile_edit_success: f64,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let device = Device::open(&args.device)?;
    println!("device: {device}");
    if let Some(remark) = device.remark(&args.device) {
        println!("        {remark}");
    }
    let faces = data::open(args, &device)?;
    println!("data: {}", faces.origin);
    let (batch, latent) = (args.batch as usize, args.latent as usize);
    let per_epoch = (faces.source.len() / batch).max(1) as u64;
    let steps = args.epochs.map_or(args.steps, |epochs| epochs * per_epoch);
    let config = Config {
        steps,
        batch,
        seed: args.seed,
        rate: Rate { peak: args.lr, warmup: 20.min(steps), floor: 0.02 },
        beta: Beta::Linear { to: args.beta, steps: steps / 10 },
        clip: 1000.0,
        validate_every: (steps / 5).max(1),
        ..Config::default()
    };
    let vae = model::model(latent, args.sigma);
    let mut trainer = Trainer::new(&device, &vae, &faces.source, [SIZE, SIZE, 3], config)?;
    if let Some(path) = &args.load {
        train::load(trainer.store(), path)?;
        println!("weights: {}", path.display());
    }
    let parameters = trainer.parameter_count();
    println!("model: {parameters} parameters, latent {latent}\n{}", trainer.plan());
    println!("training: {steps} steps of {batch} images, {:.1} epochs", steps as f64 / per_epoch as f64);

    let mut metrics = Metrics::to_file(args.out.join("metrics.jsonl"))?;
    let mut progress = Progress::new(steps, batch);
    let start = Instant::now();
    trainer.run(Some(&faces.valid), &mut metrics, &mut progress)?;
    let seconds = start.elapsed().as_secs_f64();
    train::save(trainer.store(), args.out.join("model.safetensors"))?;

    let figures = trainer.validate(&faces.test)?;
    let evaluator = trainer.evaluator();
    let codes = evaluator.encode(&faces.test)?;
    let mse = mean_squared_error(&evaluator.decode(&codes)?, &faces.test.pixels);
    let smile = smile(evaluator, &faces, &codes, args)?;
    draw(evaluator, &faces, &metrics, &figures, args)?;
    let summary = Summary {
        device: device.to_string(),
        data: faces.origin.clone(),
        seconds,
        steps,
        batch,
        parameters,
        elbo: figures.elbo,
        reconstruction: figures.reconstruction,
        kl: figures.kl,
        active_units: active_units(&codes, latent),
        kl_dimensions: figures.kl_dims,
        latent,
        mse,
        mse_mean_face: mean_face_error(&faces),
        smile_probe_accuracy: smile.0,
        smile_edit_success: smile.1,
    };
    report(&summary, args)
}

/// Held-out accuracy of a probe for *smiling* on μ, and the share of held-out neutral faces that the probe sees smiling
/// after the smile vector was added, decoded and encoded again.
fn smile(evaluator: &mut Evaluator, faces: &Faces, test_codes: &[f32], args: &Args) -> Result<(f64, f64)> {
    let latent = evaluator.latent();
    let codes = evaluator.encode(&faces.probe)?;
    let labels = faces.probe.attribute("Smiling")?;
    let probe = LinearProbe::fit(&codes, latent, &labels)?;
    let vector = attribute_vector(&codes, latent, &labels)?;
    let accuracy = probe.accuracy(test_codes, latent, &faces.test.attribute("Smiling")?);
    let neutral = neutral(&faces.test)?;
    pictures::smiles(evaluator, &neutral, &vector, args.smile, &args.out)?;
    let neutral_codes = evaluator.encode(&neutral)?;
    let edited = evaluator.decode(&pictures::moved(&neutral_codes, &vector, args.smile))?;
    let bytes = edited.iter().map(|x| (x.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    let again = evaluator.encode(&ImageSet::new(SIZE, SIZE, 3, bytes)?)?;
    let smiling = again.chunks_exact(latent).filter(|row| probe.logit(row) > 0.0).count();
    Ok((accuracy, smiling as f64 / neutral.len().max(1) as f64))
}

fn neutral(set: &ImageSet) -> Result<ImageSet> {
    let smiling = set.attribute("Smiling")?;
    Ok(set.subset(&(0..set.len()).filter(|&i| smiling[i] < 0).collect::<Vec<_>>()))
}

/// The error of always answering with the mean training face.
fn mean_face_error(faces: &Faces) -> f64 {
    let mean = faces.probe.mean_image(&(0..faces.probe.len()).collect::<Vec<_>>());
    let mean: Vec<f32> = mean.iter().map(|x| x / 255.0).collect();
    let errors = (0..faces.test.len()).map(|i| mean_squared_error(&mean, faces.test.image(i)));
    errors.sum::<f64>() / faces.test.len().max(1) as f64
}

fn draw(evaluator: &mut Evaluator, faces: &Faces, metrics: &Metrics, figures: &Figures, args: &Args) -> Result<()> {
    pictures::samples(evaluator, args.seed, &args.out)?;
    pictures::reconstructions(evaluator, &faces.test, &args.out)?;
    pictures::interpolations(evaluator, &faces.test, &args.out)?;
    pictures::traversals(evaluator, &faces.test, &figures.kl_dims, &args.out)?;
    pictures::curves(metrics, &figures.kl_dims, &args.out)
}

fn report(summary: &Summary, args: &Args) -> Result<()> {
    let path = args.out.join("summary.json");
    let json = serde_json::to_string_pretty(summary).map_err(|e| Error::file(&path, e))?;
    std::fs::write(&path, json + "\n").map_err(|e| Error::file(&path, e))?;
    let Summary { elbo, reconstruction, kl, active_units, latent, mse, mse_mean_face, seconds, .. } = summary;
    println!("trained in {seconds:.0} s");
    println!("held out: ELBO {elbo:.1}, reconstruction {reconstruction:.1}, KL {kl:.1} nats/image");
    println!("          {active_units} of {latent} latent dimensions active");
    println!(
        "          squared error {mse:.5}, of the mean face {mse_mean_face:.5} ({:.1} times)",
        mse_mean_face / mse
    );
    println!("smile:    a linear probe reads it at {:.1} %", 100.0 * summary.smile_probe_accuracy);
    println!("          the smile vector turns {:.1} % of neutral faces", 100.0 * summary.smile_edit_success);
    println!("pictures, weights and summary.json are in {}", args.out.display());
    Ok(())
}
