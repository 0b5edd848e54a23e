//! Every recipe that is built in, made small: gradients of the whole objective against central differences in f64 and on both
//! devices against f64, ten training steps, save and load. And the program around them.

mod common;

use common::models::Objective;
use common::whole::{near_differences, near_exact};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use wavae::data::{Split, load_npy, synthetic_digits, write_idx};
use wavae::graph::Recompute;
use wavae::recipe::{BUILT_IN, Recipe, Run};
use wavae::train::Progress;
use wavae::{Array, ArrayData, Device};

/// What makes a recipe small: few examples and units, and smooth functions, since differences across a kink mean nothing.
fn changes(text: &str) -> Vec<(&'static str, &'static str)> {
    let mut changes = vec![
        ("data.train", "40"),
        ("data.valid", "4"),
        ("data.test", "6"),
        ("train.batch", "8"),
        ("train.steps", "10"),
        ("train.validate_every", "10"),
        ("train.stages", "0"),
        ("figure.samples", "20"),
    ];
    let table: toml::Table = toml::from_str(text).unwrap();
    let kind = |path: [&str; 2]| {
        let part = table["model"]
            .get(path[0])
            .and_then(|part| if path[1].is_empty() { Some(part) } else { part.get(path[1]) });
        part.and_then(|part| part.get("kind")?.as_str()).unwrap_or_default().to_string()
    };
    match kind(["encoder", ""]).as_str() {
        "mlp" => changes.extend([("model.encoder.hidden", "[9, 7]"), ("model.encoder.activation", "tanh")]),
        "conv" => changes.extend([("model.encoder.channels", "[3, 4, 5]"), ("model.encoder.activation", "silu")]),
        "residual" => changes.extend([("model.encoder.channels", "[3, 4]")]),
        "conv1d" => changes.extend([("model.encoder.channels", "[3, 4]"), ("model.encoder.dense", "5")]),
        "gru" | "lstm" => changes.push(("model.encoder.hidden", "5")),
        _ => {}
    }
    if ["gru", "lstm"].contains(&kind(["decoder", ""]).as_str()) {
        changes.push(("model.decoder.hidden", "6"));
    }
    match table["model"]["kind"].as_str() {
        Some("ladder") => changes.push(("model.levels", "[{ latent = 3, hidden = 5 }, { latent = 2 }]")),
        Some("quantized") => changes.extend([
            ("model.codes", "7"),
            ("model.width", "3"),
            ("model.channels", "[4, 5]"),
            ("model.prior", "{ width = 6, blocks = 1, heads = 2 }"),
        ]),
        Some(name @ ("m1" | "m2" | "m1m2")) => {
            changes.extend([("data.train", "120"), ("data.labels", "60")]); // some in any six examples
            if name != "m2" {
                changes.extend([("model.below.encoder.hidden", "[9]"), ("model.below.latent", "4")]);
                changes.push(("model.below.encoder.activation", "tanh"));
            }
            match name {
                "m1" => changes.push(("model.classifier.hidden", "[7]")),
                "m2" => changes.extend([
                    ("model.joint.hidden", "[6]"),
                    ("model.joint.activation", "tanh"),
                    ("model.decoder.hidden", "[9, 7]"),
                    ("model.decoder.activation", "tanh"),
                    ("model.classifier.hidden", "[9]"),
                    ("model.classifier.activation", "tanh"),
                ]),
                _ => changes.extend([
                    ("model.above.joint.hidden", "[6]"),
                    ("model.above.joint.activation", "tanh"),
                    ("model.above.decoder.hidden", "[7, 6]"),
                    ("model.above.decoder.activation", "tanh"),
                    ("model.above.classifier.hidden", "[7]"),
                    ("model.above.classifier.activation", "tanh"),
                    ("model.above.latent", "2"),
                ]),
            }
        }
        Some("text") => changes.push(("model.width", "6")),
        Some("sketch") => changes.push(("model.components", "2")),
        Some("multimodal") if text.contains("halves") => changes.extend([
            ("model.modalities.upper.encoder.hidden", "[9]"),
            ("model.modalities.upper.encoder.activation", "tanh"),
            ("model.modalities.lower.encoder.hidden", "[7]"),
            ("model.modalities.lower.encoder.activation", "tanh"),
        ]),
        Some("multimodal") => changes.extend([
            ("model.modalities.audio.encoder.channels", "[3, 4]"),
            ("model.modalities.audio.encoder.dense", "5"),
            ("model.modalities.audio.encoder.activation", "silu"),
            ("model.modalities.frames.encoder.channels", "[3, 4]"),
            ("model.modalities.frames.encoder.dense", "5"),
            ("model.modalities.frames.encoder.activation", "silu"),
        ]),
        _ => {}
    }
    if text.contains("set = \"prices\"") {
        changes.push(("data.steps", "16"));
    }
    if kind(["objective", "features"]) == "conv" {
        changes.extend([
            ("model.objective.features.channels", "[4, 4, 5]"),
            ("model.objective.features.activation", "silu"),
        ]);
    }
    if text.contains("set = \"faces\"") {
        changes.push(("data.side", "16"));
    }
    if !kind(["prior", "flow"]).is_empty() {
        changes.push(("model.prior.flow.hidden", "6"));
    }
    if ["coupling", "iaf"].contains(&kind(["posterior", "flow"]).as_str()) {
        changes.push(("model.posterior.flow.hidden", "6"));
    }
    if kind(["prior", ""]) == "vamp" {
        changes.push(("model.prior.pseudo_inputs", "3"));
    }
    if let Some(latent) = table["model"].get("latent") {
        changes.push(("model.latent", if latent.as_integer() > Some(4) { "4" } else { "2" }));
    }
    changes
}

fn small(name: &str, text: &str) -> Recipe {
    Recipe::named(name, &changes(text)).unwrap_or_else(|e| panic!("{e}"))
}

/// Whether differences mean something: not for a gradient that is no derivative of a loss, by design.
fn differentiable(text: &str) -> bool {
    !["dreg = true", "kind = \"quantized\""].iter().any(|word| text.contains(word))
}

#[test]
fn recipes_resolve_to_text_that_reads_the_same() {
    assert!(BUILT_IN.len() > 20);
    for (name, _) in BUILT_IN {
        let recipe = Recipe::named(name, &[]).unwrap();
        let text = recipe.to_toml().unwrap();
        assert_eq!(Recipe::parse(&text, &[]).unwrap(), recipe, "{name}");
        assert!(recipe.about.len() > 10, "{name} says nothing of itself");
    }
}

/// Bits that are drawn once are bits, the same in every run, and only of bytes.
#[test]
fn fixed_bits_are_drawn_once() {
    let open = |name, set| {
        let small = [("data.train", "30"), ("data.valid", "3"), ("data.test", "3"), ("data.set", set)];
        Recipe::named(name, &[&small[..], &[("data.binarize", "fixed")]].concat()).unwrap().data.open(None)
    };
    let digits = open("vae-digits", "digits").unwrap();
    let ArrayData::U8(bits) = &digits.train.column("x").unwrap().data else { panic!("no bytes") };
    assert!(bits.contains(&255) && bits.iter().all(|&bit| bit == 0 || bit == 255));
    assert!(open("vae-digits", "digits").unwrap() == digits);
    assert!(open("vae-digits", "prices").unwrap_err().to_string().contains("images in bytes"));
}

/// A bag has as many words as its sentence, marks left out.
#[test]
fn bags_count_words() {
    let small = [("data.train", "30"), ("data.valid", "3"), ("data.test", "3")];
    let counts = Recipe::named("poisson-words", &small).unwrap().data.open(None).unwrap().train;
    let sentences = Recipe::named("text-vae", &small).unwrap().data.open(None).unwrap().train;
    let words = sentences.vocabulary.len();
    assert_eq!(counts.example("x").unwrap().dims(), [words]);
    let lengths = sentences.integers("length").unwrap();
    for (i, row) in counts.floats("x").unwrap().chunks_exact(words).enumerate() {
        let tokens = &sentences.integers("x").unwrap()[i * 16..][..16];
        assert_eq!(row.iter().sum::<f32>(), (lengths[i] - 2) as f32, "all but the two marks");
        assert!((3..words).all(|w| row[w] == tokens.iter().filter(|t| **t == w as u32).count() as f32));
    }
    let digits = Recipe::named("vae-digits", &[&small[..], &[("data.bags", "true")]].concat()).unwrap();
    assert!(digits.data.open(None).unwrap_err().to_string().contains("of sentences"));
}

/// A column as a batch has it: bytes in [0, 1].
fn as_read(array: &Array) -> Array {
    match &array.data {
        ArrayData::U8(bytes) => {
            Array::f32(array.shape.clone(), bytes.iter().map(|&b| f32::from(b) / 255.0).collect()).unwrap()
        }
        _ => array.clone(),
    }
}

#[test]
fn gradients_of_every_recipe() {
    // Absolute values have kinks at data of which many are alike, and a spread's gradient that is a small difference of large
    // sums: `tests/parts.rs` has them on other data.
    for (name, text) in BUILT_IN.iter().filter(|(_, text)| !text.contains("kind = \"laplace-pixels\"")) {
        let recipe = small(name, text);
        let train = recipe.data.open(None).unwrap().train;
        let model = recipe.model.build(&train, recipe.data.binarize).unwrap();
        let batch = train.subset(&(0..6).collect::<Vec<_>>());
        let columns = batch.columns().iter().map(|(name, array)| (name.as_str(), as_read(array))).collect();
        let objective = Objective::of(model.as_ref(), columns, Recompute::Nothing).unwrap();
        if differentiable(text) {
            println!("{name}");
            near_differences(&objective);
        }
        near_exact(&objective, name);
    }
}

/// Where the recipes of a test run.
fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("recipes").join(name)
}

/// The loss of each training step of a run.
fn losses(run: &Path) -> Vec<f64> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    records.filter(|record| record["kind"] == "train").map(|record| record["loss"].as_f64().unwrap()).collect()
}

/// That, emptied.
fn folder(name: &str) -> PathBuf {
    let folder = place(name);
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// Ten steps on the device near those on the CPU; what is saved evaluates the same when it is loaded.
#[test]
fn every_recipe_trains_on_both_devices_and_comes_back() {
    let devices = [("cpu", Device::Cpu), ("gpu", Device::Gpu(common::gpu()))];
    for (name, text) in BUILT_IN {
        let recipe = small(name, text);
        let [cpu, gpu] = devices.clone().map(|(on, device)| {
            let out = folder(&format!("{name}.{on}"));
            let mut run = Run::new(recipe.clone(), None, &device).unwrap();
            let trained = run.train(&out, &mut Progress::hidden(10)).unwrap();
            if on == "cpu" {
                let again = Run::new(recipe.clone(), None, &device).unwrap().evaluate(&out, &out).unwrap();
                assert_eq!(again, trained, "{name}: what was loaded");
                for file in ["recipe.toml", "metrics.jsonl", "model.safetensors", "summary.json", "loss.png"] {
                    assert!(out.join(file).is_file(), "{name} has no {file}");
                }
            }
            trained
        });
        let near = |a: f64, b: f64| (a - b).abs() <= 2e-3 * a.abs().max(b.abs()).max(1.0);
        let [one, other] = ["cpu", "gpu"].map(|on| losses(&place(&format!("{name}.{on}"))));
        assert_eq!((one.len(), other.len()), (10, 10), "{name}");
        for (step, (a, b)) in (1..).zip(one.iter().zip(&other)) {
            assert!(near(*a, *b), "{name}, step {step}: {a} on the CPU, {b} on the device");
        }
        let [one, other] = [&cpu, &gpu].map(|summary| summary.elbo.unwrap_or(-summary.reconstruction));
        assert!(near(one, other), "{name}: {one} on the CPU, {other} on the device");
        assert!(near(cpu.figure.baseline, gpu.figure.baseline), "{name}: {cpu:?} {gpu:?}");
        assert!(cpu.figure.value.is_finite() && cpu.figure.baseline.is_finite(), "{name}: {cpu:?}");
    }
}

fn wavae(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wavae")).args(args).output().unwrap()
}

#[test]
fn the_program_lists_shows_trains_and_evaluates() {
    let said = |output: &Output| String::from_utf8_lossy(&output.stdout).to_string();
    let list = wavae(&["recipes"]);
    assert!(list.status.success() && said(&list).lines().count() == BUILT_IN.len());
    let shown = wavae(&["recipes", "show", "vae-digits"]);
    assert!(shown.status.success() && said(&shown).contains("kind = \"mlp\""), "{}", said(&shown));
    let out = folder("program");
    let place = out.display().to_string();
    let sets =
        ["--set", "data.train=100", "--set", "model.latent=3", "--set", "figure.samples=10", "--set", "data.test=20"];
    let mut args = vec!["train", "--recipe", "vae-digits", "--steps", "5", "--device", "cpu", "--out", &place];
    args.extend(sets);
    let trained = wavae(&args);
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    let summary = |out: &PathBuf| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(out.join("summary.json")).unwrap()).unwrap()
    };
    let first = summary(&out);
    for key in ["metric", "value", "baseline", "against", "elbo", "kl", "active_units", "steps"] {
        assert!(first.get(key).is_some(), "no {key} in {first}");
    }
    assert_eq!(first["steps"], 5);
    let evaluated = wavae(&["eval", "--run", &place, "--device", "cpu"]);
    assert!(evaluated.status.success(), "{}", String::from_utf8_lossy(&evaluated.stderr));
    assert_eq!(summary(&out), first);

    let encoded = wavae(&["encode", "--run", &place, "--device", "cpu"]);
    assert!(encoded.status.success(), "{}", String::from_utf8_lossy(&encoded.stderr));
    assert_eq!(load_npy(out.join("mu.npy")).unwrap().column("x").unwrap().shape.dims(), [20, 3]);
    let table = fs::read_to_string(out.join("bounds.csv")).unwrap();
    let sums: Vec<f64> = table.lines().skip(1).map(|l| l.split(',').map(|x| x.parse::<f64>().unwrap()).sum()).collect();
    let mean = sums.iter().sum::<f64>() / sums.len() as f64;
    assert!(sums.len() == 20 && (mean + first["elbo"].as_f64().unwrap()).abs() < 1e-3, "{mean}");

    for sampler in ["prior", "normal", "mixture", "maf"] {
        let args = ["sample", "--run", &place, "--sampler", sampler, "--count", "9", "--device", "cpu"];
        let drawn = wavae(&args);
        assert!(drawn.status.success(), "{sampler}: {}", String::from_utf8_lossy(&drawn.stderr));
        let written = load_npy(out.join(format!("samples-{sampler}.npy"))).unwrap();
        let x = written.column("x").unwrap();
        assert_eq!(x.shape.dims(), [9, 28, 28, 1], "{sampler}");
        assert!(x.as_f32().iter().all(|p| (0.0..=1.0).contains(p)), "{sampler}");
        assert!(out.join(format!("samples-{sampler}.png")).is_file(), "{sampler}");
        let again = fs::read(out.join(format!("samples-{sampler}.npy"))).unwrap();
        assert!(wavae(&args).status.success());
        assert!(fs::read(out.join(format!("samples-{sampler}.npy"))).unwrap() == again, "{sampler}: the seed fixes it");
    }
    // More than a picture can hold.
    let many = wavae(&["sample", "--run", &place, "--count", "4000", "--device", "cpu"]);
    assert!(many.status.success(), "{}", String::from_utf8_lossy(&many.stderr));
    assert_eq!(load_npy(out.join("samples-prior.npy")).unwrap().len(), 4000);
    let error = wavae(&["sample", "--run", &place, "--sampler", "moff", "--device", "cpu"]).stderr;
    assert!(String::from_utf8_lossy(&error).contains("did you mean maf?"));
}

/// From a folder of IDX files alone: the stages of Burda 2015 follow the number of images, all of which are trained on.
#[test]
fn the_recipes_of_mnist_run_from_its_files() {
    let files = folder("mnist");
    let digits = synthetic_digits(120, 3).unwrap();
    write_idx(&files, &digits, true).unwrap();
    let known = 120 - digits.indices(Split::Test).len() as u64 - 5;
    let others = folder("mnist-others");
    write_idx(&others, &synthetic_digits(120, 4).unwrap(), false).unwrap();
    let (data, more) = (files.display().to_string(), others.display().to_string());
    for name in ["vae-mnist", "iwae-mnist"] {
        let out = folder(&format!("{name}.files"));
        let place = out.display().to_string();
        // Two stages are 1 + 3 passes.
        let sets = ["train.stages=2", "figure.samples=10", "data.test=10", "data.valid=5"];
        let mut args = vec!["train", "--recipe", name, "--data", &data, "--device", "cpu", "--out", &place];
        sets.iter().for_each(|set| args.extend(["--set", set]));
        let trained = wavae(&args);
        assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
        let summary = fs::read_to_string(out.join("summary.json")).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
        let said = summary["data"].as_str().unwrap().to_string();
        assert!(said.starts_with(&format!("{data}: {known} to train on, 10 held out")), "{said}");
        assert_eq!(summary["steps"], 4 * (known / 20), "{said}");
        assert_eq!(summary["metric"], "nll");
        let steps = wavae(&[&args[..], &["--steps", "3"]].concat());
        assert!(steps.status.success(), "{}", String::from_utf8_lossy(&steps.stderr));
        let counted = fs::read_to_string(out.join("summary.json")).unwrap();
        assert!(counted.contains("\"steps\": 3,"), "steps that are asked for: {counted}");
        // On other data, beside; then again on the files that it was trained on.
        let other = wavae(&["eval", "--run", &place, "--data", &more, "--device", "cpu"]);
        assert!(other.status.success(), "{}", String::from_utf8_lossy(&other.stderr));
        let beside = fs::read_to_string(out.join("eval/summary.json")).unwrap();
        assert!(beside.contains(&more), "{beside}");
        let evaluated = wavae(&["eval", "--run", &place, "--device", "cpu"]);
        assert!(evaluated.status.success(), "{}", String::from_utf8_lossy(&evaluated.stderr));
        assert_eq!(fs::read_to_string(out.join("summary.json")).unwrap(), counted);
    }
}

/// The recipe that the README shows, and what it says of memory.
#[test]
fn the_recipe_of_the_readme_trains() {
    let text = include_str!("../README.md").split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let small =
        [("data.train", "60"), ("data.valid", "4"), ("data.test", "6"), ("train.batch", "8"), ("data.side", "16")];
    let changes =
        [&small[..], &[("train.steps", "3"), ("train.recompute", "cheap"), ("train.precision", "f16")]].concat();
    let recipe = |changes: &[(&str, &str)]| Recipe::parse(text, changes).unwrap();
    let mut run = Run::new(recipe(&changes[..7]), None, &Device::Cpu).unwrap();
    assert!(run.trainer().plan().contains("checkpointing (cheap)"), "{}", run.trainer().plan());
    let summary = run.train(&folder("readme"), &mut Progress::hidden(3)).unwrap();
    assert_eq!((summary.steps, summary.kl_parts.len()), (3, 1), "a mixture's KL does not fall apart");
    assert_eq!(summary.bits_per_dimension, None, "densities of bytes are no code");
    let message = Run::new(recipe(&changes), None, &Device::Cpu).err().unwrap().to_string();
    assert!(message.contains("f16") || message.contains("half"), "{message}");
}

/// Files that are sorted by class are taken from all over.
#[test]
fn sorted_files_are_taken_from_all_over() {
    let mut digits = synthetic_digits(200, 3).unwrap();
    let mut order: Vec<usize> = (0..200).collect();
    order.sort_by_key(|&i| (digits.split[i] as u8, digits.labels.as_ref().unwrap()[i]));
    digits = digits.subset(&order);
    let files = folder("sorted");
    write_idx(&files, &digits, false).unwrap();
    let small = [("data.train", "40"), ("data.valid", "5"), ("data.test", "10"), ("data.binarize", "none")];
    let splits = Recipe::named("vae-digits", &small).unwrap().data.open(Some(&files)).unwrap();
    for (set, most) in [(splits.train, 40), (splits.test, 10)] {
        let labels = set.integers("label").unwrap();
        let classes: std::collections::BTreeSet<u32> = labels.iter().copied().collect();
        assert!(set.len() == most && classes.len() >= 7, "{labels:?}");
    }
}

/// The README's table has every recipe, by its name and what it says of itself.
#[test]
fn the_readme_lists_every_recipe() {
    let tables = [include_str!("../README.md"), include_str!("../benches/RECIPES.md")];
    for (name, _) in BUILT_IN {
        let row = format!("| `{name}` | {} |", Recipe::named(name, &[]).unwrap().about);
        assert!(tables.iter().all(|table| table.contains(&row)), "no row {row}");
    }
}

/// A schedule may be a number, a part without settings a word.
#[test]
fn short_forms() {
    let recipe = |changes: &[(&str, &str)]| Recipe::named("vae-digits", changes).unwrap();
    let long = [("train.beta", "{kind='constant', value=4.0}"), ("model.prior", "{kind='normal'}")];
    assert_eq!(recipe(&[("train.beta", "4"), ("model.prior", "normal")]), recipe(&long));
    assert!(recipe(&[("model.likelihood", "poisson")]).to_toml().unwrap().contains("kind = \"poisson\""));
}

/// Whoever stops reading is no failure.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_panic() {
    let line = format!("'{}' recipes | true; exit ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_wavae"));
    let output = Command::new("bash").args(["-c", &line]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_program_says_what_is_wrong() {
    let refused = |args: &[&str], says: &str| {
        let output = wavae(args);
        let error = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(!output.status.success() && error.contains(says), "{args:?}: {error}");
        assert!(error.trim().lines().count() == 1 && !error.contains("panicked"), "{error}");
    };
    let train = |set: &'static str| ["train", "--recipe", "vae-digits", "--device", "cpu", "--set", set];
    refused(&["train", "--recipe", "vae-digts"], "did you mean vae-digits?");
    refused(&train("model.latnt=3"), "did you mean latent?");
    refused(&train("model.likelihood.kind=bernouli"), "did you mean bernoulli?");
    refused(&train("data.set=digts"), "did you mean digits?");
    refused(&train("model.latent"), "KEY=VALUE");
    refused(&train("model.latent=many"), "model.latent=many: invalid type");
    refused(&train("model.latent=-1"), "model.latent=-1: invalid value");
    refused(&train("model.latent=0"), "model.latent = 0: it must be between 1");
    refused(&train("model.latent=1000000000"), "fewer than 2³² elements");
    refused(&train("model.encoder.hidden=[8,0]"), "model.encoder.hidden = 0");
    refused(&train("data.test=0"), "data.test = 0");
    refused(&train("train.batch=0"), "train.batch = 0");
    refused(&train("train.batch=20000"), "take a smaller batch");
    refused(&train("train.rate=-1"), "train.rate = -1: it must be above 0");
    refused(&train("train.rate=nan"), "must be finite");
    refused(&train("train.beta1=1"), "train.beta1 = 1: it must be 0 or more and below 1");
    refused(&train("train.group.0.rate=1"), "train.group.0.rate=1: invalid type");
    refused(&train("train.steps=0"), "train.steps = 0");
    refused(&train("train.epochs=-1"), "train.epochs=-1: invalid value");
    refused(&train("train.stages=42"), "train.stages = 42: it must be at most 20");
    refused(&train("figure.metric=retrieval"), "this model has one");
    refused(&train("figure.metric=psnr"), "figure.rate");
    refused(&train("train.group=[{scope='critic'}]"), "no parameters are left below critic");
    refused(&["train", "--recipe", "nothing.toml"], "nothing.toml");
    refused(&["train", "--recipe", "vae-digits", "--data", "nowhere", "--device", "cpu"], "nowhere");
    refused(&["eval", "--run", "nowhere"], "nowhere");
}
