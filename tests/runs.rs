//! Runs in their folders: what is kept of the data, what is read in the same way again, what is drawn.

#[path = "common/files.rs"]
mod files;

use files::{Folder, refused};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use wavae::data::{Dataset, ImageSet, Split, load_csv, load_npy, load_text, synthetic_digits, write_idx};
use wavae::recipe::{Drawn, Recipe, Run, Sampler, Summary};
use wavae::train::Progress;
use wavae::{Array, Device, Error, Result};

fn trained(name: &str, changes: &[(&str, &str)], data: Option<&Path>, out: &Path) -> Result<Summary> {
    let usual = [("train.batch", "8"), ("train.steps", "6"), ("figure.samples", "10"), ("model.latent", "3")];
    let recipe = Recipe::named(name, &[&usual[..], changes].concat())?;
    Run::new(recipe, data, &Device::Cpu)?.train(out, &mut Progress::hidden(6))
}

fn evaluated(run: &Path, data: Option<&Path>) -> Result<Summary> {
    let out = if data.is_some() { run.join("eval") } else { run.into() };
    Run::open(run, data, &Device::Cpu)?.evaluate(run, &out)
}

/// Words, classes and channels by the numbers of the first set.
#[test]
fn sets_are_read_as_the_first_was() {
    let folder = Folder::new("read-as");
    let first = load_text(folder.write("a.txt", "the cat sat\nthe cat\nthe\n"), Some(5), 50, None).unwrap();
    // Here "dog" is the most frequent, and not known.
    let other = load_text(folder.write("b.txt", "dog sat\ndog cat\ndog\n"), Some(5), 50, None).unwrap();
    let other = other.read_as(&first.reading()).unwrap();
    assert_eq!(first.vocabulary[4..], ["the", "cat", "sat"]);
    assert_eq!(other.vocabulary, first.vocabulary);
    assert_eq!(other.integers("x").unwrap(), [1, 3, 6, 2, 0, 1, 3, 5, 2, 0, 1, 3, 2, 0, 0]);

    let of = |names: &[&str], labels: Vec<u32>| {
        let x = Array::f32([labels.len(), 1, 2], vec![1.0; 2 * labels.len()]).unwrap();
        let mut set = Dataset::new("x", x).unwrap().with_labels(labels, names.len()).unwrap();
        set.class_names = names.iter().map(ToString::to_string).collect();
        set
    };
    let known = of(&["ant", "bee", "cow"], vec![0, 1, 2]).reading();
    let read = of(&["bee", "cow"], vec![1, 0, 0]).read_as(&known).unwrap();
    assert_eq!((read.integers("label").unwrap(), read.classes), (&[2, 1, 1][..], 3));
    let error = of(&["bee", "dog"], vec![0, 1]).read_as(&known).unwrap_err().to_string();
    assert!(error.contains("the class dog is none"), "{error}");

    // 1 in a scale of mean 10 and deviation 2 is 12; in one of mean 6 and deviation 3 that is 2.
    let mut set = Dataset::new("x", Array::f32([1, 1, 2], vec![1.0, -1.0]).unwrap()).unwrap();
    set.scale = vec![[10.0, 2.0], [0.0, 1.0]];
    let mut known = set.clone();
    known.scale = vec![[6.0, 3.0], [1.0, 4.0]];
    let read = set.read_as(&known.reading()).unwrap();
    assert_eq!(read.floats("x").unwrap(), [2.0, -0.5]);
    let mut units = [2.0, -0.5];
    read.in_units(&mut units);
    assert_eq!(units, [12.0, -1.0]);
}

fn series(rows: usize, scale: f32, shift: f32) -> String {
    (0..rows).fold("a,b\n".into(), |mut text, t| {
        let angle = 0.7 * t as f32;
        writeln!(text, "{},{}", scale * angle.sin() + shift, scale * angle.cos()).unwrap();
        text
    })
}

/// A series ten times as wide is strange to the model, whatever its own mean and spread; what is drawn is in the files' units.
#[test]
fn other_series_keep_the_scale_of_the_first() {
    let folder = Folder::new("run-series");
    let (near, far) = (folder.write("a.csv", series(400, 5.0, 100.0)), folder.write("b.csv", series(40, 50.0, 90.0)));
    let out = folder.0.join("run");
    let changes = [("data.steps", "8"), ("train.steps", "60"), ("figure.metric", "elbo")];
    let known = trained("vae-prices", &changes, Some(&near), &out).unwrap();
    assert_eq!(evaluated(&out, Some(&near)).unwrap().elbo, known.elbo, "the same file");
    let moved = folder.write("moved/c.csv", series(400, 5.0, 100.0));
    assert_eq!(evaluated(&out, Some(&moved)).unwrap().elbo, known.elbo, "the same series, at another place");
    // Fewer windows than a batch, and all of them are measured: (40 - 8) + 1, a window a row.
    let mut run = Run::open(&out, Some(&far), &Device::Cpu).unwrap();
    assert!(run.origin().ends_with("b.csv: 33 held out"), "{}", run.origin());
    let strange = run.evaluate(&out, &out.join("eval")).unwrap();
    let [far_off, near_by] = [&strange, &known].map(|summary| summary.elbo.unwrap());
    assert!(far_off < 10.0 * near_by - 100.0, "{far_off} beside {near_by}");
    assert!(strange.data.contains("held out") && strange.figure.against.ends_with("on the data of the run"));
    let how = Drawn { count: 200, ..Drawn::default() };
    let files = Run::open(&out, None, &Device::Cpu).unwrap().sample(&out, &how, &out).unwrap();
    let drawn = load_npy(&files[0]).unwrap();
    let first: Vec<f32> = drawn.column("x").unwrap().as_f32().iter().step_by(2).copied().collect();
    let mean = first.iter().sum::<f32>() / first.len() as f32;
    assert!((mean - 100.0).abs() < 5.0, "{mean}");
}

/// The column anomaly of a `.csv` is what the figure of the prices needs.
#[test]
fn files_say_what_is_strange() {
    let folder = Folder::new("run-anomaly");
    let rows = (0..400).map(|t| {
        format!("{},{}\n", (0.7 * t as f32).sin() + if t % 40 == 39 { 9.0 } else { 0.0 }, u8::from(t % 40 == 39))
    });
    let file = folder.write("a.csv", format!("close,anomaly\n{}", rows.collect::<String>()));
    let summary = trained("vae-prices", &[("data.steps", "8")], Some(&file), &folder.0.join("run")).unwrap();
    assert_eq!(summary.figure.metric, "auroc");
    assert_eq!(summary.example, [8, 1]);
}

/// Without a summary, and wherever the program is called from, a run knows its data; and others need no part to train on.
#[test]
fn a_run_knows_its_data() {
    let folder = Folder::new("run-data");
    let files = folder.0.join("idx");
    write_idx(&files, &synthetic_digits(120, 3).unwrap(), true).unwrap();
    let out = folder.0.join("run");
    let changes = [("data.valid", "10"), ("data.test", "10"), ("figure.metric", "elbo")];
    let summary = trained("vae-digits", &changes, Some(&files), &out).unwrap();
    fs::remove_file(out.join("summary.json")).unwrap();
    assert_eq!(evaluated(&out, None).unwrap().data, summary.data);
    // Other digits, of which there are none to train on but those of the run; digits of another size.
    let others = folder.0.join("others");
    write_idx(&others, &synthetic_digits(40, 4).unwrap(), false).unwrap();
    let kept = evaluated(&out, Some(&others)).unwrap();
    assert!(kept.data.starts_with(&others.display().to_string()) && kept.steps == summary.steps, "{kept:?}");
    let small = synthetic_digits(40, 4).unwrap();
    let half = small.pixels.iter().copied().step_by(2).collect();
    write_idx(&others, &ImageSet { height: 14, pixels: half, ..small }, false).unwrap();
    let error = evaluated(&out, Some(&others)).unwrap_err().to_string();
    assert!(error.contains("x is [14, 28, 1], of the run's data [28, 28, 1]"), "{error}");
    fs::remove_file(out.join("data.json")).unwrap();
    let error = evaluated(&out, None).unwrap_err().to_string();
    assert!(error.contains("data.json"), "{error}");
}

/// Classes matter to models that are given them: others see pictures of any class.
#[test]
fn classes_that_no_model_knows() {
    let folder = Folder::new("run-new-classes");
    let picture = |name: &str, k: u8| {
        let path = folder.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_fn(16, 16, |x, y| image::Rgb([k, (8 * x) as u8, (8 * y) as u8])).save(path).unwrap();
    };
    for k in 0..40 {
        picture(&format!("known/{}/{k}.png", ["ants", "bees"][k as usize % 2]), 3 * k);
    }
    (0..4).for_each(|k| picture(&format!("new/cows/{k}.png"), 50 * k));
    let sets = [("data.set", "folder"), ("data.side", "16"), ("figure.metric", "elbo"), ("data.valid", "4")];
    for (name, more, fails) in [("vae-faces", None, false), ("cvae-digits", Some(("data.binarize", "none")), true)] {
        let out = folder.0.join(name);
        let likelihood = ("model.likelihood", "{ kind = \"gaussian-pixels\", sigma = 0.1 }");
        let changes: Vec<_> = sets.into_iter().chain([likelihood]).chain(more).collect();
        trained(name, &changes, Some(&folder.0.join("known")), &out).unwrap();
        let seen = evaluated(&out, Some(&folder.0.join("new")));
        match seen {
            Ok(summary) => assert!(!fails && summary.data.ends_with("4 held out"), "{name}: {}", summary.data),
            Err(error) => assert!(fails && error.to_string().contains("the class cows is none"), "{name}: {error}"),
        }
    }
}

/// Text that has other words, other frequencies and fewer lines than a batch.
#[test]
fn other_text_is_read_by_the_vocabulary_of_the_first() {
    let folder = Folder::new("run-text");
    let first = folder.write("a.txt", "the cat eats the fish\nthe hen drinks\n".repeat(30));
    // The last two of ten lines are no training lines of a file that is read by itself.
    let other = folder.write("b.txt", "the zebra\n".repeat(8) + "hen fish fish zebra\nhen fish fish zebra\n");
    let out = folder.0.join("run");
    let small = [("model.width", "6"), ("figure.metric", "elbo")];
    trained("text-vae", &small, Some(&first), &out).unwrap();
    let mut run = Run::open(&out, Some(&other), &Device::Cpu).unwrap();
    let summary = run.evaluate(&out, &out.join("eval")).unwrap();
    assert!(summary.data.ends_with("b.txt: 10 held out"), "{}", summary.data);
    let written = fs::read_to_string(out.join("eval/sentences.txt")).unwrap();
    assert!(written.contains("hen fish fish") && !written.contains("zebra"), "{written}");

    // The most likely sentences of a code are always the same, others are drawn.
    let mut run = Run::open(&out, None, &Device::Cpu).unwrap();
    let mut sentences = |temperature, seed| {
        let how = Drawn { sampler: Sampler::Normal, count: 12, seed, temperature, ..Drawn::default() };
        let files = run.sample(&out, &how, &out).unwrap();
        fs::read_to_string(&files[1]).unwrap()
    };
    assert_eq!(sentences(0.0, 1), sentences(0.0, 1));
    assert_ne!(sentences(0.0, 1), sentences(1.0, 1));
    let how = Drawn { temperature: -1.0, ..Drawn::default() };
    assert!(run.sample(&out, &how, &out).unwrap_err().to_string().contains("temperature of -1"));
}

fn run_temperature(run: &Path) -> Result<()> {
    let how = Drawn { temperature: 0.5, ..Drawn::default() };
    Run::open(run, None, &Device::Cpu)?.sample(run, &how, run).map(drop)
}

/// Of all classes in turn, or of one; fitted to the codes of that class.
#[test]
fn classes_are_drawn_as_asked_for() {
    let out = Folder::new("run-classes");
    let small = [("data.train", "200"), ("data.test", "10"), ("figure.metric", "elbo")];
    trained("cvae-digits", &small, None, &out.0).unwrap();
    let mut run = Run::open(&out.0, None, &Device::Cpu).unwrap();
    let mut classes = |sampler, class: Option<&str>| -> Result<Vec<u32>> {
        let how = Drawn { sampler, count: 12, class: class.map(Into::into), ..Drawn::default() };
        let files = run.sample(&out.0, &how, &out.0)?;
        assert!(files[1].to_string_lossy().ends_with("-classes.npy"), "{files:?}");
        let set = load_npy(&files[1]).unwrap();
        Ok(set.integers("x").unwrap().to_vec())
    };
    assert_eq!(classes(Sampler::Prior, None).unwrap(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    assert_eq!(classes(Sampler::Normal, Some("7")).unwrap(), [7; 12]);
    assert!(matches!(run_temperature(&out.0), Err(Error::Config(m)) if m.contains("element by element")));
    assert!(matches!(classes(Sampler::Prior, Some("10")), Err(Error::Name(m)) if m.contains("no class 10")));
}

/// A training that fails leaves the weights that it had, with all that is needed to use them; one that has not come to its first
/// validation leaves an earlier run alone.
#[test]
fn what_was_trained_is_kept() {
    let out = Folder::new("run-kept");
    let small = [("data.train", "100"), ("data.test", "10"), ("figure.metric", "elbo")];
    let first = trained("vae-digits", &small, None, &out.0).unwrap();
    let kept = fs::read(out.0.join("model.safetensors")).unwrap();
    let bad = [&small[..], &[("train.steps", "40"), ("train.beta", "3e38"), ("model.latent", "4")]].concat();
    let error = trained("vae-digits", &bad, None, &out.0).unwrap_err();
    assert!(matches!(error, Error::NonFinite(_)), "{error}");
    assert!(fs::read(out.0.join("model.safetensors")).unwrap() == kept && out.0.join("summary.json").exists());
    assert_eq!(evaluated(&out.0, None).unwrap().elbo, first.elbo);
    let late =
        [&bad[..], &[("train.beta", "{ kind = \"linear\", to = 3e38, steps = 4 }"), ("train.validate_every", "1")]];
    let error = trained("vae-digits", &late.concat(), None, &out.0).unwrap_err();
    assert!(matches!(error, Error::NonFinite(_)), "{error}");
    assert!(fs::read(out.0.join("model.safetensors")).unwrap() != kept && !out.0.join("summary.json").exists());
    assert!(fs::read_to_string(out.0.join("metrics.jsonl")).unwrap().lines().count() < 40);
    assert_ne!(evaluated(&out.0, None).unwrap().elbo, first.elbo);
}

/// A pass visits labelled examples as often as the recipe says; labels that nothing reads are refused.
#[test]
fn passes_count_what_they_visit() {
    let out = Folder::new("run-passes");
    let labels = [("data.train", "200"), ("data.test", "10"), ("data.labels", "20"), ("data.labelled_share", "0.5")];
    let passes = [&labels[..], &[("train.steps", "0"), ("train.epochs", "1"), ("figure.metric", "elbo")]].concat();
    // 180 without a label, 20 nine times: 360 visits in batches of 8.
    assert_eq!(trained("m2-digits", &passes, None, &out.0).unwrap().steps, 45);
    let error = trained("vae-digits", &labels, None, &out.0).unwrap_err().to_string();
    assert!(error.contains("data.labels"), "{error}");
}

/// A row of numbers of which one is missing is no header.
#[test]
fn a_missing_number_is_no_header() {
    let folder = Folder::new("run-header");
    for first in ["1,,3", "1,NA,3", "1,null,3"] {
        let file = folder.write("a.csv", format!("{first}\n{}", "1,2,3\n".repeat(30)));
        refused(load_csv(&file, 4, 1, None), "a.csv", "line 1, field 2");
    }
    let file = folder.write("a.csv", format!("a,2,c\n{}", "1,2,3\n".repeat(30)));
    assert_eq!(load_csv(file, 4, 1, None).unwrap().indices(Split::Train).len(), 21);
}
