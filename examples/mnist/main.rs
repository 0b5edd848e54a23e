//! `cargo run --release --example mnist`: digits in a latent plane.

mod args;
#[path = "../common/mod.rs"]
mod common;
mod data;
mod model;
mod pictures;

use args::Args;
use clap::Parser;
use common::{Length, Run, say};
use data::Digits;
use serde::Serialize;
use std::process::ExitCode;
use wavae::Result;
use wavae::data::ImageSet;
use wavae::eval::neighbour_accuracy;
use wavae::train::{Config, Evaluator, Metrics, Rate, Schedule};

/// How many neighbours vote for a class.
const NEIGHBOURS: usize = 15;

/// What `summary.json` holds.
#[derive(Debug, Serialize)]
struct Summary {
    #[serde(flatten)]
    run: Run,
    /// Squared error of always answering with the mean training image.
    mse_mean_digit: f64,
    /// Share of held-out images whose class is that of most of the nearest training images in latent space.
    neighbour_accuracy: f64,
}

fn main() -> ExitCode {
    common::exit(run(&Args::parse()))
}

fn run(args: &Args) -> Result<()> {
    let device = common::open(&args.device)?;
    let digits = data::open(args, &device)?;
    say!("data: {}", digits.origin);
    let (height, width) = (digits.test.height, digits.test.width);
    let length = Length::new(args.steps, args.epochs, digits.source.len(), args.batch as usize);
    let Length { steps, batch, .. } = length;
    let config = Config {
        steps,
        batch,
        seed: args.seed,
        rate: Rate::Cosine { peak: args.lr, warmup: 20.min(steps), floor: 0.02 },
        beta: Schedule::Linear { to: args.beta, steps: steps / 10 },
        clip: 1000.0,
        validate_every: (steps / 5).max(1),
        recompute: args.checkpoint,
        precision: args.precision,
        ..Config::default()
    };
    let vae = model::model(args.latent as usize, height, width);
    let mut trainer = common::trainer(&device, &vae, &digits.source, config, args.tune)?;
    let (metrics, seconds) = common::train(&mut trainer, &digits.valid, length, args.load.as_deref(), &args.out)?;

    let codes = trainer.evaluator().encode(&digits.test)?;
    let run = Run::new(&mut trainer, &digits.test, &codes, length, (&device, &digits.origin, seconds))?;
    draw(trainer.evaluator(), &digits, &codes, &metrics, &run.kl_dimensions, args)?;
    let known = trainer.evaluator().encode(&digits.known)?;
    let summary = Summary {
        mse_mean_digit: common::mean_image_error(&digits.known, &digits.test),
        neighbour_accuracy: neighbour_accuracy(
            (&known, labels(&digits.known)),
            (&codes, labels(&digits.test)),
            run.latent,
            NEIGHBOURS,
        )?,
        run,
    };
    summary.run.print(summary.mse_mean_digit);
    say!("classes:  {NEIGHBOURS} nearest neighbours read them at {:.1} %", 100.0 * summary.neighbour_accuracy);
    common::write_summary(&summary, &args.out)
}

/// Both sources of digits know their classes.
fn labels(set: &ImageSet) -> &[u8] {
    set.labels.as_deref().unwrap_or(&[])
}

fn draw(
    evaluator: &mut Evaluator,
    digits: &Digits,
    codes: &[f32],
    metrics: &Metrics,
    kl_dims: &[f64],
    args: &Args,
) -> Result<()> {
    let (test, out) = (&digits.test, args.out.as_path());
    common::pictures::samples(evaluator, &digits.known, args.seed, out)?;
    common::pictures::reconstructions(evaluator, test, out)?;
    common::pictures::curves(metrics, kl_dims, out)?;
    pictures::latent(codes, test, kl_dims, out)?;
    pictures::manifold(evaluator, test, kl_dims, out)
}
