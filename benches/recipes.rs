//! Trains every built-in recipe on its embedded data and prints a row a recipe: what it is, its figure beside the trivial one,
//! and the time. `cargo bench --bench recipes -- [FILTER] [--device cpu] [--out out/recipes] [--again]` keeps the run folders;
//! a recipe whose summary is there already is not trained again unless told.

use clap::Parser;
use std::fs;
use std::path::{Path, PathBuf};
use wavae::recipe::{BUILT_IN, Recipe, Run};
use wavae::train::Progress;
use wavae::{Device, Error, Result};

#[derive(Parser)]
struct Args {
    /// Only recipes with this in their name
    filter: Option<String>,
    /// auto, gpu, software, cpu, or part of an adapter's name
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Where the run folders go
    #[arg(long, default_value = "out/recipes")]
    out: PathBuf,
    /// Train again what was trained before
    #[arg(long)]
    again: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// The recipes that are set as a paper trains on real data, for hours of a GPU.
fn long(name: &str) -> bool {
    name.ends_with("-mnist")
}

fn row(name: &str, folder: &Path) -> Result<String> {
    let file = folder.join("summary.json");
    let text = fs::read_to_string(&file).map_err(|e| Error::file(&file, e))?;
    let summary: serde_json::Value = serde_json::from_str(&text).map_err(|e| Error::file(&file, e))?;
    let word = |key: &str| summary[key].as_str().unwrap_or_default().to_string();
    let number = |key: &str| {
        let x = summary[key].as_f64().unwrap_or(f64::NAN);
        if x.abs() >= 100.0 {
            format!("{x:.1}")
        } else if x.abs() >= 1.0 {
            format!("{x:.2}")
        } else {
            format!("{x:.4}")
        }
    };
    let recipe = Recipe::named(name, &[])?;
    let seconds = summary["seconds"].as_f64().unwrap_or(f64::NAN);
    // A point has no KL, and no bound that would have one.
    let kl = summary["kl"].as_f64().filter(|_| summary.get("elbo").is_some());
    let kl = kl.map_or_else(|| "none".into(), |kl| format!("{kl:.1} nats"));
    let latent = format!("{kl}, {}", summary["active_units"]);
    Ok(format!(
        "| `{name}` | {} | {} | {} **{}** | {} ({}) | {latent} | {seconds:.0} s |",
        recipe.about,
        recipe.data.set,
        called(&word("metric")),
        number("value"),
        number("baseline"),
        word("against"),
    ))
}

/// What a metric is called in the table.
fn called(metric: &str) -> &str {
    match metric {
        "elbo" => "ELBO",
        "nll" => "−ln p(x)",
        "mse" => "squared error",
        "denoised-mse" => "squared error, denoised",
        "mig" => "MIG",
        "psnr" => "PSNR",
        "auroc" => "AUROC",
        "classification-error" => "error",
        "propagated-error" => "error by spread labels",
        "retrieval" => "recall@1",
        other => other,
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let device = Device::open(&args.device)?;
    println!("{device}\n");
    println!("| recipe | | data | figure | baseline | KL, active units | training |\n|---|---|---|---|---|---|---|");
    for (name, _) in BUILT_IN {
        if long(name) || args.filter.as_ref().is_some_and(|filter| !name.contains(filter.as_str())) {
            continue;
        }
        let folder = args.out.join(name);
        if args.again || !folder.join("summary.json").is_file() {
            let recipe = Recipe::named(name, &[])?;
            let steps = recipe.train.steps;
            let trained =
                Run::new(recipe, None, &device).and_then(|mut run| run.train(&folder, &mut Progress::hidden(steps)));
            if let Err(error) = trained {
                println!("| `{name}` | {error} | | | | | |");
                continue;
            }
        }
        println!("{}", row(name, &folder)?);
    }
    Ok(())
}
