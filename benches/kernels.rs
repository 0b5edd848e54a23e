//! Time of single kernels: every variant of every op at the sizes of real work (the `bench` cases of the op table), with
//! GFLOP/s and GB/s by [`wavae::ops::Op::cost`], the first dispatch (where drivers compile), and the share of what the
//! device could do: the larger of flops at the machine's best matrix product and bytes at its best copy, over the time.
//!
//! `cargo bench --bench kernels -- [FILTER] [--device both|all|software|cpu|NAME] [--json]`

mod common;

use clap::Parser;
use common::{Named, Sample, devices, median, timed, wait};
use serde_json::json;
use std::time::Instant;
use wavae::cpu::{Real, Strided, Threads};
use wavae::gpu::{GpuExecutable, GpuStore};
use wavae::lower::caps::Caps;
use wavae::ops::pointwise::{Map, arithmetic};
use wavae::ops::{Cost, registry};
use wavae::testing::{Gen, OpCase, lower_case};
use wavae::{Device, Executable, Result, Store};

/// Samples of each kernel; devices take turns.
const SAMPLES: usize = 9;
/// A sample lasts at least this long, so that the submission does not count.
const SAMPLE_SECONDS: f64 = 0.01;

/// Times every kernel variant.
#[derive(Parser)]
struct Args {
    /// both (software and cpu), all, gpu, software, cpu, or part of an adapter's name
    #[arg(long, default_value = "both")]
    device: String,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
    /// Only kernels whose `family/case/variant` contains this
    filter: Option<String>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

enum Exe {
    Gpu(Box<GpuExecutable>),
    Cpu(Box<Executable>),
}

/// A kernel variant on a device.
struct Kernel {
    device: usize,
    name: String,
    cost: Cost,
    exe: Exe,
    repeats: usize,
    first_ms: f64,
    samples: Vec<Sample>,
}

impl Kernel {
    /// Variant `index` of `case`; `None` past the last.
    fn new(device: usize, on: &Device, family: &str, case: &OpCase, index: usize) -> Result<Option<Self>> {
        let minimum = Caps::minimum();
        let caps = match on {
            Device::Gpu(gpu) => gpu.caps(),
            Device::Cpu => &minimum,
        };
        if index > 0 && matches!(on, Device::Cpu) {
            return Ok(None);
        }
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
        let name = format!("{family}/{}/{variant}", case.name);
        let mut kernel = Self { device, name, cost, exe, repeats: 1, first_ms: 0.0, samples: vec![] };
        kernel.sample(on)?;
        kernel.first_ms = start.elapsed().as_secs_f64() * 1e3;
        let warm = kernel.sample(on)?.ms;
        kernel.repeats = (SAMPLE_SECONDS * 1e3 / warm).ceil().clamp(1.0, 1000.0) as usize;
        Ok(Some(kernel))
    }

    fn sample(&mut self, on: &Device) -> Result<Sample> {
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
}

/// What the devices can do at most, as measured.
struct Peaks {
    gflops: f64,
    /// By device.
    gbytes: Vec<f64>,
}

/// GFLOP/s of the reference's 1024³ matrix product, GB/s of a pointwise copy of 64 MiB on each device.
fn peaks(devices: &[Named]) -> Result<Peaks> {
    const N: usize = 1024;
    let (a, mut c) = (vec![0.5_f32; N * N], vec![0.0_f32; N * N]);
    let mut best = |_| {
        let start = Instant::now();
        let strided = || Strided { data: &a[..], row: N, col: 1 };
        f32::matmul([N; 3], strided(), strided(), &mut c, N, false, Threads::All);
        2.0 * (N * N * N) as f64 / start.elapsed().as_secs_f64() * 1e-9
    };
    let gflops = (0..9).map(&mut best).fold(0.0, f64::max);
    let copy = OpCase::new("copy", Map::new(&arithmetic::AFFINE, &[2.0, 0.0]), [Gen::uniform([1 << 24], 0.0, 1.0)]);
    let mut gbytes = vec![];
    for (i, Named { device, .. }) in devices.iter().enumerate() {
        let mut best = f64::INFINITY;
        if let Some(mut kernel) = Kernel::new(i, device, "peak", &copy, 0)? {
            for _ in 0..9 {
                best = best.min(kernel.sample(device)?.ms);
            }
        }
        gbytes.push((8 << 24) as f64 / best * 1e-6);
    }
    Ok(Peaks { gflops, gbytes })
}

fn print(kernel: &Kernel, devices: &[Named], peaks: &Peaks, json: bool) {
    let Sample { ms, processor_ms } = median(&kernel.samples);
    let gflops = kernel.cost.flops as f64 / ms * 1e-6;
    let gbytes = kernel.cost.bytes as f64 / ms * 1e-6;
    // Only the CPU's ceiling is known before matrix products have run, and a software adapter runs on the same cores.
    let share = (gflops / peaks.gflops).max(gbytes / peaks.gbytes[kernel.device]);
    let device = &devices[kernel.device].name;
    if json {
        let line = json!({
            "kernel": kernel.name, "device": device, "ms": ms, "processor_ms": processor_ms,
            "gflops": gflops, "gbytes_per_s": gbytes,
            "share_of_peak": share, "first_dispatch_ms": kernel.first_ms,
        });
        println!("{line}");
    } else {
        println!(
            "{device:9} {ms:9.3} {processor_ms:9.2} {gflops:9.2} {gbytes:7.2} {:6.1} % {:9.0}  {}",
            100.0 * share,
            kernel.first_ms,
            kernel.name
        );
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let devices = devices(&args.device)?;
    let mut peaks = peaks(&devices)?;
    if !args.json {
        let copies: Vec<String> =
            devices.iter().zip(&peaks.gbytes).map(|(d, gb)| format!("{} {gb:.1}", d.name)).collect();
        println!("matrix product on the CPU {:.0} GFLOP/s; copy, GB/s: {}", peaks.gflops, copies.join(", "));
        println!("device           ms processor   GFLOP/s    GB/s    share  first ms  kernel");
    }
    for entry in registry() {
        for case in (entry.bench)() {
            let mut kernels = vec![];
            for (i, Named { device, .. }) in devices.iter().enumerate() {
                for index in 0.. {
                    let name = format!("{}/{}", entry.name, case.name);
                    if args.filter.as_ref().is_some_and(|f| !name.contains(f.as_str())) {
                        break;
                    }
                    match Kernel::new(i, device, entry.name, &case, index)? {
                        Some(kernel) => kernels.push(kernel),
                        None => break,
                    }
                }
            }
            for _ in 0..SAMPLES {
                for kernel in &mut kernels {
                    let sample = kernel.sample(&devices[kernel.device].device)?;
                    kernel.samples.push(sample);
                }
            }
            for kernel in &kernels {
                // A hardware adapter's ceiling is the best that its own kernels have shown.
                let hardware = matches!(&devices[kernel.device].device, Device::Gpu(gpu) if !gpu.caps().software);
                if hardware {
                    peaks.gflops = peaks.gflops.max(kernel.cost.flops as f64 / median(&kernel.samples).ms * 1e-6);
                }
                print(kernel, &devices, &peaks, args.json);
            }
        }
    }
    Ok(())
}
