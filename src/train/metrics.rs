//! `metrics.jsonl`: one JSON object a line, flushed as it is written.

use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A line of the file; every figure is in nats per example unless said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// `train` (a batch's mean) or `valid` (the set's mean).
    pub kind: &'static str,
    /// Steps done.
    pub step: u64,
    /// Seconds since training began.
    pub seconds: f64,
    /// What was minimised; absent in validation, where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f32>,
    /// The evidence lower bound; absent where the model has none ([`crate::vae::Model::bounded`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elbo: Option<f32>,
    /// −ln p(x|z).
    pub reconstruction: f32,
    /// KL(q(z|x) ‖ p(z)).
    pub kl: f32,
    /// Weight of the KL.
    pub beta: f32,
    /// Global norm of the gradient; absent in validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grad_norm: Option<f32>,
    /// The model's own figures by name.
    #[serde(flatten)]
    pub figures: BTreeMap<String, f32>,
}

/// Keeps all records and writes them to a file where one is given.
#[derive(Debug, Default)]
pub struct Metrics {
    records: Vec<Record>,
    file: Option<(PathBuf, File)>,
}

impl Metrics {
    /// Metrics that are also written to `path`, which is made anew.
    pub fn to_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| Error::file(folder, e))?;
        }
        let file = File::create(path).map_err(|e| Error::file(path, e))?;
        Ok(Self { records: vec![], file: Some((path.to_path_buf(), file)) })
    }
    /// Adds a record.
    pub fn push(&mut self, record: Record) -> Result<()> {
        if let Some((path, file)) = &mut self.file {
            let line = serde_json::to_string(&record).map_err(|e| Error::file(&*path, e))?;
            writeln!(file, "{line}").map_err(|e| Error::file(&*path, e))?;
        }
        self.records.push(record);
        Ok(())
    }
    /// All records so far.
    pub fn records(&self) -> &[Record] {
        &self.records
    }
    /// The points (step, figure) of one kind, for a plot.
    pub fn series(&self, kind: &str, figure: impl Fn(&Record) -> f32) -> Vec<(f64, f64)> {
        let of_kind = self.records.iter().filter(|r| r.kind == kind);
        of_kind.map(|r| (r.step as f64, figure(r).into())).collect()
    }
}
