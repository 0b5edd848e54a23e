//! `cargo run --release --example celeba`: a convolutional VAE on faces, from pixels to an added smile.

mod args;
#[path = "../common/mod.rs"]
mod common;
mod data;
mod model;
mod pictures;

use args::Args;
use clap::Parser;
use common::{Length, Run, say};
use data::{Faces, SIZE};
use serde::Serialize;
use std::process::ExitCode;
use wavae::Result;
use wavae::data::ImageSet;
use wavae::eval::{LinearProbe, attribute_vector};
use wavae::ops::optimizer::Adam;
use wavae::train::{Config, Evaluator, Metrics, Optimizer, Rate, Schedule};

/// What `summary.json` holds.
#[derive(Debug, Serialize)]
struct Summary {
    #[serde(flatten)]
    run: Run,
    /// Squared error of always answering with the mean training face.
    mse_mean_face: f64,
    /// Held-out accuracy of a linear probe for *smiling* on μ.
    smile_probe_accuracy: f64,
    /// Share of held-out neutral faces that the probe sees smiling once the smile vector was added.
    smile_edit_success: f64,
}

fn main() -> ExitCode {
    common::exit(run(&Args::parse()))
}

fn run(args: &Args) -> Result<()> {
    let device = common::open(&args.device)?;
    let faces = data::open(args, &device)?;
    say!("data: {}", faces.origin);
    let length = Length::new(args.steps, args.epochs, faces.source.len(), args.batch as usize);
    let Length { steps, batch, .. } = length;
    let config = Config {
        steps,
        batch,
        seed: args.seed,
        rate: Rate::Cosine { peak: args.lr, warmup: (steps / 7).max(1), floor: 0.02 },
        beta: Schedule::Linear { to: args.beta, steps: steps / 10 },
        clip: 50_000.0, // a guard: ordinary steps stay below
        optimizer: Optimizer::Adam(Adam { beta2: 0.99, ..Adam::default() }),
        validate_every: (steps / 5).max(1),
        recompute: args.checkpoint,
        precision: args.precision,
        ..Config::default()
    };
    let vae = model::model(args.latent as usize, args.width as usize, args.sigma);
    let mut trainer = common::trainer(&device, &vae, &faces.source, config, args.tune)?;
    let (metrics, seconds) = common::train(&mut trainer, &faces.valid, length, args.load.as_deref(), &args.out)?;

    let codes = trainer.evaluator().encode(&faces.test)?;
    let run = Run::new(&mut trainer, &faces.test, &codes, length, (&device, &faces.origin, seconds))?;
    let (smile_probe_accuracy, smile_edit_success) = smile(trainer.evaluator(), &faces, &codes, args)?;
    draw(trainer.evaluator(), &faces, &metrics, &run.kl_dimensions, args)?;
    let mse_mean_face = common::mean_image_error(&faces.probe, &faces.test);
    let summary = Summary { run, mse_mean_face, smile_probe_accuracy, smile_edit_success };
    summary.run.print(mse_mean_face);
    if let Some(skipped) = faces.files.as_ref().map(|files| files.skipped()).filter(|&n| n > 0) {
        say!("skipped:  {skipped} unreadable images");
    }
    say!("smile:    a linear probe reads it at {:.1} %", 100.0 * smile_probe_accuracy);
    say!("          the smile vector turns {:.1} % of neutral faces", 100.0 * smile_edit_success);
    common::write_summary(&summary, &args.out)
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

fn draw(evaluator: &mut Evaluator, faces: &Faces, metrics: &Metrics, kl_dims: &[f64], args: &Args) -> Result<()> {
    common::pictures::samples(evaluator, &faces.probe, args.seed, &args.out)?;
    common::pictures::reconstructions(evaluator, &faces.test, &args.out)?;
    common::pictures::curves(metrics, kl_dims, &args.out)?;
    pictures::interpolations(evaluator, &faces.test, &args.out)?;
    pictures::traversals(evaluator, &faces.test, kl_dims, &args.out)
}
