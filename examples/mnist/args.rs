//! The command line.

use crate::common::not_negative;
use clap::Parser;
use std::path::PathBuf;
use wavae::graph::Recompute;
use wavae::lower::Precision;

/// Train a VAE on digits and look at its latent space, which has two dimensions unless told otherwise.
///
/// Without --data it trains on synthetic digits that it draws itself.
#[derive(Clone, Debug, Parser)]
#[command(name = "mnist")]
pub struct Args {
    /// A folder of IDX files, plain or gzipped (MNIST, Fashion-MNIST and their kin); synthetic digits without it
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where pictures, weights, metrics.jsonl and summary.json go
    #[arg(long, value_name = "DIR", default_value = "out/mnist")]
    pub out: PathBuf,
    /// auto (a hardware adapter, else the CPU), gpu, software, cpu, or part of an adapter's name
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Training steps
    #[arg(long, default_value_t = 3000, conflicts_with = "epochs")]
    pub steps: u64,
    /// Passes over the training images, instead of --steps
    #[arg(long)]
    pub epochs: Option<u64>,
    /// Images a step
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: u32,
    /// Latent dimensions; of more than two, the two with the largest KL are drawn
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=4096))]
    pub latent: u32,
    /// Weight of the KL term, reached after a linear warm-up over the first tenth of the steps
    #[arg(long, default_value_t = 1.0, value_parser = not_negative)]
    pub beta: f32,
    /// Adam's highest learning rate
    #[arg(long, default_value_t = 2e-3, value_parser = not_negative)]
    pub lr: f32,
    /// Fixes initial weights, order, noise and the synthetic digits
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// f32, or f16 to store activations and weights in two bytes an element, where the device has it
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::F32)]
    pub precision: Precision,
    /// First measure every kernel variant on this device and keep the fastest for this and later runs
    #[arg(long)]
    pub tune: bool,
    /// What the backward pass computes again instead of keeping it, to save memory: nothing, cheap or segments
    #[arg(long, default_value = "nothing", value_name = "WHAT")]
    pub checkpoint: Recompute,
    /// Continue from these weights
    #[arg(long, value_name = "FILE.safetensors")]
    pub load: Option<PathBuf>,
    /// Synthetic digits to draw, or most training images to take from --data
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(20..))]
    pub images: Option<u32>,
}
