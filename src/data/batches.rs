//! Batches in a random order that a seed fixes, made ready by threads while the model computes.

use super::examples::{Examples, zeros};
use crate::error::{Error, Result};
use crate::rng::Philox;
use crate::tensor::Array;
use rand::seq::SliceRandom;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

/// How a [`BatchLoader`] goes through its examples.
#[derive(Clone, Debug)]
pub struct BatchOptions {
    /// Examples a batch. What is left of an epoch after the last whole batch is not seen in it.
    pub batch: usize,
    /// Fixes the order of every epoch.
    pub seed: u64,
    /// Whether to shuffle, anew for each epoch.
    pub shuffle: bool,
    /// Threads that read.
    pub workers: usize,
    /// Batches to hold ready.
    pub ready: usize,
    /// The batch to start from, counted over all epochs: to continue where a run stopped.
    pub start: u64,
    /// Stop after this many epochs; never, without.
    pub epochs: Option<u64>,
}

impl BatchOptions {
    /// Shuffled batches of `batch` examples without end, by two workers.
    pub fn new(batch: usize, seed: u64) -> Self {
        Self { batch, seed, shuffle: true, workers: 2, ready: 4, start: 0, epochs: None }
    }
}

/// One batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Which one, counted over all epochs.
    pub number: u64,
    /// Its epoch, from 0.
    pub epoch: u64,
    /// Index in the source of each example.
    pub indices: Vec<usize>,
    /// The columns of the source, a row for each example.
    pub columns: Vec<(String, Array)>,
}

/// An iterator over batches that threads read ahead. Which examples are in batch `k`, and in which order, depends on the
/// seed and `k` alone: not on the number of threads, nor on time. A bad example that the source leaves out is replaced by
/// the next good one of the epoch's order, so that every batch is full.
///
/// ```
/// use std::sync::Arc;
/// use wavae::data::{BatchLoader, BatchOptions, Split, synthetic_faces};
/// let faces = synthetic_faces(20, 16, 0)?;
/// let train = faces.indices(Split::Train);
/// let mut batches = BatchLoader::new(Arc::new(faces), train, BatchOptions::new(8, 1))?;
/// let first = batches.next().expect("endless")?;
/// assert_eq!(first.columns[0].1.shape.dims(), [8, 16, 16, 3]);
/// # Ok::<(), wavae::Error>(())
/// ```
pub struct BatchLoader {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    end: Option<u64>,
}

struct Shared {
    source: Arc<dyn Examples>,
    indices: Vec<usize>,
    options: BatchOptions,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The next batch to be made, and the next to be handed out.
    claimed: u64,
    wanted: u64,
    ready: BTreeMap<u64, Result<Batch>>,
    stop: bool,
}

impl BatchLoader {
    /// Starts reading batches of the examples `indices` of `source`.
    ///
    /// # Errors
    /// When there are fewer examples than a batch takes, when an index is beyond the source, or when `batch`, `workers`
    /// or `ready` is 0.
    pub fn new(source: Arc<dyn Examples>, indices: Vec<usize>, options: BatchOptions) -> Result<Self> {
        if options.batch == 0 || options.workers == 0 || options.ready == 0 {
            return Err(Error::Config("batch, workers and ready must be at least 1".into()));
        }
        let (n, batch) = (indices.len(), options.batch);
        if n < batch {
            let message =
                format!("{n} examples do not fill a batch of {batch}; choose a smaller batch or more examples");
            return Err(Error::Config(message));
        }
        if let Some(i) = indices.iter().find(|&&i| i >= source.count()) {
            return Err(Error::Config(format!("example {i} is beyond the {} there are", source.count())));
        }
        let end = options.epochs.map(|epochs| epochs.saturating_mul((n / batch) as u64));
        let state = State { claimed: options.start, wanted: options.start, ready: BTreeMap::new(), stop: false };
        let workers = options.workers;
        let shared = Arc::new(Shared { source, indices, options, state: Mutex::new(state), changed: Condvar::new() });
        let mut this = Self { shared, threads: vec![], end };
        for _ in 0..workers {
            let shared = this.shared.clone();
            let thread = std::thread::Builder::new().name("wavae-batches".into()).spawn(move || shared.work(end));
            this.threads.push(thread.map_err(|e| Error::Config(format!("cannot start a loader thread: {e}")))?);
        }
        Ok(this)
    }

    /// Whole batches in an epoch.
    pub fn per_epoch(&self) -> u64 {
        self.shared.per_epoch()
    }
}

impl Iterator for BatchLoader {
    type Item = Result<Batch>;

    /// The next batch; waits for it where need be. After an error the iteration goes on with the batch after it.
    fn next(&mut self) -> Option<Self::Item> {
        let mut state = self.shared.lock();
        let number = state.wanted;
        if self.end.is_some_and(|end| number >= end) {
            return None;
        }
        loop {
            if let Some(batch) = state.ready.remove(&number) {
                state.wanted += 1;
                self.shared.changed.notify_all();
                return Some(batch);
            }
            state = self.shared.changed.wait(state).unwrap_or_else(|e| e.into_inner());
        }
    }
}

impl Drop for BatchLoader {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn per_epoch(&self) -> u64 {
        (self.indices.len() / self.options.batch) as u64
    }

    /// A worker: claims the next batch as long as not too many wait, makes it, puts it down.
    fn work(&self, end: Option<u64>) {
        let mut order = (u64::MAX, vec![]);
        loop {
            let mut state = self.lock();
            while !state.stop && state.claimed >= state.wanted.saturating_add(self.options.ready as u64) {
                state = self.changed.wait(state).unwrap_or_else(|e| e.into_inner());
            }
            if state.stop || end.is_some_and(|end| state.claimed >= end) {
                return;
            }
            let number = state.claimed;
            state.claimed += 1;
            drop(state);
            let epoch = number / self.per_epoch();
            if order.0 != epoch {
                order = (epoch, self.order(epoch));
            }
            // Were a source to panic, whoever waits for this batch would wait for ever.
            let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.make(number, epoch, &order.1)));
            let made = made.unwrap_or_else(|_| Err(Error::Config(format!("the examples failed at batch {number}"))));
            self.lock().ready.insert(number, made);
            self.changed.notify_all();
        }
    }

    /// The examples in the order of `epoch`.
    fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order = self.indices.clone();
        if self.options.shuffle {
            order.shuffle(&mut Philox::new(self.options.seed, epoch));
        }
        order
    }

    fn make(&self, number: u64, epoch: u64, order: &[usize]) -> Result<Batch> {
        let batch = self.options.batch;
        let first = (number % self.per_epoch()) as usize * batch;
        let mut columns = zeros(self.source.batch_types(batch));
        let mut indices = Vec::with_capacity(batch);
        for row in 0..batch {
            let mut candidates = (0..order.len()).map(|k| order[(first + row + k) % order.len()]);
            let found = loop {
                let Some(index) = candidates.next() else {
                    return Err(Error::Config("none of the examples can be read".into()));
                };
                if self.source.read(index, row, &mut columns)? {
                    break index;
                }
            };
            indices.push(found);
        }
        Ok(Batch { number, epoch, indices, columns })
    }
}
