//! What a run says of a model, and what it refuses to: likelihoods of numbers that they are not for, bounds where there are none,
//! bits that are the length of no code.

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use wavae::data::{Dataset, write_npy};
use wavae::recipe::{Binarize, Recipe, Run, Summary};
use wavae::train::Progress;
use wavae::{Array, Device};

const SMALL: [(&str, &str); 6] = [
    ("data.train", "40"),
    ("data.valid", "5"),
    ("data.test", "12"),
    ("train.batch", "8"),
    ("train.steps", "3"),
    ("figure.samples", "10"),
];

fn small(name: &str, changes: &[(&str, &str)]) -> Recipe {
    Recipe::named(name, &[&SMALL[..], changes].concat()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("claims").join(name);
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// A short run into the folder `out`, and its summary as it was written.
fn run(name: &str, changes: &[(&str, &str)], out: &str) -> (Summary, Value) {
    let out = folder(out);
    let mut run = Run::new(small(name, changes), None, &Device::Cpu).unwrap_or_else(|e| panic!("{name}: {e}"));
    let summary = run.train(&out, &mut Progress::hidden(3)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let written = serde_json::from_str(&fs::read_to_string(out.join("summary.json")).unwrap()).unwrap();
    (summary, written)
}

fn refusal(name: &str, changes: &[(&str, &str)]) -> String {
    match Run::new(small(name, changes), None, &Device::Cpu) {
        Ok(_) => panic!("{name} {changes:?} is not refused"),
        Err(error) => error.to_string(),
    }
}

/// Every likelihood on every kind of numbers.
#[test]
fn likelihoods_are_of_their_numbers() {
    let floats = |x: [f32; 4]| Array::f32([2, 2], x.to_vec()).unwrap();
    let sets = [
        ("bytes", Array::u8([2, 2], vec![0, 3, 200, 255]).unwrap()),
        ("shares", floats([0.0, 0.25, 0.5, 1.0])),
        ("counts", floats([0.0, 1.0, 7.0, 2.0])),
        ("reals", floats([-1.5, 0.0, 0.5, 2.5])),
        ("none", floats([0.5, 0.5, f32::NAN, 1.0])),
        ("tokens", Array::u32([2, 2], vec![0, 1, 2, 3]).unwrap()),
    ];
    let sets = sets.map(|(name, array)| (name, Dataset::new("x", array).unwrap()));
    let (pixels, reals) = (&["bytes", "shares"][..], &["bytes", "shares", "counts", "reals"][..]);
    for (likelihood, fitting) in [
        ("bernoulli", pixels),
        ("{kind='gaussian-pixels', sigma=0.1}", pixels),
        ("{kind='laplace-pixels', scale='learned'}", pixels),
        ("{kind='gaussian', sigma='learned'}", reals),
        ("{kind='laplace', scale=0.1}", reals),
        ("{kind='logistic', components=2}", &["bytes"]),
        ("poisson", &["counts"]),
        ("{kind='negative-binomial', dispersion_of_each=true}", &["counts"]),
    ] {
        let spec = small("vae-digits", &[("model.likelihood", likelihood)]).model;
        for (name, set) in &sets {
            let built = spec.build(set, Binarize::None);
            assert_eq!(built.is_ok(), fitting.contains(name), "{likelihood} on {name}: {:?}", built.err());
            let Err(message) = spec.build(set, Binarize::None).map_err(|e| e.to_string()).map(drop) else { continue };
            assert!(message.contains("model.likelihood = ") && message.contains("the column x holds"), "{message}");
        }
    }
    for (name, set) in &sets {
        let drawn = small("vae-digits", &[]).model.build(set, Binarize::Dynamic);
        assert_eq!(drawn.is_ok(), pixels.contains(name), "bits of {name}");
    }
}

/// The key, what is there, and what to take.
#[test]
fn a_likelihood_that_does_not_fit_is_named() {
    let message = refusal("vae-prices", &[("model.likelihood", "bernoulli")]);
    assert!(message.contains("model.likelihood = bernoulli: it is of bytes or floats from 0 to 1"), "{message}");
    assert!(
        message.contains("the column x holds floats from -") && message.contains("gaussian would fit"),
        "{message}"
    );
    let message = refusal("vae-prices", &[("data.binarize", "dynamic")]);
    assert!(message.contains("data.binarize: bits are drawn for"), "{message}");
    let message = refusal("multi-halves", &[("model.modalities.lower.likelihood", "poisson")]);
    assert!(message.contains("model.modalities.lower.likelihood = poisson") && message.contains("column lower"));
    let digits = [("data.train", "200"), ("data.labels", "20")];
    let on_codes = [&digits[..], &[("model.above.likelihood", "bernoulli")]].concat();
    assert!(refusal("m1m2-digits", &on_codes).contains("model.above.likelihood: it is of codes"));
    let below = [&digits[..], &[("model.below.likelihood", "poisson")]].concat();
    assert!(refusal("m1m2-digits", &below).contains("model.below.likelihood = poisson"));
    // Numbers that are beyond it among the examples for the figure alone.
    let files = folder("beyond");
    fs::create_dir_all(&files).unwrap();
    let mut x = vec![0.5f32; 100 * 4];
    x[399] = 7.5;
    let file = files.join("x.npy");
    write_npy(&file, &Array::f32([100, 4], x).unwrap()).unwrap();
    let recipe = small("vae-digits", &[("data.set", "npy"), ("data.binarize", "none"), ("data.test", "100")]);
    let parts = recipe.data.open(Some(&file)).unwrap();
    assert!(recipe.model.build(&parts.train, Binarize::None).is_ok());
    let message = Run::new(recipe, Some(&file), &Device::Cpu).map(drop).unwrap_err().to_string();
    assert!(message.contains("holds floats from 0.5 to 7.5"), "{message}");
}

/// Bits per dimension are said where −ELBO bounds the length of a code, and nowhere else.
#[test]
fn bits_are_those_of_a_code() {
    let faces = ("data.side", "16");
    let fixed = ("data.binarize", "fixed");
    let grey = [("data.binarize", "none"), ("figure.metric", "elbo")];
    for (name, changes, has) in [
        ("vae-digits", &[][..], true),
        ("vae-digits", &[fixed], true),
        ("vae-digits", &grey, false),
        ("vae-dsprites", &[], true),
        ("poisson-words", &[], true),
        ("logistic-house-numbers", &[], true),
        ("sigma-faces", &[faces], false),
        ("laplace-faces", &[faces], false),
        ("info-digits", &[], false),
        ("aae-digits", &[], false),
        ("ae-digits", &[fixed], false),
    ] {
        let (summary, written) = run(name, changes, "bits");
        assert_eq!(summary.bits_per_dimension.is_some(), has, "{name} {changes:?}");
        assert_eq!(written.get("bits_per_dimension").is_some(), has, "{name} {changes:?}");
    }
}

/// A posterior that is a point has no KL, so nothing is called a bound.
#[test]
fn a_point_bounds_nothing() {
    for name in ["ae-digits", "wae-digits", "aae-digits"] {
        let (summary, written) = run(name, &[], "point");
        assert!(summary.elbo.is_none() && written.get("elbo").is_none() && summary.reconstruction > 0.0, "{written}");
        let metrics = fs::read_to_string(folder_of("point").join("metrics.jsonl")).unwrap();
        assert!(metrics.contains("\"reconstruction\"") && !metrics.contains("\"elbo\""), "{metrics}");
        let message = refusal(name, &[("figure.metric", "elbo")]);
        assert!(message.contains("figure.metric = elbo") && message.contains("take mse"), "{message}");
    }
    let out = folder("program").display().to_string();
    let mut args = vec!["train", "--recipe", "ae-digits", "--device", "cpu", "--out", &out];
    let sets = SMALL.map(|(key, value)| format!("{key}={value}"));
    sets.iter().for_each(|set| args.extend(["--set", set.as_str()]));
    let output = Command::new(env!("CARGO_BIN_EXE_wavae")).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).to_string();
    assert!(output.status.success() && said.contains("held out: reconstruction "), "{said}");
    assert!(!["ELBO", "bound:", "bits per dimension", "KL"].iter().any(|word| said.contains(word)), "{said}");
    // Codes of a table are points among finitely many: their KL is what they cost.
    let vq = [("data.side", "16"), ("model.channels", "[8, 8]"), ("figure.rate", "8"), ("figure.metric", "elbo")];
    let (summary, _) = run("vq-faces", &vq, "table");
    assert_eq!(summary.elbo, Some(summary.figure.value));
    assert!(summary.kl > 0.0);
}

fn folder_of(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("claims").join(name)
}

/// The bound is one number, whatever the seed, and a likelihood says how many samples it hangs on.
#[test]
fn figures_are_drawn_by_the_seed_of_the_training() {
    let (summary, _) = run("vae-digits", &[("figure.metric", "elbo"), ("train.seed", "7")], "seed");
    assert_eq!(Some(summary.figure.value), summary.elbo);
    let (summary, written) = run("vae-digits", &[], "samples");
    let effective = summary.figure.effective_samples.unwrap();
    assert!((1.0..=10.0).contains(&effective) && written["effective_samples"] == effective, "{written}");
}

/// A σ is said of codes that are Gaussian around μ, in a ladder too, but not of mixtures or behind a flow.
#[test]
fn sigmas_are_of_gaussians() {
    for (name, has) in [
        ("vae-digits", true),
        ("ladder-digits", true),
        ("poe-halves", true),
        ("moe-halves", false),
        ("iaf-digits", false),
    ] {
        let recipe = small(name, &[]);
        let test = recipe.data.open(None).unwrap().test;
        let mut run = Run::new(recipe, None, &Device::Cpu).unwrap();
        let (mu, sigma) = run.trainer().evaluator().posterior(&test).unwrap();
        assert_eq!(sigma.is_some(), has, "{name}");
        assert!(sigma.is_none_or(|sigma| sigma.len() == mu.len()), "{name}");
    }
}

/// Pseudo-inputs lie where the data do, and are of no class.
#[test]
fn pseudo_inputs_of_recipes() {
    let vamp = ("model.prior", "{kind='vamp', pseudo_inputs=3}");
    let message = refusal("cvae-digits", &[vamp]);
    assert!(message.contains("do not go together"), "{message}");
    run("vae-prices", &[vamp], "vamp-prices");
    run("dreg-digits", &[vamp], "vamp-dreg");
}

#[test]
fn numbers_that_cannot_be_meant_are_refused() {
    let refused = |name: &str, key: &str, value: &str, says: &str| {
        let message = Recipe::named(name, &[(key, value)]).map(drop).unwrap_err().to_string();
        assert!(message.contains(says), "{key}={value}: {message}");
    };
    let cyclical = |to, period, ramp| format!("{{kind='cyclical', to={to}, period={period}, ramp={ramp}}}");
    for (key, value, says) in [
        ("train.beta", "-1".to_string(), "train.beta.value = -1: it must be 0 or more"),
        ("train.floor", "2".into(), "train.floor = 2: it must be between 0 and 1"),
        ("train.capacity", "{kind='linear', to=-4, steps=10}".into(), "train.capacity.to = -4: it must be 0 or more"),
        ("train.beta", cyclical(1, 0, "0.5"), "train.beta.period = 0: it must be between 1"),
        ("train.beta", cyclical(1, 10, "0"), "train.beta.ramp = 0: it must be above 0"),
        ("train.beta", cyclical(1, 10, "-1"), "train.beta.ramp = -1: it must be between 0 and 1"),
    ] {
        refused("vae-digits", key, &value, says);
    }
    refused("info-digits", "model.objective.alpha", "3", "1 - alpha is -2");
    refused("info-digits", "model.objective.lambda", "-5", "alpha + lambda - 1 is -5");
    refused("beta-tc-dsprites", "model.objective.alpha", "-1", "model.objective.alpha = -1: it must be 0 or more");
    refused("dip-i-dsprites", "model.objective.off_diagonal", "-1", "off_diagonal = -1: it must be 0 or more");
    refused("dip-i-dsprites", "model.objective.diagonal", "-5", "diagonal = -5: it must be 0 or more");
    refused("aae-digits", "model.objective.weight", "-1", "weight = -1: it must be 0 or more");
    refused("vq-faces", "model.commitment", "-1", "model.commitment = -1: it must be 0 or more");
    refused("m2-digits", "model.alpha", "-1", "model.alpha = -1: it must be 0 or more");
    // A weight of the KL above 1 is what Zhao 2019 gives its models of little information.
    assert!(Recipe::named("info-digits", &[("model.objective.alpha", "-0.5")]).is_ok());
}

/// What advice quotes of a recipe is what the recipe says.
#[test]
fn advice_quotes_numbers_as_they_were_written() {
    let pressed = [
        ("data.binarize", "none"),
        ("model.likelihood", "{kind='gaussian-pixels', sigma=0.1}"),
        ("figure.metric", "elbo"),
        ("train.beta", "1000.1"),
        ("train.rate", "0.01"),
        ("train.steps", "150"),
    ];
    let (summary, _) = run("vae-digits", &pressed, "advice");
    let warning = summary.warning.unwrap_or_default();
    assert!(warning.contains("lower it from 0.1") && warning.contains("beta from 1000.1,"), "{warning}");
    assert!(!warning.contains("000000"), "{warning}");
}
