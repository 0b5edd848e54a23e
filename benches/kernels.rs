//! Time of single kernels: every variant of every op at the sizes of real work (the `bench` cases of the op table), with
//! GFLOP/s and GB/s by [`wavae::ops::Op::cost`], compilation, and the share of the device's own measured ceilings: the
//! larger of flops against a matrix product and bytes against a copy. A summary says where the first variant, which lowering
//! takes, is not the best, and what is far from its ceiling.
//!
//! `cargo bench --bench kernels -- [FILTER] [--device both|all|software|cpu|NAME] [--time clock|processor]
//! [--variants N] [--json]`

mod common;
#[path = "common/kernel.rs"]
mod kernel;

use clap::Parser;
use common::{Named, devices, median};
use kernel::{Ceiling, Kernel, Time, ceilings};
use serde_json::json;
use std::collections::BTreeMap;
use wavae::Result;
use wavae::ops::registry;
use wavae::testing::OpCase;

/// Samples of each kernel; devices take turns.
const SAMPLES: usize = 9;
/// The first variant may take this much longer than the best.
const CHOICE: f64 = 1.2;
/// Products below these shares of a matrix product's rate are named, the second more loudly.
const PRODUCTS: [f64; 2] = [0.15, 0.08];
/// Everything else below this share of its ceiling is named.
const PASSES: f64 = 0.5;

/// Times every kernel variant.
#[derive(Parser)]
struct Args {
    /// both (software and cpu), all, gpu, software, cpu, or part of an adapter's name
    #[arg(long, default_value = "both")]
    device: String,
    /// Rates by the clock, or by processor time over the threads where the machine is busy
    #[arg(long, value_enum, default_value_t = Time::Clock)]
    time: Time,
    /// Only this many variants of each, best first: 1 is what lowering takes
    #[arg(long, default_value_t = usize::MAX)]
    variants: usize,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
    /// Only kernels whose `family/case` contains this
    filter: Option<String>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// A kernel's figures.
struct Row {
    name: [String; 3],
    device: String,
    index: usize,
    products: bool,
    ms: f64,
    /// Of the matrix product's rate.
    gflops_share: f64,
    /// Of the larger of both ceilings.
    share: f64,
}

impl Row {
    /// Prints the kernel and keeps what the summary needs.
    fn print(kernel: &Kernel, devices: &[Named], ceilings: &[Ceiling], args: &Args) -> Self {
        let (ms, ceiling) = (kernel.ms(args.time), &ceilings[kernel.device]);
        let (gflops, gbps) = (kernel.gflops(ms), kernel.gbps(ms));
        let gflops_share = gflops / ceiling.gflops;
        let share = gflops_share.max(gbps / ceiling.gbps);
        let device = devices[kernel.device].name.clone();
        let [op, case, variant] = &kernel.name;
        let both = median(&kernel.samples);
        if args.json {
            let line = json!({
                "op": op, "case": case, "variant": variant, "device": device, "ms": ms,
                "clock_ms": both.ms, "processor_ms": both.processor_ms, "gflops": gflops, "gbps": gbps,
                "share_of_peak": share, "compile_ms": kernel.compile_ms,
                "ceiling_gflops": ceiling.gflops, "ceiling_gbps": ceiling.gbps,
            });
            println!("{line}");
        } else {
            println!(
                "{device:9} {:9.3} {:9.3} {gflops:9.2} {gbps:7.2} {:6.1} % {:9.0}  {op}/{case}/{variant}",
                both.ms,
                both.processor_ms,
                100.0 * share,
                kernel.compile_ms,
            );
        }
        let (name, index, products) = (kernel.name.clone(), kernel.index, kernel.products);
        Self { name, device, index, products, ms, gflops_share, share }
    }

    /// What is to be said against a kernel that lowering takes.
    fn complaint(&self) -> Option<String> {
        let said =
            |share: f64, least: f64, of| Some(format!("{:.1} % of {of}, below {:.0} %", 100.0 * share, 100.0 * least));
        match (self.products, self.gflops_share, self.share) {
            (true, share, _) if share < PRODUCTS[1] => said(share, PRODUCTS[1], "a matrix product's rate"),
            (true, share, _) if share < PRODUCTS[0] => said(share, PRODUCTS[0], "a matrix product's rate"),
            (false, _, share) if share < PASSES => said(share, PASSES, "a copy's rate"),
            _ => None,
        }
    }
}

/// By device and family: how the first variants stand against the best, and against the ceilings.
fn summary(rows: &[Row]) -> Vec<String> {
    let mut cases: BTreeMap<(&str, &str, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        cases.entry((&row.device, &row.name[0], &row.name[1])).or_default().push(row);
    }
    let mut lines = vec!["\nWhat lowering takes, against the best variant and the ceilings:".into()];
    let (mut late, mut low) = (0, 0);
    for ((device, op, case), variants) in &cases {
        let Some(first) = variants.iter().find(|row| row.index == 0) else { continue };
        let Some(best) = variants.iter().min_by(|a, b| a.ms.total_cmp(&b.ms)) else { continue };
        let ratio = first.ms / best.ms;
        let choice = (ratio > CHOICE).then(|| format!("{ratio:.2} times `{}`", best.name[2]));
        let complaint = first.complaint();
        late += usize::from(choice.is_some());
        low += usize::from(complaint.is_some());
        let said: Vec<String> = choice.into_iter().chain(complaint).collect();
        if !said.is_empty() {
            lines.push(format!("  {device:9} {op}/{case}/{}: {}", first.name[2], said.join("; ")));
        }
    }
    lines.extend(families(&cases));
    let count = cases.len();
    lines.push(format!(
        "{count} cases: in {late} another variant is over {CHOICE} times faster, {low} are far from a ceiling"
    ));
    lines
}

/// A line a family: worst ratio of first to best, least share of a ceiling.
fn families(cases: &BTreeMap<(&str, &str, &str), Vec<&Row>>) -> Vec<String> {
    let mut families: BTreeMap<(&str, &str), (f64, f64, usize)> = BTreeMap::new();
    for ((device, op, _), variants) in cases {
        let best = variants.iter().map(|row| row.ms).fold(f64::INFINITY, f64::min);
        let entry = families.entry((device, op)).or_insert((0.0, f64::INFINITY, 0));
        for first in variants.iter().filter(|row| row.index == 0) {
            *entry = (entry.0.max(first.ms / best), entry.1.min(first.share), entry.2 + 1);
        }
    }
    let mut lines = vec!["\ndevice    family       cases  worst first/best  least share".into()];
    for ((device, op), (ratio, share, count)) in families {
        lines.push(format!("{device:9} {op:12} {count:5} {ratio:17.2} {:10.1} %", 100.0 * share));
    }
    lines
}

/// Prints what is for people: with `--json` apart from the objects.
fn say(args: &Args, line: &str) {
    match args.json {
        true => eprintln!("{line}"),
        false => println!("{line}"),
    }
}

/// The first `most` variants of `case` on every device.
fn variants(devices: &[Named], family: &str, case: &OpCase, most: usize) -> Result<Vec<Kernel>> {
    let mut kernels = vec![];
    for (i, Named { device, .. }) in devices.iter().enumerate() {
        for index in 0..most {
            match Kernel::new(i, device, family, case, index)? {
                Some(kernel) => kernels.push(kernel),
                None => break,
            }
        }
    }
    Ok(kernels)
}

fn main() -> Result<()> {
    let args = Args::parse();
    let devices = devices(&args.device)?;
    let ceilings = ceilings(&devices, args.time)?;
    for (Named { name, .. }, Ceiling { gflops, gbps }) in devices.iter().zip(&ceilings) {
        say(&args, &format!("{name}: matrix product {gflops:.0} GFLOP/s, copy {gbps:.1} GB/s"));
    }
    say(&args, "device           ms processor   GFLOP/s    GB/s    share   compile  kernel");
    let mut rows = vec![];
    for entry in registry() {
        for case in (entry.bench)() {
            let name = format!("{}/{}", entry.name, case.name);
            if args.filter.as_ref().is_some_and(|f| !name.contains(f.as_str())) {
                continue;
            }
            let mut kernels = variants(&devices, entry.name, &case, args.variants)?;
            for _ in 0..SAMPLES {
                for kernel in &mut kernels {
                    let sample = kernel.sample(&devices[kernel.device].device)?;
                    kernel.samples.push(sample);
                }
            }
            rows.extend(kernels.iter().map(|kernel| Row::print(kernel, &devices, &ceilings, &args)));
        }
    }
    summary(&rows).iter().for_each(|line| say(&args, line));
    Ok(())
}
