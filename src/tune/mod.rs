//! Tuning: which of the legal kernel variants is fastest for a plan's real shapes on *this* device, measured once and kept
//! in a file that [`Executable::compile`](crate::Executable::compile) consults. Nothing is ever measured unasked.
//!
//! [`measure`] runs the steps of a plan, variant by variant; [`file`](mod@file) keeps the choices by adapter, driver and
//! version of this crate. Without a file, with a foreign or a damaged one, every op takes the variant it lists first.

pub mod file;
pub mod measure;

use crate::device::Device;
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::ops::{Lowering, Op};
use crate::tensor::TensorType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// What choices hold for: kernels, drivers and devices differ, so nothing measured is carried from one to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The adapter's name.
    pub adapter: String,
    /// `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// The driver's name.
    pub driver: String,
    /// The driver's version.
    pub driver_info: String,
    /// What kernels may use: other limits allow other variants.
    pub caps: String,
    /// The version of this crate.
    pub version: String,
}

impl Key {
    /// The key of `device`; `None` for the CPU, which has no variants.
    pub fn of(device: &Device) -> Option<Self> {
        let Device::Gpu(gpu) = device else { return None };
        let info = gpu.info();
        Some(Self {
            adapter: info.name.clone(),
            backend: info.backend.clone(),
            driver: info.driver.clone(),
            driver_info: info.driver_info.clone(),
            caps: format!("{:?}", gpu.caps()),
            version: env!("CARGO_PKG_VERSION").into(),
        })
    }
}

/// The variant taken for one op at one set of shapes, and what was measured; all times are of one run, fused chain
/// included, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The fastest variant's name.
    pub variant: String,
    /// Its time.
    pub ms: f64,
    /// The variant that is taken without tuning.
    pub untuned: String,
    /// Its time.
    pub untuned_ms: f64,
}

/// Choices by op and shapes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// What was measured, by [`name`].
    pub choices: BTreeMap<String, Choice>,
}

/// What an op with inputs of these types is called in a tuning file.
pub fn name(op: &dyn Op, inputs: &[TensorType]) -> String {
    let inputs: Vec<String> = inputs.iter().map(TensorType::to_string).collect();
    format!("{op:?} of {}", inputs.join(", "))
}

impl Tuning {
    /// The index of the variant to take: the one chosen for this op and these shapes; the first where nothing was measured
    /// or the choice is no longer among `variants`.
    pub fn choose(&self, op: &dyn Op, inputs: &[TensorType], variants: &[Lowering]) -> usize {
        if self.choices.is_empty() || variants.len() < 2 {
            return 0; // spares the name
        }
        let choice = self.choices.get(&name(op, inputs));
        choice.and_then(|c| variants.iter().position(|v| v.name == c.variant)).unwrap_or(0)
    }
}

/// What was read or written in this process, by file.
static KNOWN: Mutex<BTreeMap<PathBuf, Arc<Tuning>>> = Mutex::new(BTreeMap::new());

/// The choices kept for `device` in [`file::folder`]; none for the CPU. A file is read once in a process.
pub fn kept(device: &Device) -> Arc<Tuning> {
    let (Some(key), Some(folder)) = (Key::of(device), file::folder()) else { return Arc::default() };
    let path = file::path(&folder, &key);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(path).or_insert_with_key(|path| Arc::new(file::load(path, &key))).clone()
}

/// What [`tune`] did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Ops with more than one variant, by [`name`]: how often the plans run each, and what was chosen.
    pub measured: BTreeMap<String, (usize, Choice)>,
    /// Ops that could not be measured, and why; they keep the variant they list first.
    pub failed: Vec<(String, String)>,
    /// Where the choices are kept; `None` on the CPU.
    pub file: Option<PathBuf>,
}

impl Report {
    /// Milliseconds of all measured steps together, untuned and tuned.
    pub fn total_ms(&self) -> (f64, f64) {
        let sum = |of: fn(&Choice) -> f64| self.measured.values().map(|(n, c)| *n as f64 * of(c)).sum();
        (sum(|c| c.untuned_ms), sum(|c| c.ms))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (untuned, tuned) = self.total_ms();
        let changed = self.measured.values().filter(|(_, c)| c.variant != c.untuned).count();
        write!(f, "tuned: {changed} of {} choices changed, {untuned:.2} → {tuned:.2} ms", self.measured.len())?;
        if let Some(path) = &self.file {
            write!(f, ", kept in {}", path.display())?;
        }
        for (name, why) in &self.failed {
            write!(f, "\n       not measured: {name}: {why}")?;
        }
        Ok(())
    }
}

/// Measures every variant of every step of `plans` (graphs with the roots they are compiled for) on `device`, keeps the
/// choices in [`file::folder`] beside those of other plans, and has this process use them from now on. `say` is told of each
/// op as it is done. On the CPU there is nothing to choose.
///
/// # Errors
/// [`Error::File`](crate::Error::File) where the choices cannot be kept; device errors. An op that cannot be measured, for
/// want of memory say, is left out and reported.
pub fn tune(device: &Device, plans: &[(&Graph, &[Value])], say: &mut dyn FnMut(&str)) -> Result<Report> {
    let (Device::Gpu(gpu), Some(key)) = (device, Key::of(device)) else { return Ok(Report::default()) };
    let mut report = Report::default();
    for (name, (count, step)) in measure::steps(plans, gpu.caps()) {
        match step.and_then(|step| measure::step(gpu, &step)) {
            Ok(choice) => {
                say(&format!(
                    "{:8.3} → {:8.3} ms  {} → {}  {name}",
                    choice.untuned_ms, choice.ms, choice.untuned, choice.variant
                ));
                report.measured.insert(name, (count, choice));
            }
            Err(error) => {
                gpu.check()?; // a lost device ends it
                report.failed.push((name, error.to_string()));
            }
        }
    }
    let folder = file::folder().ok_or_else(file::nowhere)?;
    let path = file::path(&folder, &key);
    let mut tuning = file::load(&path, &key);
    tuning.choices.extend(report.measured.iter().map(|(name, (_, choice))| (name.clone(), choice.clone())));
    file::save(&path, &key, &tuning)?;
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone(), Arc::new(tuning));
    report.file = Some(path);
    Ok(report)
}
