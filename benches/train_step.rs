//! Time of whole steps: W1 and W2 in training, with the data resident on the device, W3 (matrix products) and W4 (a
//! convolution) as graphs of one op, and W5, W2's decoder alone. Devices take turns, so that a change in the machine's load
//! hits all of them; figures are medians.
//!
//! `cargo bench --bench train_step -- [--device both|all|software|cpu|NAME] [--steps N] [--batch N] [--width K]
//! [--precision f32,f16] [--profile] [--tune] [--sweep] [--serve] [--json] [W1 W2 W3 W4 W5]`

mod common;
#[path = "common/run.rs"]
mod run;
#[path = "common/sweep.rs"]
mod sweep;

use clap::Parser;
use common::{Named, devices, quantile};
use run::{Run, Spec, WORKLOADS};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use wavae::Result;
use wavae::lower::Precision;

/// Profiles taken for the share of time outside kernels, each right after a step without one.
const PROFILES: usize = 7;

/// Times whole steps of the reference models.
#[derive(Parser)]
struct Args {
    /// both (software and cpu), all, gpu, software, cpu, or part of an adapter's name
    #[arg(long, default_value = "both")]
    device: String,
    /// Samples of each workload and device
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// Images of a step of W1, W2 and W5, instead of 128, 64 and 64
    #[arg(long)]
    batch: Option<usize>,
    /// Times the channels of W2 and W5
    #[arg(long, default_value_t = 1)]
    width: usize,
    /// How large tensors are stored: f32, f16, or f32,f16 to have them take turns
    #[arg(long, value_delimiter = ',', default_value = "f32")]
    precision: Vec<Precision>,
    /// Also print the time by op, and by scope and op
    #[arg(long)]
    profile: bool,
    /// First measure every kernel variant of the workloads and keep the fastest
    #[arg(long)]
    tune: bool,
    /// Instead: W2's time per image at batches from 32 to 512 and at twice the width, and what checkpointing costs
    #[arg(long)]
    sweep: bool,
    /// Instead: prepare everything, then answer each line `WORKLOAD DEVICE` on standard input by one sample
    #[arg(long)]
    serve: bool,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
    /// Workloads, W1 to W5; W1, W2 and W5 without
    workloads: Vec<String>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    fn wants(&self, workload: &str) -> bool {
        let family = workload.split('-').next().unwrap_or(workload);
        let listed = |x: &String| x.eq_ignore_ascii_case(workload) || x.eq_ignore_ascii_case(family);
        match self.workloads.is_empty() {
            true => ["W1", "W2", "W5"].contains(&workload),
            false => self.workloads.iter().any(listed),
        }
    }
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
    println!("\n{} on {}: {total:.1} ms in {} dispatches", run.spec.workload, run.device.name, profile.len());
    let op = |label: &str| label.rsplit('/').next().unwrap_or(label).to_string();
    let tables = [("by op", grouped(profile, op)), ("by scope and op", grouped(profile, str::to_string))];
    for (title, rows) in tables {
        println!("  {title}:");
        for (label, ms, count) in rows.iter().take(24) {
            println!("  {ms:9.2} ms {:5.1} %  {count:3} x  {label}", 100.0 * ms / total);
        }
    }
}

/// Median milliseconds of every dispatch, and the median share of a step that passes outside of them: each profile is
/// compared with the step just before it. Where a machine is busy the share may come out below zero.
fn profiles(run: &mut Run) -> Result<(Vec<(String, f64)>, f64)> {
    let (mut profiles, mut outside) = (vec![], vec![]);
    for _ in 0..PROFILES {
        let step = run.sample()?.ms;
        let profile = run.profile()?;
        outside.push(1.0 - profile.iter().map(|(_, ms)| ms).sum::<f64>() / step);
        profiles.push(profile);
    }
    let median = |i: usize| quantile(&profiles.iter().map(|p| p[i].1).collect::<Vec<_>>(), 0.5);
    let middle = profiles[0].iter().enumerate().map(|(i, (label, _))| (label.clone(), median(i))).collect();
    Ok((middle, quantile(&outside, 0.5)))
}

fn report(run: &mut Run, args: &Args) -> Result<()> {
    let (profile, outside) = profiles(run)?;
    let mut line = run.line(&run.samples);
    line["outside_kernels"] = outside.into();
    if args.json {
        println!("{line}");
    } else {
        let of = |key: &str| line[key].as_f64().unwrap_or(f64::NAN);
        println!(
            "{:14} {:10} {:3} {:9.2} {:9.2} {:9.2} {:9.1} {:9.0} {:10} {:9.1} {:7.1} % {:9.0} {:8.1}",
            run.spec.workload,
            run.device.name,
            run.spec.precision,
            of("ms_per_step"),
            of("p10"),
            of("p90"),
            of("processor_ms"),
            of("images_per_s"),
            of("dispatches"),
            of("planned_bytes") / f64::from(1 << 20),
            100.0 * outside,
            run.first_ms,
            of("gflops"),
        );
    }
    if args.profile {
        print_profile(run, &profile);
    }
    Ok(())
}

/// Answers requests, so that other engines can take turns with this one (`benches/compare`).
fn serve(runs: &mut [Run]) -> Result<()> {
    let name = |run: &Run| format!("{} {}", run.spec.workload, run.device.name);
    let say = |line: serde_json::Value| {
        println!("{line}");
        let _ = std::io::stdout().flush();
    };
    say(json!({ "ready": runs.iter().map(name).collect::<Vec<_>>() }));
    for line in std::io::stdin().lock().lines().map_while(std::result::Result::ok) {
        match runs.iter_mut().find(|run| name(run) == line.trim()) {
            Some(run) => {
                let sample = run.sample()?;
                say(run.line(&[sample]));
            }
            None => say(json!({ "error": format!("{line}: not prepared") })),
        }
    }
    Ok(())
}

fn prepare(args: &Args, devices: &[Named]) -> Result<Vec<Run>> {
    let mut runs = vec![];
    for workload in WORKLOADS.into_iter().filter(|w| args.wants(w)) {
        for device in devices {
            let spec = Spec::new(workload, args.batch, args.width);
            if !spec.fits(&device.device) {
                continue;
            }
            if args.tune {
                eprintln!("{workload} on {}: {}", device.name, spec.tune(&device.device)?);
            }
            for &precision in &args.precision {
                runs.push(Run::new(Spec { precision, ..spec.clone() }, device)?);
            }
        }
    }
    Ok(runs)
}

fn main() -> Result<()> {
    let args = Args::parse();
    let devices = devices(&args.device)?;
    if args.sweep {
        let both = |device| {
            sweep::sweep(device, args.steps, args.json)?;
            sweep::checkpointing(device, args.steps, args.json)
        };
        return devices.iter().try_for_each(both);
    }
    let mut runs = prepare(&args, &devices)?;
    if args.serve {
        return serve(&mut runs);
    }
    for _ in 0..args.steps.max(1) {
        for run in &mut runs {
            let sample = run.sample()?;
            run.samples.push(sample);
        }
    }
    if !args.json {
        println!(
            "workload       device     in    ms/step       p10       p90 processor  images/s dispatches  plan MiB   outside  first ms  GFLOP/s"
        );
    }
    runs.iter_mut().try_for_each(|run| report(run, &args))
}
