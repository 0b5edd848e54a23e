//! Runs every kernel variant of the op table on one device against the f64 reference: does this driver compile our kernels
//! rightly? `cargo run --release --example selftest [-- --device NAME] [FILTER]`; `WGPU_BACKEND` and `WAVAE_LIMITS` count.

use clap::Parser;
use std::process::ExitCode;
use std::time::Instant;
use wavae::error::{Error, Result};
use wavae::gpu::{Gpu, LimitsChoice, Request};
use wavae::testing::{Report, selftest_with};

/// Tests every kernel on this device.
#[derive(Parser)]
struct Args {
    /// auto (hardware, else software), gpu, software, or part of an adapter's name
    #[arg(long, default_value = "auto")]
    device: String,
    /// Only what has this in its name, as in `conv/`
    #[arg(default_value = "")]
    filter: String,
    /// A line a case, with its time
    #[arg(long, short)]
    verbose: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(report) => {
            println!("{report}");
            if report.failed.is_empty() && report.cases > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<Report> {
    let limits = LimitsChoice::from_env()?;
    let request = args.device.parse::<Request>()?;
    let gpu = match (Gpu::open(&request, limits)?, request) {
        (Some(gpu), _) => gpu,
        (None, Request::Auto) => Gpu::open(&Request::Software, limits)?.ok_or(Error::Device("no adapter".into()))?,
        (None, _) => return Err(Error::Device("the CPU device is the reference itself: name an adapter".into())),
    };
    println!("{}", gpu.info());
    let mut since = Instant::now();
    Ok(selftest_with(&gpu, &args.filter, |name, outcome| {
        let seconds = since.elapsed().as_secs_f64();
        since = Instant::now();
        match outcome {
            Ok(variants) if args.verbose => println!("{name}: {variants} variants, {seconds:.2} s"),
            Ok(_) => (),
            Err(e) => println!("{name}: {e}"),
        }
    }))
}
