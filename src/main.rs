//! The program `wavae`: recipes, training, evaluation, samples, compression.

use clap::{Parser, Subcommand};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wavae::eval::Compressed;
use wavae::recipe::{BUILT_IN, Codec, Drawn, Recipe, Run, Sampler, Scores, Summary};
use wavae::train::Progress;
use wavae::{Device, Error, Result};

/// A line to the standard output.
macro_rules! say {
    ($($part:tt)*) => { line(format_args!($($part)*))? };
}

/// Writes a line. Whoever reads no further (`| head`) is no failure, but the end.
fn line(text: std::fmt::Arguments<'_>) -> Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.map_err(|error| Error::file("standard output", error)),
    }
}

/// Variational autoencoders on any GPU.
#[derive(Parser)]
#[command(version, about)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the built-in recipes, or show one
    Recipes {
        #[command(subcommand)]
        show: Option<Show>,
    },
    /// Train a recipe and write its folder: weights, metrics, pictures, summary
    Train {
        /// A built-in recipe's name, or a file that ends in .toml
        #[arg(long)]
        recipe: String,
        /// A folder or file with real data; without, the embedded set is drawn
        #[arg(long)]
        data: Option<PathBuf>,
        /// Change a key of the recipe: model.latent=32
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Steps, in place of the recipe's
        #[arg(long)]
        steps: Option<u64>,
        /// Where the run goes; out/NAME without
        #[arg(long)]
        out: Option<PathBuf>,
        /// First measure the kernel variants on this device, and keep the fastest for later runs too
        #[arg(long)]
        tune: bool,
        /// auto, gpu, software, cpu, or part of an adapter's name
        #[arg(long, default_value = "auto")]
        device: String,
    },
    /// Measure a run again, and draw its pictures anew; on other data into the folder eval/ beside
    Eval {
        #[command(flatten)]
        of: Trained,
    },
    /// Codes and bounds of the held-out examples: mu.npy, and bounds.csv, whose sum says how strange each is
    Encode {
        #[command(flatten)]
        of: Trained,
        /// The folder for the files; the run's own without
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Draw examples from a trained model
    Sample {
        #[command(flatten)]
        of: Trained,
        /// Where codes come from: prior, or fitted to the codes: normal, mixture, maf (flows)
        #[arg(long, default_value = "prior")]
        sampler: String,
        /// How many
        #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        count: u32,
        /// Another seed draws others
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Of text and sketches: below 1 the likelier, at 0 the most likely
        #[arg(long, default_value_t = 1.0)]
        temperature: f32,
        /// The class by name or number, for models that are given one; all in turn without
        #[arg(long)]
        class: Option<String>,
        /// The folder for the samples; the run's own without
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Images to a file of codes, by a trained model
    Compress {
        /// The folder that `train` wrote
        #[arg(long)]
        run: PathBuf,
        /// Images of the model's size; without any, the held-out examples of the run
        images: Vec<PathBuf>,
        /// The file to write
        #[arg(long)]
        out: PathBuf,
        /// Steps that codes are rounded to, in σ of the posterior; larger is smaller files
        #[arg(long, default_value_t = 1.0)]
        step: f64,
        /// auto, gpu, software, cpu, or part of an adapter's name
        #[arg(long, default_value = "auto")]
        device: String,
    },
    /// A file of codes to images, by the model that wrote it
    Decompress {
        /// The folder that `train` wrote
        #[arg(long)]
        run: PathBuf,
        /// The file
        file: PathBuf,
        /// The folder for the images
        #[arg(long)]
        out: PathBuf,
        /// auto, gpu, software, cpu, or part of an adapter's name
        #[arg(long, default_value = "auto")]
        device: String,
    },
}

/// A run that was trained.
#[derive(clap::Args)]
struct Trained {
    /// The folder that `train` wrote
    #[arg(long)]
    run: PathBuf,
    /// Other data than those it was trained on
    #[arg(long)]
    data: Option<PathBuf>,
    /// auto, gpu, software, cpu, or part of an adapter's name
    #[arg(long, default_value = "auto")]
    device: String,
}

#[derive(Subcommand)]
enum Show {
    /// The recipe with all defaults, as TOML
    Show {
        /// Its name
        name: String,
    },
}

fn main() -> ExitCode {
    match run(Args::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Recipes { show: None } => {
            for (name, _) in BUILT_IN {
                say!("{name:24} {}", Recipe::named(name, &[])?.about);
            }
            Ok(())
        }
        Command::Recipes { show: Some(Show::Show { name }) } => {
            say!("{}", read(&name, &[])?.to_toml()?.trim_end());
            Ok(())
        }
        Command::Train { recipe, data, mut set, steps, out, tune, device } => {
            // Steps that are asked for are not those of so many passes.
            let counted = |steps| [("steps", steps), ("epochs", 0), ("stages", 0)];
            set.extend(steps.into_iter().flat_map(counted).map(|(key, number)| format!("train.{key}={number}")));
            let stem = Path::new(&recipe).file_stem().map(Path::new).unwrap_or(Path::new("run"));
            let out = out.unwrap_or_else(|| Path::new("out").join(stem));
            train(read(&recipe, &set)?, data.as_deref(), &out, tune, &device)
        }
        Command::Eval { of } => {
            // Figures on other data are no figures of the run.
            let out = if of.data.is_some() { of.run.join("eval") } else { of.run.clone() };
            report(&of.open()?.evaluate(&of.run, &out)?, &out)
        }
        Command::Sample { of, sampler, count, seed, temperature, class, out } => {
            let how = Drawn { sampler: sampler.parse()?, count: count as usize, seed, temperature, class };
            let mut trained = of.open()?;
            if how.sampler == Sampler::Maf {
                say!("fitting flows to the codes of the training set");
            }
            for file in trained.sample(&of.run, &how, out.as_deref().unwrap_or(&of.run))? {
                say!("written: {}", file.display());
            }
            Ok(())
        }
        Command::Encode { of, out } => {
            for file in of.open()?.encode(&of.run, out.as_deref().unwrap_or(&of.run))? {
                say!("written: {}", file.display());
            }
            Ok(())
        }
        Command::Compress { run, images, out, step, device } => compress(&run, &images, &out, step, &device),
        Command::Decompress { run, file, out, device } => {
            let file = Compressed::load(file)?;
            let count = Codec::open(&run, &open(&device)?)?.write(&file, &out)?;
            say!("{count} images\nwritten: {}", out.display());
            Ok(())
        }
    }
}

/// The recipe called `name`, built in or a file.
fn read(name: &str, set: &[String]) -> Result<Recipe> {
    let pair = |change: &String| match change.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_string(), value.trim().to_string())),
        None => Err(Error::Config(format!("--set {change}: write KEY=VALUE, as in model.latent=32"))),
    };
    let changes = set.iter().map(pair).collect::<Result<Vec<_>>>()?;
    let changes: Vec<(&str, &str)> = changes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    if !name.ends_with(".toml") {
        return Recipe::named(name, &changes);
    }
    let text = std::fs::read_to_string(name).map_err(|e| Error::file(name, e))?;
    Recipe::parse(&text, &changes).map_err(|e| Error::file(name, e))
}

fn open(request: &str) -> Result<Device> {
    let device = Device::open(request)?;
    say!("device: {device}");
    if let Some(remark) = device.remark(request) {
        say!("        {remark}");
    }
    Ok(device)
}

fn train(recipe: Recipe, data: Option<&Path>, out: &Path, tune: bool, device: &str) -> Result<()> {
    say!("recipe: {}", recipe.about);
    let device = open(device)?;
    if tune {
        Run::tune(&recipe, data, &device, &mut |step| eprintln!("  {step}"))?;
    }
    let mut run = Run::new(recipe, data, &device)?;
    say!("data: {}", run.origin());
    say!("model: {} parameters", run.trainer().parameter_count());
    say!("{}", run.trainer().plan());
    let mut progress = Progress::new(run.trainer().config().steps, run.trainer().config().batch);
    let summary = run.train(out, &mut progress)?;
    report(&summary, out)
}

fn compress(run: &Path, images: &[PathBuf], out: &Path, step: f64, device: &str) -> Result<()> {
    let mut codec = Codec::open(run, &open(device)?)?;
    let set = match images {
        [] => codec.held_out()?,
        files => codec.read(files)?,
    };
    let file = codec.compress(&set, step)?;
    let bytes = file.save(out)?;
    let (bits, psnr) = (file.bits_per_pixel(bytes), codec.psnr(&set, &file)?);
    say!("{} images in {bytes} bytes: {bits:.3} bits per pixel, PSNR {psnr:.2} dB", file.examples());
    say!("written: {}", out.display());
    Ok(())
}

impl Trained {
    /// The run on the data that it was trained on, or on others.
    fn open(&self) -> Result<Run> {
        let run = Run::open(&self.run, self.data.as_deref(), &open(&self.device)?)?;
        say!("data: {}", run.origin());
        Ok(run)
    }
}

fn report(summary: &Summary, out: &Path) -> Result<()> {
    let Summary { figure, elbo, reconstruction, kl, active_units, .. } = summary;
    let terms = match elbo {
        Some(elbo) => format!("ELBO {elbo:.2}, reconstruction {reconstruction:.2}, KL {kl:.2}"),
        None => format!("reconstruction {reconstruction:.2}"),
    };
    say!("held out: {terms} nats/example, {active_units} active units");
    let samples = figure.effective_samples.map_or_else(String::new, |n| format!(" ({n:.1} effective samples or more)"));
    let error = figure.standard_error.map_or_else(String::new, |error| format!(" ± {error:.4}{samples}"));
    say!("{}: {:.4}{error}; {}: {:.4}", figure.metric, figure.value, figure.against, figure.baseline);
    if let Some(bits) = summary.bits_per_dimension {
        say!("bound: {bits:.4} bits per dimension");
    }
    if let Some(scores) = &summary.disentanglement {
        let Scores { mig, mig_of, sap, dci_disentanglement, dci_completeness, dci_informativeness, factor_vae } =
            scores;
        say!(
            "factors: MIG {mig:.3}, SAP {sap:.3}, DCI {dci_disentanglement:.3} {dci_completeness:.3} \
             {dci_informativeness:.3}, FactorVAE {factor_vae:.3}"
        );
        let each: Vec<String> = mig_of.iter().map(|(name, gap)| format!("{name} {gap:.3}")).collect();
        say!("         MIG of {}", each.join(", "));
    }
    if let Some(warning) = &summary.warning {
        say!("warning: {warning}");
    }
    say!("written: {}", out.display());
    Ok(())
}
