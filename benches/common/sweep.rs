//! How the cost of a step grows with the batch and with the model's width, and what checkpointing trades.

use crate::common::{Named, median};
use crate::run::{Run, Spec};
use serde_json::json;
use wavae::Result;
use wavae::graph::Recompute;

/// Batches compared; time per image should be the same in all.
const BATCHES: [usize; 5] = [32, 64, 128, 256, 512];
/// Per-image times may lie this far apart.
const FLAT: f64 = 1.15;
/// A model of twice the width may cost this much more.
const TWICE: f64 = 4.2;

fn measured(specs: Vec<Spec>, device: &Named, samples: usize) -> Result<Vec<Run>> {
    let mut runs = specs.into_iter().map(|spec| Run::new(spec, device)).collect::<Result<Vec<_>>>()?;
    for _ in 0..samples.max(1) {
        for run in &mut runs {
            let sample = run.sample()?;
            run.samples.push(sample);
        }
    }
    Ok(runs)
}

/// W2 with and without checkpointing, taking turns: bytes and time.
pub fn checkpointing(device: &Named, samples: usize, json: bool) -> Result<()> {
    let specs = [Recompute::Nothing, Recompute::Cheap, Recompute::Segments]
        .map(|recompute| Spec { recompute, ..Spec::new("W2", None, 1) });
    let runs = measured(specs.to_vec(), device, samples)?;
    if !json {
        println!("\nW2 on {}, checkpointing\n             MiB     clock processor", device.name);
    }
    let plain = median(&runs[0].samples);
    for run in &runs {
        let sample = median(&run.samples);
        let (clock, processor) = (sample.ms / plain.ms, sample.processor_ms / plain.processor_ms);
        let mib = run.executable().planned_bytes() as f64 / f64::from(1 << 20);
        match json {
            true => println!("{}", run.line(&run.samples)),
            false => println!("{:8} {mib:7.1} {clock:8.2}x {processor:8.2}x", run.spec.recompute.to_string()),
        }
    }
    Ok(())
}

/// Times W2 at every batch, and at twice the width, taking turns; prints milliseconds per image and the ratios.
pub fn sweep(device: &Named, samples: usize, json: bool) -> Result<()> {
    let mut specs: Vec<_> = BATCHES.iter().map(|&batch| Spec::new("W2", Some(batch), 1)).collect();
    specs.push(Spec::new("W2", None, 2));
    let runs = measured(specs, device, samples)?;
    if !json {
        println!("\nW2 on {}, ms per image\n   batch width     clock processor", device.name);
    }
    let mut cost = vec![];
    for run in &runs {
        let (middle, images) = (median(&run.samples), run.spec.batch as f64);
        let (ms, processor) = (middle.ms / images, middle.processor_ms / images);
        cost.push([ms, processor]);
        if json {
            let mut line = run.line(&run.samples);
            (line["ms_per_image"], line["processor_ms_per_image"]) = (ms.into(), processor.into());
            println!("{line}");
        } else {
            println!("{:8} {:5} {ms:9.3} {processor:9.3}", run.spec.batch, run.spec.width);
        }
    }
    for (kind, name) in ["clock", "processor time"].into_iter().enumerate() {
        let flat: Vec<f64> = cost[..BATCHES.len()].iter().map(|c| c[kind]).collect();
        let (least, most) = flat.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &x| (a.min(x), b.max(x)));
        let (spread, twice) = (most / least, cost[BATCHES.len()][kind] / cost[1][kind]);
        if json {
            println!(
                "{}",
                json!({ "device": device.name, "by": name, "batch_spread": spread, "twice_the_width": twice })
            );
            continue;
        }
        let verdict = |ok| if ok { "" } else { "  <-- over" };
        println!("  by {name}: slowest batch / fastest {spread:.2} (goal {FLAT}){}", verdict(spread <= FLAT));
        println!("  by {name}: twice the width costs {twice:.2} (goal {TWICE}){}", verdict(twice <= TWICE));
    }
    Ok(())
}
