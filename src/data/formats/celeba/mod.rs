//! CelebA (Liu, Luo, Wang and Tang, "Deep learning face attributes in the wild", ICCV 2015) as it is downloaded: the
//! folder of aligned JPEG files and the two lists; and writing any set of faces in the same layout. The user brings
//! the folder: its licence does not let anyone pass it on. Batches of it are made in [`crate::data::batches`].

mod lists;
mod write;

pub use write::write_celeba;

use crate::data::examples::{Examples, pixels};
use crate::data::images::{ImageSet, Split};
use crate::data::jpeg::read_jpeg;
use crate::error::{Error, Result};
use crate::tensor::{Array, TensorType};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Threads that read at once, whatever is asked for: more do not make a disk faster, and a system refuses thousands.
const MOST_READERS: usize = 256;

/// How to read a CelebA folder.
#[derive(Clone, Debug)]
pub struct CelebAOptions {
    /// The folder that holds `img_align_celeba/`, `list_attr_celeba.txt` and `list_eval_partition.txt` (or `.csv`);
    /// the download's own folders `Img/`, `Anno/`, `Eval/` are found too.
    pub root: PathBuf,
    /// Side of the central square to keep: 148 (the face) or 178 (all of the width).
    pub crop: usize,
    /// Side to resize it to.
    pub size: usize,
    /// Threads that read and decode.
    pub workers: usize,
    /// Keep about this many images: the first ones of each split, in proportion.
    pub limit: Option<usize>,
    /// Leave out up to this many unreadable images; without it the first one is an error.
    pub skip_bad: Option<usize>,
}

impl CelebAOptions {
    /// The usual: crop 148, size 64, one worker a core, everything, no bad image tolerated.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, |n| n.get());
        Self { root: root.into(), crop: 148, size: 64, workers, limit: None, skip_bad: None }
    }
}

/// An opened CelebA folder: its lists are read and agree with each other and with the files; pictures are read when
/// asked for.
#[derive(Debug)]
pub struct CelebA {
    options: CelebAOptions,
    images: PathBuf,
    files: Vec<String>,
    attribute_names: Vec<String>,
    attributes: Vec<i8>,
    split: Vec<Split>,
    bad: Mutex<BTreeSet<usize>>,
}

impl CelebA {
    /// Opens the folder and checks it.
    ///
    /// # Errors
    /// When the folder, the folder of images or a list is missing; when a list is malformed or disagrees with its own
    /// count, with the other list or with the files; when an option is out of its range. The message names the file.
    pub fn open(options: CelebAOptions) -> Result<Self> {
        if options.crop == 0 || options.size == 0 || options.workers == 0 || options.limit == Some(0) {
            return Err(Error::Config("crop, size, workers and limit must be at least 1".into()));
        }
        if options.size > 4096 {
            return Err(Error::Config(format!("images of {} pixels: choose a size up to 4096", options.size)));
        }
        let root = &options.root;
        if !root.is_dir() {
            let message = "no such folder; --data takes the folder that holds img_align_celeba and its lists";
            return Err(Error::file(root, message));
        }
        let folder = ["img_align_celeba/img_align_celeba", "img_align_celeba", "Img/img_align_celeba"];
        let images = find(root, &folder, Path::is_dir)?;
        let attribute_path = find(root, &candidates("list_attr_celeba", "Anno"), Path::is_file)?;
        let partition_path = find(root, &candidates("list_eval_partition", "Eval"), Path::is_file)?;
        let list = lists::attributes(&attribute_path)?;
        check_files(&attribute_path, &list.files, &images)?;
        let split = align_partition(&partition_path, &list.files, &attribute_path)?;
        let mut this = Self {
            options,
            images,
            files: list.files,
            attribute_names: list.names,
            attributes: list.values,
            split,
            bad: Mutex::default(),
        };
        if let Some(limit) = this.options.limit {
            this.keep(limit);
        }
        Ok(this)
    }

    /// Keeps the first images of each split, in proportion, at least one of each.
    fn keep(&mut self, limit: usize) {
        let n = self.len();
        let mut kept: Vec<usize> = vec![];
        for split in [Split::Train, Split::Valid, Split::Test] {
            let all = self.indices(split);
            let share = (all.len() * limit).div_ceil(n.max(1)).min(all.len());
            kept.extend(&all[..share]);
        }
        kept.sort_unstable();
        let a = self.attribute_names.len();
        self.attributes = kept.iter().flat_map(|&i| &self.attributes[i * a..(i + 1) * a]).copied().collect();
        self.files = kept.iter().map(|&i| std::mem::take(&mut self.files[i])).collect();
        self.split = kept.iter().map(|&i| self.split[i]).collect();
    }

    /// The number of images, bad ones included.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether the lists are empty.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The images of one split, in the order of the list.
    pub fn indices(&self, split: Split) -> Vec<usize> {
        (0..self.len()).filter(|&i| self.split[i] == split).collect()
    }

    /// The names of the attributes, in the order of the list.
    pub fn attribute_names(&self) -> &[String] {
        &self.attribute_names
    }

    /// The attributes (1 or −1) of image `i`.
    ///
    /// # Panics
    /// When `i` is not below [`len`](Self::len), as indexing a slice does.
    pub fn attribute_row(&self, i: usize) -> &[i8] {
        let a = self.attribute_names.len();
        &self.attributes[i * a..(i + 1) * a]
    }

    /// The file of image `i`.
    ///
    /// # Panics
    /// When `i` is not below [`len`](Self::len), as indexing a slice does.
    pub fn path(&self, i: usize) -> PathBuf {
        self.images.join(&self.files[i])
    }

    /// The options it was opened with.
    pub fn options(&self) -> &CelebAOptions {
        &self.options
    }

    fn image_len(&self) -> usize {
        self.options.size * self.options.size * 3
    }

    /// How many different images have been left out as unreadable so far.
    pub fn skipped(&self) -> usize {
        self.bad.lock().unwrap_or_else(|e| e.into_inner()).len()
    }

    /// Images `range` (clipped to what there is) of `split`, read by the workers into memory: `size² · 3` bytes each,
    /// 2 GB for all of CelebA at 64×64. The order is that of the list, whatever the number of workers; with
    /// `skip_bad`, unreadable images are missing from it.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_split(&self, split: Split, range: Range<usize>) -> Result<ImageSet> {
        let all = self.indices(split);
        let end = range.end.min(all.len());
        self.load(&all[range.start.min(end)..end])
    }

    /// The images `indices`, read by the workers into memory, in that order.
    ///
    /// # Errors
    /// When an index is too large; at the first unreadable image (in order), or with `skip_bad` at the first beyond
    /// the cap. The message names the file.
    pub fn load(&self, indices: &[usize]) -> Result<ImageSet> {
        if let Some(i) = indices.iter().find(|&&i| i >= self.len()) {
            return Err(Error::Config(format!("image {i} is beyond the {} of {}", self.len(), self.images.display())));
        }
        let each = self.image_len();
        let mut pixels = vec![0; indices.len() * each];
        let failures = self.read_all(indices, &mut pixels);
        let tolerated = self.options.skip_bad.unwrap_or(0);
        for (&place, error) in &failures {
            self.note_bad(indices[place], error, tolerated)?;
        }
        let good: Vec<usize> = (0..indices.len()).filter(|place| !failures.contains_key(place)).collect();
        if !failures.is_empty() {
            for (to, &from) in good.iter().enumerate() {
                pixels.copy_within(from * each..(from + 1) * each, to * each);
            }
            pixels.truncate(good.len() * each);
        }
        let mut set = ImageSet::new(self.options.size, self.options.size, 3, pixels)?;
        set.attribute_names = self.attribute_names.clone();
        set.attributes = good.iter().flat_map(|&place| self.attribute_row(indices[place])).copied().collect();
        set.split = good.iter().map(|&place| self.split[indices[place]]).collect();
        Ok(set)
    }

    /// Fills `pixels`, one image after the other; the failures by place. Stops early when there are too many: places
    /// are handed out in order, so the first failures are always among those returned.
    fn read_all(&self, indices: &[usize], pixels: &mut [u8]) -> BTreeMap<usize, Error> {
        let slots = Mutex::new(pixels.chunks_mut(self.image_len()).zip(indices).enumerate());
        let failures = Mutex::new(BTreeMap::new());
        let (different, stop) = (Mutex::new(HashSet::new()), AtomicBool::new(false));
        let tolerated = self.options.skip_bad.unwrap_or(0);
        std::thread::scope(|scope| {
            for _ in 0..self.options.workers.min(indices.len()).min(MOST_READERS) {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let next = slots.lock().unwrap_or_else(|e| e.into_inner()).next();
                        let Some((place, (slot, &index))) = next else { break };
                        if let Err(error) = self.read_one(index, slot) {
                            failures.lock().unwrap_or_else(|e| e.into_inner()).insert(place, error);
                            let mut different = different.lock().unwrap_or_else(|e| e.into_inner());
                            different.insert(index);
                            stop.fetch_or(different.len() > tolerated, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        failures.into_inner().unwrap_or_else(|e| e.into_inner())
    }

    fn read_one(&self, index: usize, slot: &mut [u8]) -> Result<()> {
        slot.copy_from_slice(&read_jpeg(&self.path(index), self.options.crop, self.options.size)?);
        Ok(())
    }

    /// Notes an unreadable image; an error when that makes more than `tolerated`.
    fn note_bad(&self, index: usize, error: &Error, tolerated: usize) -> Result<()> {
        let mut bad = self.bad.lock().unwrap_or_else(|e| e.into_inner());
        let Error::File { path, message } = error else { return Err(Error::file(self.path(index), error)) };
        if self.options.skip_bad.is_none() {
            return Err(Error::file(path, message));
        }
        if !bad.contains(&index) && bad.len() >= tolerated {
            let reason = message.split(';').next().unwrap_or(message);
            let message = format!("{reason}; and {tolerated} others, as many as --skip-bad allows: mend the folder");
            return Err(Error::file(path, message));
        }
        bad.insert(index);
        Ok(())
    }
}

/// Their pixels alone, as `x`.
impl Examples for CelebA {
    fn count(&self) -> usize {
        self.files.len()
    }

    fn batch_types(&self, batch: usize) -> Vec<(String, TensorType)> {
        vec![("x".into(), TensorType::u8([batch, self.options.size, self.options.size, 3]))]
    }

    fn read(&self, index: usize, row: usize, columns: &mut [(String, Array)]) -> Result<bool> {
        for column in columns {
            if let Err(error) = self.read_one(index, pixels(column, row)?) {
                return self.note_bad(index, &error, self.options.skip_bad.unwrap_or(0)).map(|()| false);
            }
        }
        Ok(true)
    }
}

/// The first of `names` under `root` that `is` there.
fn find<S: AsRef<str>>(root: &Path, names: &[S], is: fn(&Path) -> bool) -> Result<PathBuf> {
    let usual = names.iter().map(S::as_ref).min_by_key(|name| name.len()).unwrap_or_default();
    let needed = "img_align_celeba, list_attr_celeba.txt and list_eval_partition.txt";
    let missing = || Error::file(root.join(usual), format!("missing; --data takes the folder that holds {needed}"));
    names.iter().map(|name| root.join(name.as_ref())).find(|path| is(path)).ok_or_else(missing)
}

fn candidates(stem: &str, folder: &str) -> [String; 4] {
    [format!("{stem}.txt"), format!("{stem}.csv"), format!("{folder}/{stem}.txt"), format!("{folder}/{stem}.csv")]
}

/// That the list names each file once, and that the folder holds these JPEG files and no others.
fn check_files(list: &Path, files: &[String], images: &Path) -> Result<()> {
    let cannot = |e: std::io::Error| Error::file(images, format!("cannot be listed: {e}"));
    let mut there = HashSet::new();
    for entry in std::fs::read_dir(images).map_err(cannot)? {
        let name = entry.map_err(cannot)?.file_name().to_string_lossy().into_owned();
        if name.to_ascii_lowercase().ends_with(".jpg") && !name.starts_with('.') {
            there.insert(name);
        }
    }
    let mut listed = HashSet::new();
    if let Some(twice) = files.iter().find(|file| !listed.insert(file.as_str())) {
        return Err(Error::file(list, format!("lists {twice} twice; fetch the list again")));
    }
    let missing: Vec<&String> = files.iter().filter(|file| !there.contains(*file)).collect();
    let counts = format!("({} files listed, {} in the folder)", files.len(), there.len());
    let what = "unpack the images again, or use the list that belongs to them";
    if let Some(first) = missing.first() {
        let message =
            format!("{} files of {} are missing, the first is {first} {counts}; {what}", missing.len(), list.display());
        return Err(Error::file(images, message));
    }
    if let Some(extra) = there.iter().filter(|file| !listed.contains(file.as_str())).min() {
        return Err(Error::file(list, format!("does not list {extra} of {} {counts}; {what}", images.display())));
    }
    Ok(())
}

/// The split of each of `files`, from the partition list, which must name the same files.
fn align_partition(path: &Path, files: &[String], attribute_list: &Path) -> Result<Vec<Split>> {
    let partition = lists::partition(path)?;
    let (n, m) = (partition.len(), files.len());
    let splits: HashMap<String, Split> = partition.into_iter().collect();
    let other = attribute_list.display();
    if n != m {
        return Err(Error::file(path, format!("lists {n} files and {other} lists {m}; both must be of one data set")));
    }
    let of = |file: &String| {
        let missing =
            || Error::file(path, format!("does not list {file}, which {other} does; both must be of one data set"));
        splits.get(file).copied().ok_or_else(missing)
    };
    files.iter().map(of).collect()
}
