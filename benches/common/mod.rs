//! What both benches share: devices by request, samples, medians.
#![allow(dead_code, reason = "each bench uses its part")]

use std::time::Instant;
use wavae::gpu::device::adapters;
use wavae::{Device, Result};

/// A device under its short name.
pub struct Named {
    /// `cpu`, or the adapter's name.
    pub name: String,
    /// The device.
    pub device: Device,
}

/// The devices of `request`: `both` (the software adapter where there is one, and the CPU), `all` (every adapter, and
/// the CPU), or what [`Device::open`] takes.
pub fn devices(request: &str) -> Result<Vec<Named>> {
    let mut devices = vec![];
    match request {
        "both" => {
            match Device::open("software") {
                Ok(device) => devices.push(Named { name: "software".into(), device }),
                Err(e) => eprintln!("no software adapter: {e}"),
            }
            devices.push(Named { name: "cpu".into(), device: Device::Cpu });
        }
        "all" => {
            for info in adapters()? {
                match Device::open(&info.name) {
                    Ok(device) => devices.push(Named { name: info.name, device }),
                    Err(e) => eprintln!("{}: {e}", info.name),
                }
            }
            devices.push(Named { name: "cpu".into(), device: Device::Cpu });
        }
        name => devices.push(Named { name: name.into(), device: Device::open(name)? }),
    }
    for Named { name, device } in &devices {
        eprintln!("{name}: {device}");
    }
    Ok(devices)
}

/// Waits until `device` has done everything queued.
pub fn wait(device: &Device) -> Result<()> {
    match device {
        Device::Cpu => Ok(()),
        Device::Gpu(gpu) => gpu.wait(),
    }
}

/// The value below which the share `q` of `samples` lies.
pub fn quantile(samples: &[f64], q: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * q).round() as usize]
}

/// Processor time that this process has used so far over all its threads, ms; `None` where the system does not say. On a
/// busy machine it tells more than the clock.
pub fn processor_ms() -> Option<f64> {
    let mut total = 0.0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        total += text.split(' ').next()?.parse::<f64>().ok()?;
    }
    Some(total * 1e-6)
}

/// Wall-clock and processor milliseconds of one step.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// By the clock.
    pub ms: f64,
    /// Over all threads; NaN where the system does not say.
    pub processor_ms: f64,
}

/// Times `f`, which runs `repeats` steps.
pub fn timed(repeats: usize, f: impl FnOnce() -> Result<()>) -> Result<Sample> {
    let (start, before) = (Instant::now(), processor_ms());
    f()?;
    let ms = start.elapsed().as_secs_f64() * 1e3;
    let used = processor_ms().zip(before).map_or(f64::NAN, |(after, before)| after - before);
    Ok(Sample { ms: ms / repeats as f64, processor_ms: used / repeats as f64 })
}

/// Medians of both.
pub fn median(samples: &[Sample]) -> Sample {
    let of = |f: fn(&Sample) -> f64| quantile(&samples.iter().map(f).collect::<Vec<_>>(), 0.5);
    Sample { ms: of(|s| s.ms), processor_ms: of(|s| s.processor_ms) }
}
