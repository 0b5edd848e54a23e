//! Where batches come from: a set resident on the device, or a stream of batches from loader threads.

use crate::data::{BatchLoader, BatchOptions, Dataset, Examples};
use crate::device::{Device, Executable, Store};
use crate::error::{Error, Result};
use crate::rng::Philox;
use crate::tensor::{Array, TensorType};
use crate::vae::{Batch, leaf};
use rand::seq::SliceRandom;
use std::sync::Arc;

/// Training examples.
#[derive(Clone)]
pub enum Source {
    /// The columns that the model reads are uploaded once; each step gathers its batch by index on the device.
    Resident(Arc<Dataset>),
    /// Read by loader threads; each step uploads its batch.
    Stream {
        /// Where they are.
        examples: Arc<dyn Examples>,
        /// Which of them to train on.
        indices: Vec<usize>,
        /// Loader threads.
        workers: usize,
    },
}

impl Source {
    /// `set` resident where the device takes each of its columns as one buffer; else streamed by `workers` threads.
    pub fn of(set: impl Into<Dataset>, device: &Device, workers: usize) -> Self {
        let set = set.into();
        let limit = match device {
            Device::Cpu => u64::MAX,
            Device::Gpu(gpu) => gpu.caps().max_binding_bytes.min(gpu.caps().max_buffer_bytes),
        };
        if set.columns().iter().all(|(_, array)| array.ty().bytes() as u64 <= limit) {
            return Self::Resident(Arc::new(set));
        }
        let indices = set.visited().into_iter().map(|i| i as usize).collect();
        Self::Stream { examples: Arc::new(set), indices, workers }
    }
    /// How many examples a pass visits.
    pub fn len(&self) -> usize {
        match self {
            Self::Resident(set) => set.visited().len(),
            Self::Stream { indices, .. } => indices.len(),
        }
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The types of the columns of a batch of `batch` examples.
    pub fn types(&self, batch: usize) -> Vec<(String, TensorType)> {
        match self {
            Self::Resident(set) => set.types(batch),
            Self::Stream { examples, .. } => examples.batch_types(batch),
        }
    }

    /// A batch, as graph.
    pub(super) fn batch(&self, batch: usize) -> Result<Batch> {
        if batch == 0 {
            return Err(Error::Config("a batch must hold at least 1 example".into()));
        }
        Ok(match self {
            Self::Resident(set) => {
                let tables = set.columns().iter().map(|(name, array)| (name.clone(), array.ty()));
                Batch::resident(batch, tables.collect())
            }
            Self::Stream { .. } => Batch::uploaded(batch, self.types(batch)),
        })
    }

    /// Uploads what stays, and yields what writes each step's batch.
    pub(super) fn open(&self, store: &Store, batch: usize, seed: u64) -> Result<Feed> {
        if self.len() < batch {
            let message =
                format!("{} training examples are fewer than one batch of {batch}; take a smaller batch", self.len());
            return Err(Error::Config(message));
        }
        match self {
            Self::Resident(set) => {
                for (name, array) in set.columns() {
                    let leaf = leaf(name);
                    if store.layout().states.iter().any(|(known, _)| *known == leaf) {
                        store.write(&leaf, array)?;
                    }
                }
                Ok(Feed::Indices { pass: set.visited(), batch, seed, epoch: u64::MAX, order: vec![] })
            }
            Self::Stream { examples, indices, workers } => {
                let options = BatchOptions { workers: *workers, ..BatchOptions::new(batch, seed) };
                Ok(Feed::Batches(Box::new(BatchLoader::new(examples.clone(), indices.clone(), options)?)))
            }
        }
    }
}

/// Writes each step's batch.
pub(super) enum Feed {
    Indices { pass: Vec<u32>, batch: usize, seed: u64, epoch: u64, order: Vec<u32> },
    Batches(Box<BatchLoader>),
}

impl Feed {
    /// Writes the batch of `step` (counted from 0, in order) and returns the inputs written.
    pub(super) fn write(&mut self, step: u64, exe: &mut Executable) -> Result<Vec<(String, Array)>> {
        let mut written = match self {
            Self::Indices { pass, batch, seed, epoch, order } => {
                let per_epoch = (pass.len() / *batch) as u64;
                if *epoch != step / per_epoch {
                    *epoch = step / per_epoch;
                    order.clone_from(pass);
                    order.shuffle(&mut Philox::new(*seed, *epoch));
                }
                let from = (step % per_epoch) as usize * *batch;
                vec![("indices".to_string(), Array::u32([*batch], order[from..from + *batch].to_vec())?)]
            }
            Self::Batches(loader) => {
                let ended = || Error::Config("the batch loader ended early".into());
                let batch = loader.next().ok_or_else(ended)??;
                let count = batch.indices.len();
                let rows = Array::u32([count], (0..count as u32).collect())?;
                let columns = batch.columns.into_iter().map(|(name, array)| (leaf(&name), array));
                columns.chain([("indices".to_string(), rows)]).collect()
            }
        };
        written.retain(|(name, _)| exe.has_input(name));
        written.iter().try_for_each(|(name, array)| exe.write(name, array))?;
        Ok(written)
    }
}
