//! [`DataRecord`]: what a run keeps of its data beside the weights, so that these and others are read again in the same way.

use super::Splits;
use crate::data::{Dataset, Reading};
use crate::error::{Error, Result};
use crate::tensor::Array;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file of a run's folder that it is in.
const FILE: &str = "data.json";

/// What `data.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// Where the examples come from, in words.
    pub origin: String,
    /// The folder or file that they were read from; without, they are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// The shape of an example's part in each column.
    pub columns: BTreeMap<String, Vec<usize>>,
    /// How files became numbers; without classes where the model is given none.
    pub reading: Reading,
    /// A checksum of all examples.
    #[serde(default)]
    pub digest: u32,
}

impl DataRecord {
    /// That of `parts`, the examples of `set` that were read from `folder` or drawn; `classes` is whether the model knows theirs.
    ///
    /// # Errors
    /// A folder whose name is no text.
    pub(in crate::recipe) fn of(parts: &Splits, set: &str, folder: Option<&Path>, classes: bool) -> Result<Self> {
        let folder = folder.map(whole);
        if let Some(folder) = folder.as_ref().filter(|folder| folder.to_str().is_none()) {
            return Err(Error::file(folder, "the name is not UTF-8, and a run has to keep it; rename it"));
        }
        let place = folder.as_ref().map_or_else(|| format!("embedded {set}"), |folder| folder.display().to_string());
        let shape = |(name, array): &(String, Array)| (name.clone(), array.shape.dims()[1..].to_vec());
        let mut reading = parts.reading.clone();
        if !classes {
            (reading.classes, reading.class_names) = (0, vec![]);
        }
        Ok(Self {
            origin: format!("{place}: {} to train on, {} held out", parts.train.len(), parts.test.len()),
            folder,
            columns: parts.train.columns().iter().map(shape).collect(),
            reading,
            digest: parts.digest,
        })
    }

    /// That of the folder `run`.
    ///
    /// # Errors
    /// A file that is missing or broken.
    pub fn read(run: &Path) -> Result<Self> {
        let file = run.join(FILE);
        let none = |e| Error::file(&file, format!("{e}; wavae train writes it beside the weights"));
        let text = std::fs::read_to_string(&file).map_err(none)?;
        serde_json::from_str(&text).map_err(|e| Error::file(&file, e))
    }

    /// Writes it into the folder `run`.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(in crate::recipe) fn write(&self, run: &Path) -> Result<()> {
        let file = run.join(FILE);
        let text = serde_json::to_string_pretty(self).map_err(|e| Error::file(&file, e))?;
        std::fs::write(&file, text + "\n").map_err(|e| Error::file(&file, e))
    }

    /// Height, width and channels of images `x`, where examples are some.
    pub fn image(&self) -> Option<[usize; 3]> {
        let image: [usize; 3] = self.columns.get("x")?.clone().try_into().ok()?;
        // A damaged file must not ask for all memory there is.
        let pixels = image[0].saturating_mul(image[1]);
        (matches!(image[2], 1 | 3) && (1..=1 << 26).contains(&pixels)).then_some(image)
    }

    /// Pixels of a side of such images, for sets that can be had in several sizes.
    pub(super) fn side(&self) -> Option<usize> {
        self.image().map(|[height, ..]| height)
    }

    /// Steps of sequences, for sets that can be had in several lengths.
    pub(super) fn steps(&self) -> Option<usize> {
        let x = self.columns.get("x")?;
        matches!(x.len(), 1 | 2).then(|| x[0])
    }

    /// That the examples of `set` have the shapes that the run's have.
    ///
    /// # Errors
    /// Where they have not.
    pub(super) fn fits(&self, set: &Dataset) -> Result<()> {
        for (name, array) in set.columns() {
            let (own, known) = (&array.shape.dims()[1..], self.columns.get(name).map(Vec::as_slice));
            if known.is_some_and(|known| known != own) && name != "factors" {
                return Err(Error::Config(format!(
                    "{name} is {own:?}, of the run's data {:?}",
                    known.unwrap_or_default()
                )));
            }
        }
        Ok(())
    }
}

/// The same place by a path that holds wherever the program is called from.
fn whole(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.into())
}
