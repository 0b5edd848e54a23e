//! Tuning: what the file holds and when it is believed, that compiled programs obey it, and what measuring finds.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wavae::graph::{Graph, Init, Value};
use wavae::ops::{Lowering, registry};
use wavae::tune::{self, Choice, Key, Tuning, file};
use wavae::{Array, Device, Executable, Store, TensorType};

/// A folder of its own for each test, emptied.
fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tune").join(name);
    let _ = fs::remove_dir_all(&path);
    path
}

fn key() -> Key {
    Key::of(&Device::Gpu(common::gpu())).unwrap()
}

fn choice(variant: &str) -> Choice {
    Choice { variant: variant.into(), ms: 0.25, untuned: "first".into(), untuned_ms: 1.0 / 3.0 }
}

fn tuning() -> Tuning {
    Tuning { choices: [("a \"quoted\" op".into(), choice("second")), ("b".into(), choice("third"))].into() }
}

#[test]
fn choices_come_back_from_their_file() {
    let folder = folder("round/trip");
    let path = file::path(&folder, &key());
    assert_eq!(file::load(&path, &key()), Tuning::default(), "nothing there yet");
    file::save(&path, &key(), &tuning()).unwrap();
    assert_eq!(file::load(&path, &key()), tuning());
    file::save(&path, &key(), &Tuning::default()).unwrap();
    assert_eq!(file::load(&path, &key()), Tuning::default());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "a partial file was left");
    assert!(Key::of(&Device::Cpu).is_none());
}

/// (a change of the key)
type Change = fn(&mut Key);

#[test]
fn another_device_driver_or_version_is_foreign() {
    let folder = folder("foreign");
    let path = file::path(&folder, &key());
    file::save(&path, &key(), &tuning()).unwrap();
    let changes: [Change; 6] = [
        |k| k.adapter.push('x'),
        |k| k.backend.push('x'),
        |k| k.driver.push('x'),
        |k| k.driver_info.push('x'),
        |k| k.caps.push('x'),
        |k| k.version.push('x'),
    ];
    for change in changes {
        let mut other = key();
        change(&mut other);
        assert_ne!(file::path(&folder, &other), path, "{other:?}");
        assert_eq!(file::load(&path, &other), Tuning::default(), "a copied file was believed: {other:?}");
    }
}

#[test]
fn a_damaged_file_counts_as_none() {
    let folder = folder("damaged");
    let path = file::path(&folder, &key());
    file::save(&path, &key(), &tuning()).unwrap();
    let whole = fs::read(&path).unwrap();
    let damages: [&[u8]; 5] = [b"", b"not JSON", &whole[..whole.len() / 2], b"[1, 2]", &[0xff, 0xfe, 0]];
    for damage in damages {
        fs::write(&path, damage).unwrap();
        assert_eq!(file::load(&path, &key()), Tuning::default());
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(file::load(&path, &key()), Tuning::default(), "a folder in its place");
}

/// An op of the table with several variants on the test device.
fn several() -> (wavae::testing::OpCase, Vec<TensorType>, Vec<Lowering>) {
    let gpu = common::gpu();
    let cases = registry().iter().flat_map(|entry| (entry.cases)());
    let listed = cases.map(|case| {
        let types: Vec<TensorType> = case.inputs.iter().map(|gen_| gen_.ty()).collect();
        let variants = case.op.infer(&types).map(|out| case.op.variants(&types, &out, gpu.caps()));
        (case, types, variants.unwrap_or_default())
    });
    listed.into_iter().find(|(_, _, variants)| variants.len() > 1).unwrap()
}

#[test]
fn a_choice_is_by_op_shapes_and_a_name_that_still_exists() {
    let (case, types, variants) = several();
    let name = tune::name(case.op.as_ref(), &types);
    let last = variants.len() - 1;
    let with = |name: &str, variant: &str| Tuning { choices: [(name.to_string(), choice(variant))].into() };
    assert_eq!(with(&name, variants[last].name).choose(case.op.as_ref(), &types, &variants), last);
    assert_eq!(with(&name, "no longer there").choose(case.op.as_ref(), &types, &variants), 0);
    assert_eq!(with("another op", variants[last].name).choose(case.op.as_ref(), &types, &variants), 0);
    assert_eq!(Tuning::default().choose(case.op.as_ref(), &types, &variants), 0);
}

/// A dense layer: a matrix product with a fused bias and activation, and a mean with a fused square.
fn layer() -> (Graph, Vec<Value>) {
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([65, 40])).unwrap();
    let w = g.param("w", [40, 33], Init::Normal(0.1)).unwrap();
    let b = g.param("b", [33], Init::Constant(0.1)).unwrap();
    let y = g.matmul(x, w).unwrap();
    let y = g.add(y, b).unwrap();
    let y = g.relu(y).unwrap();
    let squares = g.square(y).unwrap();
    let loss = g.sum_all(squares).unwrap();
    (g, vec![y, loss])
}

/// Compiles and runs [`layer`]; the plan and the label of every dispatch.
fn labels(device: &Device) -> (String, Vec<String>) {
    let (g, roots) = layer();
    let store = Store::new(device, &[&g]).unwrap();
    store.init(&g, 0).unwrap();
    let mut exe = Executable::compile(device, &store, &g, &roots).unwrap();
    exe.write("x", &Array::f32([65, 40], vec![0.5; 65 * 40]).unwrap()).unwrap();
    let labels = exe.profile().unwrap().into_iter().map(|(label, _)| label).collect();
    (exe.plan().to_string(), labels)
}

/// Set in a child, which is this program running one test with a cache folder of its own.
const CHILD: &str = "WAVAE_TEST_CHILD";

fn child(test: &str, cache: &Path, task: &str) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child = child.args(["--exact", test, "--nocapture"]).env(CHILD, task).env("WAVAE_CACHE", cache);
    let output = child.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

/// What [`layer`]'s matrix product is called, and its variants.
fn product() -> (String, Vec<&'static str>) {
    let (g, roots) = layer();
    let gpu = common::gpu();
    let found = tune::measure::steps(&[(&g, &roots)], gpu.caps());
    let name = found.into_keys().find(|name| name.starts_with("Matmul")).expect("the product has several variants");
    let node = g.nodes().iter().find(|n| n.op().is_some_and(|op| op.name() == "matmul")).unwrap();
    let types: Vec<TensorType> = node.inputs.iter().map(|&v| g.ty(v).clone()).collect();
    let variants = node.op().unwrap().variants(&types, &node.ty, gpu.caps());
    (name, variants.into_iter().map(|v| v.name).collect())
}

#[test]
fn compiled_programs_obey_the_file() {
    const TEST: &str = "compiled_programs_obey_the_file";
    if std::env::var_os(CHILD).is_some() {
        let device = Device::Gpu(common::gpu());
        for _ in 0..2 {
            let (plan, labels) = labels(&device);
            println!("{plan}\n{}", labels.join("\n"));
        }
        return;
    }
    let folder = folder("obeyed");
    let path = file::path(&folder, &key());
    let (name, variants) = product();
    for &variant in [variants[0], variants[variants.len() - 1]].iter().chain(&["no longer there"]) {
        file::save(&path, &key(), &Tuning { choices: [(name.clone(), choice(variant))].into() }).unwrap();
        let text = child(TEST, &folder, "run");
        let known = if variants.contains(&variant) { variant } else { variants[0] };
        assert!(text.contains(&format!("matmul.{known}")), "{variant}: {text}");
        assert_eq!(text.contains("tuning found faster"), known != variants[0], "{variant}: {text}");
        assert!(!text.contains("warning"), "{text}");
    }
    fs::write(&path, "{").unwrap();
    let text = child(TEST, &folder, "run");
    assert!(text.contains(&format!("matmul.{}", variants[0])), "{text}");
    let warnings: Vec<&str> = text.lines().filter(|l| l.contains("warning")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains(&*path.to_string_lossy()), "{text}");
}

#[test]
fn measuring_keeps_a_choice_for_every_op_that_has_one() {
    const TEST: &str = "measuring_keeps_a_choice_for_every_op_that_has_one";
    let (g, roots) = layer();
    if std::env::var_os(CHILD).is_some() {
        let device = Device::Gpu(common::gpu());
        let mut lines = 0;
        let report = tune::tune(&device, &[(&g, &roots), (&g, &roots)], &mut |_| lines += 1).unwrap();
        assert!(report.failed.is_empty(), "{report}");
        assert_eq!(lines, report.measured.len());
        let (name, variants) = product();
        let (count, choice) = &report.measured[&name];
        assert_eq!((*count, choice.untuned.as_str()), (2, variants[0]));
        assert!(
            variants.contains(&&*choice.variant) && choice.ms > 0.0 && choice.ms <= choice.untuned_ms,
            "{choice:?}"
        );
        let (untuned, tuned) = report.total_ms();
        assert!(tuned > 0.0 && tuned <= untuned, "{report}");
        // This process uses them from now on.
        let (_, labels) = labels(&device);
        assert!(labels.iter().any(|l| l.ends_with(&format!("matmul.{}", choice.variant))), "{labels:?}");
        return;
    }
    let folder = folder("measured");
    let path = file::path(&folder, &key());
    file::save(&path, &key(), &tuning()).unwrap();
    child(TEST, &folder, "tune");
    let after = file::load(&path, &key());
    assert!(tuning().choices.keys().all(|name| after.choices.contains_key(name)), "other plans' choices are gone");
    assert!(after.choices.contains_key(&product().0), "{after:?}");
    let report = tune::tune(&Device::Cpu, &[(&g, &roots)], &mut |_| {}).unwrap();
    assert!(report.measured.is_empty() && report.file.is_none());
}

/// A choice is kept by name, so a name must mean one variant, whatever the device.
#[test]
fn variants_of_one_op_have_different_names() {
    let devices = common::devices::devices();
    for case in registry().iter().flat_map(|entry| (entry.cases)().into_iter().chain((entry.bench)())) {
        let types: Vec<TensorType> = case.inputs.iter().map(|gen_| gen_.ty()).collect();
        let Ok(out) = case.op.infer(&types) else { continue };
        for (device, caps) in &devices {
            let mut names: Vec<_> = case.op.variants(&types, &out, caps).into_iter().map(|v| v.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            let op = tune::name(case.op.as_ref(), &types);
            assert_eq!(names.len(), count, "{op} on {device}: {names:?}");
        }
    }
}
