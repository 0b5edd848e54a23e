//! The examples as a user meets them: whole programs, run in a very short form on the CPU device. Numbers that need
//! training are not judged here; files, figures, messages and exit codes are.

use serde_json::Value;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use wavae::data::{synthetic_digits, synthetic_faces, write_celeba, write_idx};

/// An example and what it must leave behind.
struct Example {
    name: &'static str,
    /// What keeps a run short.
    short: &'static [&'static str],
    /// Keys of `summary.json` that are finite numbers, besides those of every example.
    figures: &'static [&'static str],
    pictures: &'static [&'static str],
}

const CELEBA: Example = Example {
    name: "celeba",
    short: &["--device", "cpu", "--batch", "8", "--latent", "6", "--width", "8"],
    figures: &["mse_mean_face", "smile_probe_accuracy", "smile_edit_success"],
    pictures: &["interpolations", "traversals", "smile"],
};
const MNIST: Example = Example {
    name: "mnist",
    short: &["--device", "cpu", "--batch", "16"],
    figures: &["mse_mean_digit", "neighbour_accuracy"],
    pictures: &["latent", "manifold"],
};
const FIGURES: [&str; 8] = ["seconds", "steps", "elbo", "reconstruction", "kl", "active_units", "mse", "parameters"];
const PICTURES: [&str; 5] = ["samples", "reconstructions", "loss", "kl", "kl_dimensions"];

impl Example {
    /// The program, which `cargo test` puts beside the folder of the test programs.
    fn program(&self) -> PathBuf {
        let test = env::current_exe().expect("a test knows its own path");
        let profile = test.parent().and_then(Path::parent).expect("test programs are in target/PROFILE/deps");
        let program = profile.join("examples").join(format!("{}{}", self.name, env::consts::EXE_SUFFIX));
        assert!(program.is_file(), "{} is missing: run `cargo build --examples`", program.display());
        program
    }

    fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        let mut command = Command::new(self.program());
        command.args(args).env_remove("WGPU_ADAPTER_NAME");
        command.output().unwrap_or_else(|e| panic!("{} does not start: {e}", self.name))
    }

    /// Runs the short form with `extra` arguments to the end and returns what it printed.
    fn succeed(&self, out: &Path, extra: &[&str]) -> String {
        let mut args: Vec<&OsStr> = self.short.iter().chain(extra).map(OsStr::new).collect();
        args.extend([OsStr::new("--out"), out.as_os_str()]);
        let output = self.run(args);
        let [stdout, stderr] =
            [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert!(output.status.success(), "{} {extra:?}: {}\n{stdout}\n{stderr}", self.name, output.status);
        for (stream, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            assert!(!bytes.contains(&0x1b), "{}: an escape byte in {stream}: {stdout}{stderr}", self.name);
        }
        stdout
    }

    /// Runs with arguments that cannot be met; it must say so in one line, and that line must hold `words`.
    fn fail(&self, args: &[&str], words: &[&str]) {
        let out = folder(&format!("{}-fails", self.name));
        let place = out.to_string_lossy();
        let own = args.contains(&"--out");
        let output = self.run(args.iter().copied().chain(if own { vec![] } else { vec!["--out", &place] }));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        // A panic exits with 101, a signal without a code.
        assert_eq!(output.status.code(), Some(1), "{} {args:?}: {}\n{stderr}", self.name, output.status);
        let mut lines = stderr.lines();
        let first = lines.next().unwrap_or_default();
        assert!(first.starts_with("error: "), "{} {args:?}: {stderr}", self.name);
        // Only a list of what there is to choose from may follow.
        assert!(lines.all(|line| line.starts_with("  ")), "{} {args:?}: more than one line: {stderr}", self.name);
        for word in words {
            assert!(first.contains(word), "{} {args:?}: {word:?} is not in: {stderr}", self.name);
        }
        let _ = fs::remove_dir_all(out); // leftovers do no harm
    }

    /// Everything that a run of `steps` steps leaves in `out`.
    fn check(&self, out: &Path, steps: u64) {
        let summary: Value = serde_json::from_str(&read(&out.join("summary.json"))).expect("summary.json is JSON");
        assert!(summary["device"].as_str().is_some_and(|d| d.starts_with("CPU")), "{summary}");
        for key in FIGURES.iter().chain(self.figures) {
            assert!(summary[key].as_f64().is_some_and(f64::is_finite), "{}: {key} in {summary}", self.name);
        }
        assert_eq!(summary["steps"].as_u64(), Some(steps));
        let figure = |key: &str| summary[key].as_f64().unwrap_or(f64::NAN);
        let gap = figure("elbo") + figure("reconstruction") + figure("kl");
        assert!(gap.abs() <= 1e-9 * figure("elbo").abs(), "the terms do not add up to the ELBO: {summary}");
        for name in PICTURES.iter().chain(self.pictures) {
            let path = out.join(format!("{name}.png"));
            let picture = image::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).into_rgb8();
            let first = picture.get_pixel(0, 0);
            assert!(picture.pixels().any(|p| p != first), "{} is blank", path.display());
        }
        let metrics = read(&out.join("metrics.jsonl"));
        let records: Vec<Value> = metrics.lines().map(|l| serde_json::from_str(l).expect("a line is JSON")).collect();
        let count = |kind: &str| records.iter().filter(|r| r["kind"] == kind).count() as u64;
        assert_eq!(count("train"), steps, "{metrics}");
        assert!(count("valid") > 0, "{metrics}");
    }

    /// A short run on the example's own images, then one that continues from its weights.
    fn train_and_continue(&self) {
        let out = folder(self.name);
        self.succeed(&out, &["--steps", "3", "--images", "200"]);
        self.check(&out, 3);
        let weights = out.join("model.safetensors");
        let again = out.join("again");
        let text = weights.to_string_lossy();
        // At a rate of 0 the weights must come out as they went in.
        let stdout =
            self.succeed(&again, &["--steps", "1", "--images", "200", "--lr", "0", "--seed", "9", "--load", &text]);
        assert!(stdout.contains(&format!("weights: {text}")), "{stdout}");
        self.check(&again, 1);
        let (before, after) = (tensors(&weights), tensors(&again.join("model.safetensors")));
        assert!(!before.is_empty() && before == after, "{}: --load did not continue from the weights", self.name);
        let _ = fs::remove_dir_all(out);
    }

    /// What users get wrong.
    fn mistakes(&self) {
        let few = ["--device", "cpu", "--images", "40", "--batch", "8", "--steps", "1"];
        let with = |extra: [&'static str; 2]| [few.as_slice(), &extra].concat();
        self.fail(&["--device", "Voodoo 2"], &["Voodoo 2", "adapter"]);
        self.fail(&with(["--data", "no/such/folder"]), &["no/such/folder"]);
        self.fail(&with(["--load", "no/such/file.safetensors"]), &["no/such/file.safetensors"]);
        self.fail(&with(["--load", "Cargo.toml"]), &["Cargo.toml", "safetensors"]);
        self.fail(
            &["--device", "cpu", "--images", "40", "--batch", "64"],
            &["32 training examples", "a smaller batch"],
        );
        // An --out that cannot be a folder.
        self.fail(&with(["--out", "Cargo.toml"]), &["Cargo.toml"]);
    }

    /// A reader of the output that goes away, as `| head` does, ends nothing.
    fn unheard(&self) {
        let out = folder(&format!("{}-unheard", self.name));
        let mut command = Command::new(self.program());
        command.args(self.short).args(["--steps", "2", "--images", "60", "--out"]).arg(&out);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{} does not start: {e}", self.name));
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it was started");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {}\n{stderr}", self.name, output.status);
        self.check(&out, 2);
        let _ = fs::remove_dir_all(out);
    }

    fn help(&self) {
        let output = self.run(["--help"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success());
        for option in
            ["data", "out", "device", "steps", "epochs", "batch", "latent", "beta", "seed", "load", "images", "lr"]
        {
            assert!(text.contains(&format!("--{option}")), "{}: --{option} is not in: {text}", self.name);
        }
    }
}

/// An empty folder of this test program's own.
fn folder(name: &str) -> PathBuf {
    let path = env::temp_dir().join(format!("wavae-examples-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Name, shape and bytes of the trained tensors of a file: all but running statistics, which move at any rate.
fn tensors(path: &Path) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let mut all: Vec<_> =
        file.iter().map(|(name, t)| (name.to_string(), t.shape().to_vec(), t.data().to_vec())).collect();
    all.retain(|(name, ..)| !name.contains("running"));
    all.sort();
    all
}

#[test]
fn celeba_trains_and_continues() {
    CELEBA.train_and_continue();
}

#[test]
fn mnist_trains_and_continues() {
    MNIST.train_and_continue();
}

#[test]
fn celeba_reads_a_folder() {
    let out = folder("celeba-folder");
    let data = out.join("data");
    write_celeba(&data, &synthetic_faces(60, 64, 1).expect("faces")).expect("a folder");
    let stdout = CELEBA.succeed(&out, &["--steps", "2", "--workers", "2", "--data", &data.to_string_lossy()]);
    assert!(stdout.contains("60 images"), "{stdout}");
    CELEBA.check(&out, 2);
    let _ = fs::remove_dir_all(out);
}

#[test]
fn mnist_reads_a_folder() {
    let out = folder("mnist-folder");
    let data = out.join("data");
    write_idx(&data, &synthetic_digits(200, 1).expect("digits"), true).expect("a folder");
    let data = data.to_string_lossy();
    let stdout = MNIST.succeed(&out, &["--epochs", "1", "--latent", "5", "--data", &data, "--images", "64"]);
    assert!(stdout.contains("200 images"), "{stdout}");
    MNIST.check(&out, 64 / 16);
    let _ = fs::remove_dir_all(out);
}

#[test]
fn mistakes_end_in_one_line() {
    CELEBA.mistakes();
    MNIST.mistakes();
}

#[test]
fn output_may_be_cut_off() {
    CELEBA.unheard();
    MNIST.unheard();
}

#[test]
fn numbers_that_are_none_are_refused() {
    for (example, option, value) in [(MNIST, "--lr", "nan"), (MNIST, "--beta", "inf"), (CELEBA, "--lr", "much")] {
        let output = example.run([option, value]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(&format!("'{value}' for '{option} ")), "{stderr}");
    }
}

#[test]
fn help_lists_every_option() {
    CELEBA.help();
    MNIST.help();
}
