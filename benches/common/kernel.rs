//! One kernel variant on a device, and the ceilings that its rates are compared with.

use crate::common::{Named, Sample, median, timed, wait};
use std::time::Instant;
use wavae::cpu::{Real, Strided, Threads};
use wavae::gpu::{GpuExecutable, GpuStore};
use wavae::lower::caps::Caps;
use wavae::ops::Cost;
use wavae::ops::matmul::Matmul;
use wavae::ops::pointwise::{Map, arithmetic};
use wavae::testing::{Gen, OpCase, lower_case};
use wavae::{Device, Executable, Result, Store};

/// A sample lasts at least this long, so that the submission does not count.
const SAMPLE_SECONDS: f64 = 0.01;
/// Samples of a ceiling; the best counts.
const CEILING_SAMPLES: usize = 9;

/// Which time rates are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Time {
    /// The clock.
    Clock,
    /// Processor time over the number of threads: for devices that run on the processor, on a machine that is busy.
    Processor,
}

impl Time {
    /// Milliseconds of a sample.
    pub fn of(self, sample: Sample) -> f64 {
        let threads = std::env::var("RAYON_NUM_THREADS").ok().and_then(|n| n.parse().ok());
        let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        match self {
            Self::Clock => sample.ms,
            Self::Processor => sample.processor_ms / threads as f64,
        }
    }
}

enum Exe {
    Gpu(Box<GpuExecutable>),
    Cpu(Box<Executable>),
}

/// A kernel variant on a device.
pub struct Kernel {
    /// Index of the device.
    pub device: usize,
    /// Family of the op, name of the case, name of the variant.
    pub name: [String; 3],
    /// Its place among the variants; the first is what lowering takes.
    pub index: usize,
    /// Whether its work is products summed, so that a matrix product is its ceiling.
    pub products: bool,
    cost: Cost,
    exe: Exe,
    repeats: usize,
    /// Compilation with the first run; a kernel that another case has compiled already costs only the run.
    pub compile_ms: f64,
    /// What was measured so far.
    pub samples: Vec<Sample>,
}

impl Kernel {
    /// Variant `index` of `case`; `None` past the last. On the CPU device there is one, the reference.
    pub fn new(device: usize, on: &Device, family: &str, case: &OpCase, index: usize) -> Result<Option<Self>> {
        let minimum = Caps::minimum();
        let caps = match on {
            Device::Gpu(gpu) => gpu.caps(),
            Device::Cpu if index > 0 => return Ok(None),
            Device::Cpu => &minimum,
        };
        let Some(parity) = lower_case(case, index, caps, 0)? else { return Ok(None) };
        let types = case.types();
        let cost = case.op.cost(&types, &case.op.infer(&types)?);
        let (inputs, updates) = (case.draw()?, case.op.updates());
        let start;
        let (exe, variant) = match on {
            Device::Gpu(gpu) => {
                let store = GpuStore::new(gpu, &parity.graph.layout());
                let outputs = parity.lowered.program.outputs.clone();
                start = Instant::now();
                let mut exe = GpuExecutable::compile(gpu, &store, parity.lowered.program)?;
                for (k, array) in inputs.iter().enumerate() {
                    match k < updates {
                        true => store.write(&outputs[k].place, array.bytes())?,
                        false => exe.write_input(k - updates, array.bytes())?,
                    }
                }
                (Exe::Gpu(Box::new(exe)), parity.variant)
            }
            Device::Cpu => {
                let store = Store::new(on, &[&parity.graph])?;
                start = Instant::now();
                let mut exe = Executable::compile(on, &store, &parity.graph, &parity.roots)?;
                for (k, array) in inputs.iter().enumerate() {
                    match k < updates {
                        true => store.write(&format!("x{k}"), array)?,
                        false => exe.write(&format!("x{k}"), array)?,
                    }
                }
                (Exe::Cpu(Box::new(exe)), "reference")
            }
        };
        let name = [family.to_string(), case.name.clone(), variant.to_string()];
        let products = case.op.sums_products() && cost.flops > 0;
        let mut kernel =
            Self { device, name, index, products, cost, exe, repeats: 1, compile_ms: 0.0, samples: vec![] };
        kernel.sample(on)?;
        kernel.compile_ms = start.elapsed().as_secs_f64() * 1e3;
        let warm = kernel.sample(on)?.ms;
        kernel.repeats = (SAMPLE_SECONDS * 1e3 / warm).ceil().clamp(1.0, 1000.0) as usize;
        Ok(Some(kernel))
    }

    /// Times one sample.
    pub fn sample(&mut self, on: &Device) -> Result<Sample> {
        timed(self.repeats, || {
            for _ in 0..self.repeats {
                match &mut self.exe {
                    Exe::Gpu(exe) => exe.run()?,
                    Exe::Cpu(exe) => exe.run()?,
                }
            }
            wait(on)
        })
    }

    /// Median milliseconds.
    pub fn ms(&self, time: Time) -> f64 {
        time.of(median(&self.samples))
    }
    /// GFLOP/s at `ms`.
    pub fn gflops(&self, ms: f64) -> f64 {
        self.cost.flops as f64 / ms * 1e-6
    }
    /// GB/s at `ms`.
    pub fn gbps(&self, ms: f64) -> f64 {
        self.cost.bytes as f64 / ms * 1e-6
    }

    /// Milliseconds of the best sample.
    fn best(&mut self, on: &Device, time: Time) -> Result<f64> {
        let mut best = f64::INFINITY;
        for _ in 0..CEILING_SAMPLES {
            best = best.min(time.of(self.sample(on)?));
        }
        Ok(best)
    }
}

/// What a device can do at most, as measured.
pub struct Ceiling {
    /// Of matrix products.
    pub gflops: f64,
    /// Of copies.
    pub gbps: f64,
}

/// Copies of 64 MiB by a pointwise kernel; the best variant of a large matrix product, on adapters that are hardware. What
/// runs on the processor is held to the processor's own product, 1024³ by the `gemm` crate.
pub fn ceilings(devices: &[Named], time: Time) -> Result<Vec<Ceiling>> {
    let processor = processor_gflops(time)?;
    let copy = OpCase::new("copy", Map::new(&arithmetic::AFFINE, &[2.0, 0.0]), [Gen::uniform([1 << 24], 0.0, 1.0)]);
    let product = Matmul { ta: false, tb: false };
    let product = OpCase::new("product", product, [Gen::normal([4096, 4096]), Gen::normal([4096, 4096])]);
    let mut ceilings = vec![];
    for (i, Named { device, .. }) in devices.iter().enumerate() {
        let hardware = matches!(device, Device::Gpu(gpu) if !gpu.caps().software);
        let mut ceiling = Ceiling { gflops: if hardware { 0.0 } else { processor }, gbps: 0.0 };
        for index in 0.. {
            let Some(mut kernel) = Kernel::new(i, device, "copy", &copy, index)? else { break };
            let ms = kernel.best(device, time)?;
            ceiling.gbps = ceiling.gbps.max(kernel.gbps(ms));
        }
        for index in (0..).take_while(|_| hardware) {
            let Some(mut kernel) = Kernel::new(i, device, "matmul", &product, index)? else { break };
            let ms = kernel.best(device, time)?;
            ceiling.gflops = ceiling.gflops.max(kernel.gflops(ms));
        }
        ceilings.push(ceiling);
    }
    Ok(ceilings)
}

/// GFLOP/s of the reference's 1024³ matrix product.
fn processor_gflops(time: Time) -> Result<f64> {
    const N: usize = 1024;
    let (a, mut c) = (vec![0.5_f32; N * N], vec![0.0_f32; N * N]);
    let mut best = f64::INFINITY;
    for _ in 0..CEILING_SAMPLES {
        let sample = timed(1, || {
            let strided = || Strided { data: &a[..], row: N, col: 1 };
            f32::matmul([N; 3], strided(), strided(), &mut c, N, false, Threads::All);
            Ok(())
        })?;
        best = best.min(time.of(sample));
    }
    Ok(2.0 * (N * N * N) as f64 / best * 1e-6)
}
