//! W1, W2 (training steps) and W5 (W2's decoder) in burn on its wgpu backend, with autodiff, fusion and autotuning, as
//! burn's documentation sets them up. The lines are those of `benches/train_step.rs`.
//!
//! `burn-peer [--device cpu|auto|gpu] [--steps N] [--seconds S] [--serve] [W1 W2 W5]`
//!
//! `cpu` (the default) is the software Vulkan adapter, `gpu` the first discrete one. Each step ends by waiting for the
//! device, and a first step, where burn tunes, is timed apart. Nothing is printed for a workload before its first step is
//! over; from outside, `timeout` limits it.

mod model;

use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::prelude::*;
use burn::tensor::{DeviceKind, Distribution};
use model::{Conv, Decoder, Mlp};
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::time::Instant;

/// One step; it returns when the device is done.
type Step = Box<dyn FnMut()>;

fn adam() -> ModuleOptimizer {
    AdamConfig::new().init()
}

fn uniform<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(0.0, 1.0), device)
}

/// A training step of `model` by `loss`.
fn training<M: Module + 'static>(model: M, device: Device, loss: impl Fn(&M) -> Tensor<1> + 'static) -> Step {
    let (mut optimizer, mut model) = (adam(), Some(model));
    Box::new(move || {
        let now = model.take().expect("put back below");
        let grads = GradientsParams::from_grads(loss(&now).backward(), &now);
        model = Some(optimizer.step(1e-3, now, grads));
        device.sync().expect("the device runs");
    })
}

/// The step of `workload` and its batch.
fn workload(name: &str, device: &Device) -> (Step, usize) {
    let autodiff = device.clone().autodiff();
    match name {
        "W1" => {
            let x = uniform([128, 784], &autodiff);
            (training(Mlp::new(&autodiff), device.clone(), move |m: &Mlp| m.loss(x.clone())), 128)
        }
        "W2" => {
            let x = uniform([64, 3, 64, 64], &autodiff);
            (training(Conv::new(&autodiff), device.clone(), move |m: &Conv| m.loss(x.clone())), 64)
        }
        "W5" => {
            let (decoder, z, device) = (Decoder::new(device), uniform([64, 128], device), device.clone());
            let step = move || {
                let images = decoder.forward(z.clone());
                device.sync().expect("the device runs");
                drop(images);
            };
            (Box::new(step), 64)
        }
        _ => panic!("{name}: there are W1, W2 and W5"),
    }
}

/// Processor milliseconds of this process, where the system says.
fn processor_ms() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return f64::NAN };
    let texts = tasks.flatten().filter_map(|t| std::fs::read_to_string(t.path().join("schedstat")).ok());
    texts.filter_map(|text| text.split(' ').next()?.parse::<f64>().ok()).sum::<f64>() * 1e-6
}

/// Clock and processor milliseconds of `step`.
fn timed(step: &mut Step) -> (f64, f64) {
    let (start, before) = (Instant::now(), processor_ms());
    step();
    (start.elapsed().as_secs_f64() * 1e3, processor_ms() - before)
}

fn quantile(samples: &[f64], q: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * q).round() as usize]
}

fn say(line: &Value) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}

struct Run {
    name: String,
    step: Step,
    batch: usize,
    first_ms: f64,
}

impl Run {
    fn new(name: &str, device: &Device) -> Self {
        let start = Instant::now();
        let (mut step, batch) = workload(name, device);
        step();
        let first_ms = start.elapsed().as_secs_f64() * 1e3;
        eprintln!("{name}: first step {first_ms:.0} ms");
        (0..2).for_each(|_| step());
        Self { name: name.into(), step, batch, first_ms }
    }

    fn line(&self, device: &str, ms: f64, processor_ms: f64) -> Value {
        json!({
            "workload": self.name, "device": device, "how": "wgpu", "ms_per_step": ms, "processor_ms": processor_ms,
            "images_per_s": self.batch as f64 / ms * 1e3, "first_step_ms": self.first_ms,
        })
    }
}

/// The value after `flag`.
fn option(args: &[String], flag: &str) -> Option<String> {
    args.iter().position(|a| a == flag).and_then(|at| args.get(at + 1)).cloned()
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let kind = match option(&args, "--device").as_deref() {
        None | Some("cpu" | "software") => DeviceKind::Cpu,
        Some("gpu") => DeviceKind::DiscreteGpu(0),
        Some(_) => DeviceKind::DefaultDevice,
    };
    let name = format!("burn wgpu {kind:?}");
    let device = Device::wgpu(kind);
    let steps: usize = option(&args, "--steps").and_then(|n| n.parse().ok()).unwrap_or(20);
    let seconds: f64 = option(&args, "--seconds").and_then(|s| s.parse().ok()).unwrap_or(120.0);
    let wanted: Vec<&String> = args.iter().filter(|a| ["W1", "W2", "W5"].contains(&a.as_str())).collect();
    let names = ["W1", "W2", "W5"].into_iter().filter(|w| wanted.is_empty() || wanted.iter().any(|x| x == w));
    let serve = args.iter().any(|a| a == "--serve");
    let mut runs = vec![];
    for workload in names {
        let mut run = Run::new(workload, &device);
        if !serve {
            let (mut clock, mut processor, start) = (vec![], vec![], Instant::now());
            while clock.len() < steps.max(1) && (clock.is_empty() || start.elapsed().as_secs_f64() < seconds) {
                let (ms, used) = timed(&mut run.step);
                clock.push(ms);
                processor.push(used);
            }
            let mut line = run.line(&name, quantile(&clock, 0.5), quantile(&processor, 0.5));
            line["p10"] = quantile(&clock, 0.1).into();
            line["p90"] = quantile(&clock, 0.9).into();
            line["samples"] = clock.len().into();
            say(&line);
        }
        runs.push(run);
    }
    if serve {
        answer(&mut runs, &name);
    }
}

/// Runs one step for each `WORKLOAD wgpu` on standard input.
fn answer(runs: &mut [Run], device: &str) {
    let have: Vec<_> = runs.iter().map(|run| format!("{} wgpu", run.name)).collect();
    say(&json!({ "ready": have }));
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let wanted = line.split_whitespace().next().unwrap_or_default();
        match runs.iter_mut().find(|run| run.name == wanted) {
            Some(run) => {
                let (ms, used) = timed(&mut run.step);
                say(&run.line(device, ms, used));
            }
            None => say(&json!({ "error": format!("{line}: not prepared") })),
        }
    }
}
