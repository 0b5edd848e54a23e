//! The command line.

use crate::common::not_negative;
use clap::Parser;
use std::path::PathBuf;
use wavae::graph::Recompute;
use wavae::lower::Precision;

/// Train a convolutional VAE on faces: samples, reconstructions, interpolations, traversals and the smile vector.
///
/// Without --data it trains on synthetic faces that it draws itself.
#[derive(Clone, Debug, Parser)]
#[command(name = "celeba")]
pub struct Args {
    /// A CelebA folder (img_align_celeba/, list_attr_celeba.txt, list_eval_partition.txt); synthetic faces without it
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where pictures, weights, metrics.jsonl and summary.json go
    #[arg(long, value_name = "DIR", default_value = "out/celeba")]
    pub out: PathBuf,
    /// auto (a hardware adapter, else the CPU), gpu, software, cpu, or part of an adapter's name
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Training steps
    #[arg(long, default_value_t = 2800, conflicts_with = "epochs")]
    pub steps: u64,
    /// Passes over the training images, instead of --steps
    #[arg(long)]
    pub epochs: Option<u64>,
    /// Images a step
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: u32,
    /// Latent dimensions
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub latent: u32,
    /// Channels of the layers next to the images; those next to the codes have eight times as many
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub width: u32,
    /// Weight of the KL term, reached after a linear warm-up over the first tenth of the steps
    #[arg(long, default_value_t = 1.0, value_parser = not_negative)]
    pub beta: f32,
    /// Standard deviation of the Gaussian likelihood's pixels, in units of the grey range [0, 1]
    #[arg(long, default_value_t = 0.1, value_parser = not_negative)]
    pub sigma: f32,
    /// Adam's highest learning rate
    #[arg(long, default_value_t = 5e-3, value_parser = not_negative)]
    pub lr: f32,
    /// Fixes initial weights, order, noise and the synthetic faces
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
    /// Loader threads for --data (default: one a core)
    #[arg(long)]
    pub workers: Option<usize>,
    /// Synthetic faces to draw, or most images to take from --data
    #[arg(long, value_name = "N")]
    pub images: Option<usize>,
    /// Skip up to this many unreadable images of --data instead of stopping at the first
    #[arg(long, value_name = "CAP")]
    pub skip_bad: Option<usize>,
    /// How far along the smile vector faces are moved, in units of the difference of the means
    #[arg(long, default_value_t = 1.5, value_parser = not_negative)]
    pub smile: f32,
}
