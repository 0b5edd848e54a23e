//! The reference workloads on a device: W1 and W2 are training steps with resident data, W3 matrix products, W4 a
//! convolution, W5 W2's decoder.

use crate::common::{Named, Sample, median, quantile, timed, wait};
use std::time::Instant;
use wavae::data::{synthetic_digits, synthetic_faces};
use wavae::graph::{Graph, Recompute, Value};
use wavae::lower::Precision;
use wavae::ops::conv::Conv2d;
use wavae::train::{Config, Rate, Source, Trainer};
use wavae::tune::{Report, tune};
use wavae::vae::{Batch, Model as _, Vae, zoo};
use wavae::{Array, Device, Executable, Result, Store, TensorType};

/// A sample lasts at least this long, so that what surrounds it does not count.
const SAMPLE_SECONDS: f64 = 0.05;

/// All workloads, in the order of the table. The last matrix product is for hardware.
pub const WORKLOADS: [&str; 7] = ["W1", "W2", "W3-1024", "W3-128x784x512", "W3-4096", "W4", "W5"];

/// A workload at a size.
#[derive(Clone)]
pub struct Spec {
    /// One of [`WORKLOADS`].
    pub workload: &'static str,
    /// Images of a step.
    pub batch: usize,
    /// Times the channels of W2 and W5.
    pub width: usize,
    /// What the backward pass of W1 and W2 computes again.
    pub recompute: Recompute,
    /// How large tensors are stored.
    pub precision: Precision,
}

impl Spec {
    /// `workload` at its own size, or at those given.
    pub fn new(workload: &'static str, batch: Option<usize>, width: usize) -> Self {
        let own = match workload {
            "W1" => 128,
            "W4" => 16,
            w if w.starts_with("W3") => 1,
            _ => 64,
        };
        let fixed = workload.starts_with("W3") || workload == "W4";
        let batch = batch.filter(|_| !fixed).unwrap_or(own).max(1);
        Self { workload, batch, width, recompute: Recompute::Nothing, precision: Precision::F32 }
    }

    /// Whether it is worth running on `device`: the largest product is for hardware.
    pub fn fits(&self, device: &Device) -> bool {
        self.workload != "W3-4096" || matches!(device, Device::Gpu(gpu) if !gpu.caps().software)
    }

    /// Data and settings of a workload that trains.
    fn training(&self, device: &Device) -> Result<Option<(Source, Config)>> {
        let set = match self.workload {
            "W1" => synthetic_digits(4 * self.batch, 0)?,
            "W2" => synthetic_faces(self.batch.max(256), 64, 0)?,
            _ => return Ok(None),
        };
        let &Self { batch, recompute, precision, .. } = self;
        let (steps, rate) = (u64::MAX, Rate::constant(1e-3));
        let config = Config { steps, batch, rate, recompute, precision, ..Config::default() };
        Ok(Some((Source::of(set, device, 1), config)))
    }

    /// Measures the workload's kernel variants on `device` and keeps the fastest.
    pub fn tune(&self, device: &Device) -> Result<Report> {
        let say = &mut |line: &str| eprintln!("  {line}");
        match self.training(device)? {
            Some((source, config)) => Trainer::tune(device, &self.vae(), &source, config, say),
            None => {
                let (g, root, _) = graph(self)?;
                tune(device, &[(&g, &[root])], say)
            }
        }
    }

    fn vae(&self) -> Vae {
        if self.workload == "W1" { zoo::mlp_mnist() } else { zoo::conv_celeba64_wide(self.width) }
    }
}

/// What is repeated.
enum Work {
    Training(Box<Trainer>),
    /// With the floating-point operations of a run.
    Inference(Executable, u64),
}

/// A workload, ready to be timed.
pub struct Run {
    /// What runs.
    pub spec: Spec,
    /// Where.
    pub device: Named,
    work: Work,
    /// Steps in one sample.
    repeats: usize,
    /// Graph, compilation and first step, ms.
    pub first_ms: f64,
    /// What was measured so far.
    pub samples: Vec<Sample>,
}

impl Run {
    /// Builds the graph, compiles it and runs the first steps.
    pub fn new(spec: Spec, device: &Named) -> Result<Self> {
        let device = Named { name: device.name.clone(), device: device.device.clone() };
        let training = spec.training(&device.device)?;
        let start = Instant::now();
        let work = match training {
            Some((source, config)) => {
                Work::Training(Box::new(Trainer::new(&device.device, &spec.vae(), &source, config)?))
            }
            None => inference(&device.device, &spec)?,
        };
        let mut run = Self { spec, device, work, repeats: 1, first_ms: 0.0, samples: vec![] };
        run.sample()?;
        run.first_ms = start.elapsed().as_secs_f64() * 1e3;
        let mut warm = vec![run.sample()?];
        while warm.len() < 3 && warm[0].ms < SAMPLE_SECONDS * 1e3 {
            warm.push(run.sample()?);
        }
        run.repeats = (SAMPLE_SECONDS * 1e3 / median(&warm).ms).ceil().clamp(1.0, 1000.0) as usize;
        Ok(run)
    }

    /// Times some steps, up to the moment when the device is done.
    pub fn sample(&mut self) -> Result<Sample> {
        timed(self.repeats, || {
            let mut left = self.repeats;
            while left > 0 {
                left -= match &mut self.work {
                    Work::Training(trainer) => {
                        let steps = trainer.steps_at_once().min(left as u64); // as in a whole training
                        trainer.advance_many(steps)?;
                        steps as usize
                    }
                    Work::Inference(exe, _) => exe.run().map(|()| 1)?,
                };
            }
            match &mut self.work {
                Work::Training(trainer) => trainer.records(true).map(drop),
                Work::Inference(..) => wait(&self.device.device),
            }
        })
    }

    /// What it compiled to.
    pub fn executable(&self) -> &Executable {
        match &self.work {
            Work::Training(trainer) => trainer.executable(),
            Work::Inference(exe, _) => exe,
        }
    }

    /// Label and milliseconds of every dispatch, once.
    pub fn profile(&mut self) -> Result<Vec<(String, f64)>> {
        match &mut self.work {
            Work::Training(trainer) => trainer.profile(),
            Work::Inference(exe, _) => exe.profile(),
        }
    }

    /// The line of one or more samples, with the names that all benches and peers share.
    pub fn line(&self, samples: &[Sample]) -> serde_json::Value {
        let Sample { ms, processor_ms } = median(samples);
        let times: Vec<f64> = samples.iter().map(|s| s.ms).collect();
        let flops = match &self.work {
            Work::Training(trainer) => trainer.graph().flops(),
            Work::Inference(_, flops) => *flops,
        };
        serde_json::json!({
            "workload": self.spec.workload, "device": self.device.name, "how": self.device.name,
            "batch": self.spec.batch, "width": self.spec.width,
            "recompute": self.spec.recompute.to_string(), "precision": self.spec.precision.to_string(),
            "ms_per_step": ms, "p10": quantile(&times, 0.1), "p90": quantile(&times, 0.9),
            "processor_ms": processor_ms, "images_per_s": self.spec.batch as f64 / ms * 1e3,
            "dispatches": self.executable().dispatches(), "planned_bytes": self.executable().planned_bytes(),
            "first_step_ms": self.first_ms, "gflops": flops as f64 / ms * 1e-6,
        })
    }
}

/// The graph of W3, W4 or W5, its result, and the shapes of its inputs.
fn graph(spec: &Spec) -> Result<(Graph, Value, Vec<Vec<usize>>)> {
    let mut g = Graph::new();
    let shapes: Vec<Vec<usize>> = match spec.workload {
        "W3-1024" => vec![vec![1024, 1024]; 2],
        "W3-4096" => vec![vec![4096, 4096]; 2],
        "W3-128x784x512" => vec![vec![128, 784], vec![784, 512]],
        "W4" => vec![vec![16, 32, 32, 64], vec![3, 3, 64, 64]],
        _ => vec![vec![spec.batch, spec.vae().posterior.latent()]],
    };
    let inputs = shapes.iter().enumerate().map(|(i, shape)| g.input(&format!("x{i}"), TensorType::f32(shape.clone())));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    let root = match spec.workload {
        "W4" => g.conv2d(inputs[0], inputs[1], &Conv2d { pad: [1; 4], ..Conv2d::default() })?,
        "W5" => spec.vae().decode(&mut g, inputs[0], &Batch::empty(spec.batch))?,
        _ => g.matmul(inputs[0], inputs[1])?,
    };
    Ok((g, root, shapes))
}

/// W3, W4 or W5, its inputs written.
fn inference(device: &Device, spec: &Spec) -> Result<Work> {
    let (g, root, shapes) = graph(spec)?;
    let store = Store::new(device, &[&g])?;
    store.init(&g, 0)?;
    let mut exe = Executable::compile_at(device, &store, &g, &[root], spec.precision)?;
    for (i, shape) in shapes.iter().enumerate() {
        let wave = (0..shape.iter().product::<usize>()).map(|j| (j as f32).sin()).collect();
        exe.write(&format!("x{i}"), &Array::f32(shape.clone(), wave)?)?;
    }
    Ok(Work::Inference(exe, g.flops()))
}
