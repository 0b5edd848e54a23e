//! The one door to all data: a name, and a path where there are files.

use super::formats::text::Words;
use super::formats::{csv, hold_out, spread, text};
use super::*;
use crate::error::{Error, Result, hint};
use std::path::Path;

/// The sets that are drawn when no path is given. With one, the files of their kind are read: IDX, CelebA's folder, dSprites'
/// own file, SVHN's `.mat`, `.csv`, text, Quick, Draw!'s `.ndjson`, and for tone events an `.npz` of `audio` and `frames`.
pub const SETS: [&str; 9] = [
    "digits",
    "faces",
    "dsprites",
    "dsprites-small",
    "house-numbers",
    "sketches",
    "prices",
    "sentences",
    "tone-events",
];
/// The kinds of files, which need a path.
pub const FORMATS: [&str; 10] =
    ["idx", "celeba", "svhn", "csv", "text", "quickdraw", "cifar10", "folder", "npy", "wav"];

/// What [`open()`] needs to know beyond name and path. What a set has no use for is not looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Examples: how many to draw (10,000 unless told; of `dsprites-small` the whole grid), or to keep of the files, evenly
    /// spread (all unless told).
    pub count: Option<usize>,
    /// Seed of what is drawn, and of the choice from dSprites' file.
    pub seed: u64,
    /// Pixels of a side, where these can be chosen: faces, folders and CelebA (64 unless told), sprites, and sketches, which
    /// are sequences unless told.
    pub side: Option<usize>,
    /// Steps of a price window (64 unless told), tokens of a line of text, frames of a sound (both unless told: as many as
    /// needed, within limits).
    pub steps: Option<usize>,
    /// Rows of a `.csv` from one window to the next; unless told an eighth of the steps.
    pub stride: Option<usize>,
    /// The most tokens of a vocabulary read from text.
    pub vocabulary: usize,
    /// How many of the training examples are to validate, for IDX, CIFAR-10 and SVHN; unless told 10,000 of 50,000 or more,
    /// else a tenth.
    pub valid: Option<usize>,
    /// How an earlier set was read: text is then read by its vocabulary, and all windows of a `.csv` are to report on.
    pub like: Option<Reading>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            count: None,
            seed: 0,
            side: None,
            steps: None,
            stride: None,
            vocabulary: 10_000,
            valid: None,
            like: None,
        }
    }
}

/// The data set `name`, one of [`SETS`] or [`FORMATS`]: drawn, or read from the folder or file `path`.
///
/// ```
/// use wavae::data::{Options, open};
/// let set = open("prices", None, &Options { count: Some(20), ..Options::default() })?;
/// assert_eq!(set.example("x")?.dims(), [64, 3]);
/// assert!(open("pricse", None, &Options::default()).unwrap_err().to_string().contains("did you mean prices"));
/// # Ok::<(), wavae::Error>(())
/// ```
///
/// # Errors
/// [`Error::Name`] for an unknown name, with the nearest one; [`Error::Config`] for a format without a path, a path for a set
/// that has no files, or an option out of its range; [`Error::File`] for what is wrong with a file.
pub fn open(name: &str, path: Option<&Path>, options: &Options) -> Result<Dataset> {
    match path {
        Some(path) if !path.exists() => Err(Error::file(path, "no such file or folder")),
        Some(path) => read(name, path, options),
        None => draw(name, options),
    }
}

fn draw(name: &str, options: &Options) -> Result<Dataset> {
    let (n, seed) = (options.count.unwrap_or(10_000), options.seed);
    match name {
        "digits" => synthetic_digits(n, seed).map(Dataset::from),
        "faces" => synthetic_faces(n, options.side.unwrap_or(64), seed).map(Dataset::from),
        "dsprites" => {
            let grid = SpriteGrid::default();
            SpriteGrid::new(options.side.unwrap_or(grid.side()), grid.sizes())?.sample(n, seed)
        }
        "dsprites-small" => {
            let grid = SpriteGrid::small();
            let grid = SpriteGrid::new(options.side.unwrap_or(grid.side()), grid.sizes())?;
            options.count.map_or_else(|| grid.all(), |n| grid.sample(n, seed))
        }
        "house-numbers" => house_numbers(n, seed),
        "sketches" => {
            let set = sketches(n, seed)?;
            options.side.map_or(Ok(set.clone()), |side| sketch_images(&set, side))
        }
        "prices" => price_series(n, options.steps.unwrap_or(64), seed),
        "sentences" => grammar_sentences(n, seed),
        "tone-events" => tone_events(n, seed),
        _ if FORMATS.contains(&name) => Err(Error::Config(format!(
            "{name} is read from files: give their folder (of the sets, {} need none)",
            SETS.join(", ")
        ))),
        _ => Err(unknown(name)),
    }
}

fn read(name: &str, path: &Path, options: &Options) -> Result<Dataset> {
    let Options { count, side, steps, .. } = *options;
    let some = |set: Dataset| {
        let kept = spread(set.len(), count);
        if kept.len() < set.len() { set.subset(&kept) } else { set }
    };
    match name {
        "digits" | "idx" => {
            let mut set = Dataset::from(load_idx(path, 0)?);
            hold_out(&mut set, options.valid)?;
            Ok(some(set))
        }
        "faces" | "celeba" => {
            let options = CelebAOptions { size: side.unwrap_or(64), limit: count, ..CelebAOptions::new(path) };
            let celeba = CelebA::open(options)?;
            celeba.load(&(0..celeba.len()).collect::<Vec<_>>()).map(Dataset::from)
        }
        "dsprites" | "dsprites-small" => load_dsprites(path, count, options.seed),
        "house-numbers" | "svhn" => load_svhn(path, options.valid).map(some),
        "prices" | "csv" => {
            let steps = steps.unwrap_or(64);
            let stride = options.stride.unwrap_or((steps / 8).max(1));
            csv::load(path, steps, stride, count, options.like.is_some())
        }
        "sentences" | "text" => {
            let known = options.like.as_ref().map(|like| like.vocabulary.as_slice()).filter(|words| !words.is_empty());
            text::load(path, steps, count, known.map_or(Words::Most(options.vocabulary), Words::These))
        }
        "sketches" | "quickdraw" => {
            let set = load_quickdraw(path, steps, count)?;
            side.map_or(Ok(set.clone()), |side| sketch_images(&set, side))
        }
        "cifar10" => load_cifar10(path, options.valid).map(some),
        "folder" => load_folder(path, side.unwrap_or(64), count),
        "npy" | "tone-events" => load_npy(path).map(some),
        "wav" => load_wav(path, steps, count),
        _ if SETS.contains(&name) => Err(Error::Config(format!(
            "{name} are drawn, and there are no files of them to read: give no path, or take dsprites"
        ))),
        _ => Err(unknown(name)),
    }
}

fn unknown(name: &str) -> Error {
    let known = || SETS.iter().chain(&FORMATS);
    let hint = hint(name, known().copied());
    let all = known().copied().collect::<Vec<_>>().join(", ");
    Error::Name(format!("no data set or format is called {name}{hint} There are {all}"))
}
