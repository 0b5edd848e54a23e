//! Where batches come from: a set resident on the device, or a stream of batches from loader threads.

use crate::data::{BatchLoader, BatchOptions, ImageSet, ImageSource};
use crate::device::{Device, Executable, Store};
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use crate::rng::Philox;
use crate::tensor::{Array, TensorType};
use rand::seq::SliceRandom;
use std::sync::Arc;

/// The name of the resident set in the store.
const RESIDENT: &str = "data.train";

/// Training images, [H, W, C] bytes each.
#[derive(Clone)]
pub enum Source {
    /// Uploaded once; each step gathers its batch by index on the device.
    Resident(Arc<ImageSet>),
    /// Read by loader threads; each step uploads its batch.
    Stream {
        /// Where the images are.
        images: Arc<dyn ImageSource>,
        /// Which of them to train on.
        indices: Vec<usize>,
        /// Height, width, channels.
        shape: [usize; 3],
        /// Loader threads.
        workers: usize,
    },
}

impl Source {
    /// `set` resident where the device takes it as one buffer, else streamed.
    pub fn of(set: ImageSet, device: &Device, workers: usize) -> Self {
        let limit = match device {
            Device::Cpu => u64::MAX,
            Device::Gpu(gpu) => gpu.caps().max_binding_bytes.min(gpu.caps().max_buffer_bytes),
        };
        let shape = [set.height, set.width, set.channels];
        let indices = (0..set.len()).collect();
        match set.pixels.len() as u64 <= limit {
            true => Self::Resident(Arc::new(set)),
            false => Self::Stream { images: Arc::new(set), indices, shape, workers },
        }
    }
    /// How many images.
    pub fn len(&self) -> usize {
        match self {
            Self::Resident(set) => set.len(),
            Self::Stream { indices, .. } => indices.len(),
        }
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    fn shape(&self) -> [usize; 3] {
        match self {
            Self::Resident(set) => [set.height, set.width, set.channels],
            Self::Stream { shape, .. } => *shape,
        }
    }

    /// The batch in [0, 1], [B, H, W, C], as graph.
    pub(super) fn batch(&self, g: &mut Graph, batch: usize) -> Result<Value> {
        if batch == 0 {
            return Err(Error::Config("a batch must hold at least 1 image".into()));
        }
        let [h, w, c] = self.shape();
        let table = match self {
            Self::Resident(set) => g.state(RESIDENT, TensorType::u8([set.len(), h, w, c]), Init::Constant(0.0))?,
            Self::Stream { .. } => g.input("pixels", TensorType::u8([batch, h, w, c]))?,
        };
        let indices = g.input("indices", TensorType::u32([batch]))?;
        g.gather_u8(table, indices, 1.0 / 255.0, 0.0)
    }

    /// Uploads what stays, and yields what writes each step's batch.
    pub(super) fn open(&self, store: &Store, batch: usize, seed: u64) -> Result<Feed> {
        if self.len() < batch {
            let message =
                format!("{} training images are fewer than one batch of {batch}; pass a smaller --batch", self.len());
            return Err(Error::Config(message));
        }
        match self {
            Self::Resident(set) => {
                let pixels = Array::u8([set.len(), set.height, set.width, set.channels], set.pixels.clone())?;
                store.write(RESIDENT, &pixels)?;
                Ok(Feed::Indices { len: set.len(), batch, seed, epoch: u64::MAX, order: vec![] })
            }
            Self::Stream { images, indices, shape, workers } => {
                let mut options = BatchOptions::new(batch, seed);
                options.workers = *workers;
                let loader = BatchLoader::new(images.clone(), indices.clone(), options)?;
                Ok(Feed::Batches { loader: Box::new(loader), shape: *shape })
            }
        }
    }
}

/// Writes each step's batch.
pub(super) enum Feed {
    Indices { len: usize, batch: usize, seed: u64, epoch: u64, order: Vec<u32> },
    Batches { loader: Box<BatchLoader>, shape: [usize; 3] },
}

impl Feed {
    /// Writes the batch of `step` (counted from 0, in order) and returns the inputs written.
    pub(super) fn write(&mut self, step: u64, exe: &mut Executable) -> Result<Vec<(String, Array)>> {
        let written = match self {
            Self::Indices { len, batch, seed, epoch, order } => {
                let per_epoch = (*len / *batch) as u64;
                if *epoch != step / per_epoch {
                    *epoch = step / per_epoch;
                    *order = (0..*len as u32).collect();
                    order.shuffle(&mut Philox::new(*seed, *epoch));
                }
                let from = (step % per_epoch) as usize * *batch;
                vec![("indices".to_string(), Array::u32([*batch], order[from..from + *batch].to_vec())?)]
            }
            Self::Batches { loader, shape: [h, w, c] } => {
                let ended = || Error::Config("the batch loader ended early".into());
                let batch = loader.next().ok_or_else(ended)??;
                let count = batch.indices.len();
                vec![
                    ("indices".to_string(), Array::u32([count], (0..count as u32).collect())?),
                    ("pixels".to_string(), Array::u8([count, *h, *w, *c], batch.pixels)?),
                ]
            }
        };
        written.iter().try_for_each(|(name, array)| exe.write(name, array))?;
        Ok(written)
    }
}
