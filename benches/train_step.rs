//! Time of whole steps: W1 and W2 in training, with the data resident on the device, and W5, W2's decoder alone.
//! Devices take turns, so that a change in the machine's load hits all of them; figures are medians.
//!
//! `cargo bench --bench train_step -- [--device both|all|software|cpu|NAME] [--steps N] [--profile] [--json] [W1 W2 W5]`

mod common;

use clap::Parser;
use common::{Named, Sample, devices, median, quantile, timed, wait};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;
use wavae::data::{ImageSet, synthetic_digits, synthetic_faces};
use wavae::graph::Graph;
use wavae::nn::Mode;
use wavae::train::{Config, Rate, Source, Trainer};
use wavae::vae::zoo;
use wavae::{Array, Device, Executable, Result, Store, TensorType};

/// A sample lasts at least this long, so that what surrounds it does not count.
const SAMPLE_SECONDS: f64 = 0.05;

/// Times whole steps of the reference models.
#[derive(Parser)]
struct Args {
    /// both (software and cpu), all, gpu, software, cpu, or part of an adapter's name
    #[arg(long, default_value = "both")]
    device: String,
    /// Samples of each workload and device
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// Also print the time by op, and by scope and op
    #[arg(long)]
    profile: bool,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
    /// Workloads: W1, W2, W5; all without
    workloads: Vec<String>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is repeated.
enum Work {
    Training(Box<Trainer>),
    Inference(Executable),
}

struct Run {
    workload: &'static str,
    batch: usize,
    device: Named,
    work: Work,
    /// Steps in one sample.
    repeats: usize,
    first_ms: f64,
    samples: Vec<Sample>,
}

impl Run {
    fn new(workload: &'static str, device: &Named) -> Result<Self> {
        let device = Named { name: device.name.clone(), device: device.device.clone() };
        let batch = if workload == "W1" { 128 } else { 64 };
        let set = match workload {
            "W1" => Some(synthetic_digits(4 * batch, 0)?),
            "W2" => Some(synthetic_faces(4 * batch, 64, 0)?),
            _ => None,
        };
        let start = Instant::now();
        let work = match set {
            Some(set) => Work::Training(Box::new(training(workload, &device.device, set, batch)?)),
            None => Work::Inference(decoder(&device.device, batch)?),
        };
        let mut run = Self { workload, batch, device, work, repeats: 1, first_ms: 0.0, samples: vec![] };
        run.sample()?;
        run.first_ms = start.elapsed().as_secs_f64() * 1e3;
        let warm = (0..3).map(|_| run.sample()).collect::<Result<Vec<_>>>()?;
        run.repeats = (SAMPLE_SECONDS * 1e3 / median(&warm).ms).ceil().clamp(1.0, 1000.0) as usize;
        Ok(run)
    }

    fn sample(&mut self) -> Result<Sample> {
        timed(self.repeats, || {
            let mut left = self.repeats;
            while left > 0 {
                left -= match &mut self.work {
                    Work::Training(trainer) => {
                        let steps = trainer.steps_at_once().min(left as u64); // as in a whole training
                        trainer.advance_many(steps)?;
                        steps as usize
                    }
                    Work::Inference(exe) => exe.run().map(|()| 1)?,
                };
            }
            match &mut self.work {
                Work::Training(trainer) => trainer.records(true).map(drop),
                Work::Inference(_) => wait(&self.device.device),
            }
        })
    }

    fn executable(&self) -> &Executable {
        match &self.work {
            Work::Training(trainer) => trainer.executable(),
            Work::Inference(exe) => exe,
        }
    }

    /// Label and median milliseconds of every dispatch.
    fn profile(&mut self, times: usize) -> Result<Vec<(String, f64)>> {
        let mut runs = vec![];
        for _ in 0..times {
            runs.push(match &mut self.work {
                Work::Training(trainer) => trainer.profile()?,
                Work::Inference(exe) => exe.profile()?,
            });
        }
        let median = |i: usize| quantile(&runs.iter().map(|r| r[i].1).collect::<Vec<_>>(), 0.5);
        Ok(runs[0].iter().enumerate().map(|(i, (label, _))| (label.clone(), median(i))).collect())
    }
}

fn training(workload: &str, device: &Device, set: ImageSet, batch: usize) -> Result<Trainer> {
    let vae = if workload == "W1" { zoo::mlp_mnist() } else { zoo::conv_celeba64() };
    let image = [set.height, set.width, set.channels];
    let config = Config { steps: u64::MAX, batch, rate: Rate::constant(1e-3), ..Config::default() };
    Trainer::new(device, &vae, &Source::of(set, device, 1), image, config)
}

fn decoder(device: &Device, batch: usize) -> Result<Executable> {
    let vae = zoo::conv_celeba64();
    let latent = vae.posterior.latent();
    let mut g = Graph::new();
    let z = g.input("z", TensorType::f32([batch, latent]))?;
    let mean = vae.decode(&mut g, z, Mode::Eval)?;
    let store = Store::new(device, &[&g])?;
    store.init(&g, 0)?;
    let mut exe = Executable::compile(device, &store, &g, &[mean])?;
    let wave = (0..batch * latent).map(|i| (i as f32).sin()).collect();
    exe.write("z", &Array::f32([batch, latent], wave)?)?;
    Ok(exe)
}

/// Sums the entries of equal `key`, largest first.
fn grouped(profile: &[(String, f64)], key: impl Fn(&str) -> String) -> Vec<(String, f64, usize)> {
    let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
    for (label, ms) in profile {
        let sum = sums.entry(key(label)).or_default();
        *sum = (sum.0 + ms, sum.1 + 1);
    }
    let mut sums: Vec<_> = sums.into_iter().map(|(label, (ms, count))| (label, ms, count)).collect();
    sums.sort_by(|a, b| b.1.total_cmp(&a.1));
    sums
}

fn print_profile(run: &Run, profile: &[(String, f64)]) {
    let total: f64 = profile.iter().map(|(_, ms)| ms).sum();
    println!("\n{} on {}: {total:.1} ms in {} dispatches", run.workload, run.device.name, profile.len());
    let op = |label: &str| label.rsplit('/').next().unwrap_or(label).to_string();
    let tables = [("by op", grouped(profile, op)), ("by scope and op", grouped(profile, str::to_string))];
    for (title, rows) in tables {
        println!("  {title}:");
        for (label, ms, count) in rows.iter().take(24) {
            println!("  {ms:9.2} ms {:5.1} %  {count:3} x  {label}", 100.0 * ms / total);
        }
    }
}

fn report(run: &mut Run, args: &Args) -> Result<()> {
    let profile = run.profile(5)?;
    let kernels: f64 = profile.iter().map(|(_, ms)| ms).sum();
    let times: Vec<f64> = run.samples.iter().map(|s| s.ms).collect();
    let [p10, ms, p90] = [0.1, 0.5, 0.9].map(|q| quantile(&times, q));
    let processor_ms = median(&run.samples).processor_ms;
    let images = run.batch as f64 / ms * 1e3;
    let outside = ms - kernels;
    let (dispatches, bytes) = (run.executable().dispatches(), run.executable().planned_bytes());
    if args.json {
        let line = json!({
            "workload": run.workload, "device": run.device.name, "ms_per_step": ms, "p10": p10, "p90": p90,
            "processor_ms": processor_ms,
            "images_per_s": images, "dispatches": dispatches, "planned_bytes": bytes, "outside_kernels": outside,
            "first_step_ms": run.first_ms,
        });
        println!("{line}");
    } else {
        println!(
            "{:8} {:10} {ms:9.2} {p10:9.2} {p90:9.2} {processor_ms:9.1} {images:9.0} {dispatches:10} {:9.1} {outside:9.2} {:9.0}",
            run.workload,
            run.device.name,
            bytes as f64 / f64::from(1 << 20),
            run.first_ms
        );
    }
    if args.profile {
        print_profile(run, &profile);
    }
    Ok(())
}

fn main() -> Result<()> {
    let args = Args::parse();
    let wanted = |w: &str| args.workloads.is_empty() || args.workloads.iter().any(|x| x.eq_ignore_ascii_case(w));
    let devices = devices(&args.device)?;
    let mut runs = vec![];
    for workload in ["W1", "W2", "W5"].into_iter().filter(|w| wanted(w)) {
        for device in &devices {
            runs.push(Run::new(workload, device)?);
        }
    }
    for _ in 0..args.steps.max(1) {
        for run in &mut runs {
            let sample = run.sample()?;
            run.samples.push(sample);
        }
    }
    if !args.json {
        println!(
            "workload device       ms/step       p10       p90 processor  images/s dispatches  plan MiB   outside  first ms"
        );
    }
    runs.iter_mut().try_for_each(|run| report(run, &args))
}
