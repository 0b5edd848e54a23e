//! The IDX format of MNIST, Fashion-MNIST and their kin: a folder with `train-images-idx3-ubyte`,
//! `train-labels-idx1-ubyte` and the same two with `t10k` for the test set, each plain or gzipped (`.gz`), also under
//! names with a dot (`train-images.idx3-ubyte`), or as EMNIST has them (`emnist-digits-train-images-idx3-ubyte`, with `test`
//! for the test set, one such set in the folder), whose images are stored on their side and turned here.
//!
//! A file is big-endian: the magic number 0x00000803 (bytes, three axes), the counts of images, rows and columns as
//! u32, then the bytes; labels have the magic number 0x00000801 and one count.

use crate::data::images::{ImageSet, Split};
use crate::error::{Error, Result};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;

/// Loads a folder of IDX files. Training images come first, and the last `valid` of them are in [`Split::Valid`] (10,000
/// is usual for MNIST, which has no validation set of its own); test images are in [`Split::Test`]. The folder may lack
/// both test files. Whether a file is gzipped is seen by its first bytes; a plain file goes before a gzipped one.
///
/// # Errors
/// [`Error::File`], naming the file, when it is missing, is not of that format, is truncated or too long, when labels
/// and images differ in number, or test and training images in size. [`Error::Config`] when `valid` leaves no image to
/// train on.
pub fn load_idx(dir: impl AsRef<Path>, valid: usize) -> Result<ImageSet> {
    let dir = dir.as_ref();
    if !dir.is_dir() {
        return Err(Error::file(dir, "no such folder; give the folder that holds train-images-idx3-ubyte(.gz)"));
    }
    let train = read_pair(dir, "train")?;
    let count = train.labels.len();
    if valid >= count {
        let path = dir.display();
        return Err(Error::Config(format!("{path}: {valid} validation images leave none of {count} to train on")));
    }
    let mut set = ImageSet::new(train.rows, train.columns, 1, train.pixels)?;
    set.split[count - valid..].fill(Split::Valid);
    let mut labels = train.labels;
    if find(dir, "t10k", IMAGES).is_some() || find(dir, "t10k", LABELS).is_some() {
        let test = read_pair(dir, "t10k")?;
        if (test.rows, test.columns) != (set.height, set.width) {
            let (a, b) = ((test.rows, test.columns), (set.height, set.width));
            let message = format!("test images are {}×{}, training images {}×{}", a.0, a.1, b.0, b.1);
            return Err(Error::file(test.path, message));
        }
        set.pixels.extend(test.pixels);
        set.split.resize(count + test.labels.len(), Split::Test);
        labels.extend(test.labels);
    }
    set.labels = Some(labels);
    Ok(set)
}

/// Writes a set as a folder of IDX files, with gzip if `gz`: the training images followed by the validation images
/// into the `train` files, the test images, if any, into the `t10k` files. Attributes have no place in the format.
/// [`load_idx`] with the number of validation images gives the set back, in that order. Files of these names are
/// replaced.
///
/// # Errors
/// [`Error::Config`] for a set without labels, without training images or with colour; [`Error::File`] when a file
/// cannot be written.
pub fn write_idx(dir: impl AsRef<Path>, set: &ImageSet, gz: bool) -> Result<()> {
    let dir = dir.as_ref();
    let train = [set.indices(Split::Train), set.indices(Split::Valid)].concat();
    let refuse = |why: &str| Err(Error::Config(format!("{}: cannot write IDX files: {why}", dir.display())));
    let Some(labels) = set.labels.as_ref().filter(|l| l.len() == set.len()) else {
        return refuse("the set has no label for each image");
    };
    if set.channels != 1 {
        return refuse(&format!("the images have {} channels and the format holds 1", set.channels));
    }
    if train.is_empty() {
        return refuse("the set has no training images");
    }
    std::fs::create_dir_all(dir).map_err(|e| Error::file(dir, format!("cannot create the folder: {e}")))?;
    for (stem, indices) in [("train", train), ("t10k", set.indices(Split::Test))] {
        if indices.is_empty() {
            continue;
        }
        let classes: Vec<u8> = indices.iter().map(|&i| labels[i]).collect();
        let n = indices.len();
        write_file(dir, stem, IMAGES, &[n, set.height, set.width], &set.gather(&indices), gz)?;
        write_file(dir, stem, LABELS, &[n], &classes, gz)?;
    }
    Ok(())
}

/// Images and labels of one part.
struct Pair {
    path: PathBuf,
    rows: usize,
    columns: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

fn read_pair(dir: &Path, stem: &str) -> Result<Pair> {
    let open = |magic| {
        find(dir, stem, magic).ok_or_else(|| {
            let path = dir.join(name(stem, magic));
            Error::file(path, "no such file (nor with .gz, nor with a dot before idx); is this the right folder?")
        })
    };
    let (path, labels_path) = (open(IMAGES)?, open(LABELS)?);
    let (mut dims, mut pixels) = read_file(&path, IMAGES)?;
    if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("emnist")) {
        pixels = transposed(&pixels, dims[1], dims[2]);
        dims.swap(1, 2);
    }
    let (label_dims, labels) = read_file(&labels_path, LABELS)?;
    if label_dims[0] != dims[0] {
        let images = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let message = format!("{} labels, but {images} holds {} images", label_dims[0], dims[0]);
        return Err(Error::file(labels_path, message));
    }
    Ok(Pair { path, rows: dims[1], columns: dims[2], pixels, labels })
}

fn name(stem: &str, magic: u32) -> String {
    if magic == IMAGES { format!("{stem}-images-idx3-ubyte") } else { format!("{stem}-labels-idx1-ubyte") }
}

/// The images with rows and columns exchanged.
fn transposed(pixels: &[u8], rows: usize, columns: usize) -> Vec<u8> {
    let turn = |image: &[u8]| (0..image.len()).map(|k| image[k % rows * columns + k / rows]).collect::<Vec<u8>>();
    pixels.chunks_exact(rows * columns).flat_map(turn).collect()
}

/// The first of the names in use that exists, or the only file of EMNIST's kind.
fn find(dir: &Path, stem: &str, magic: u32) -> Option<PathBuf> {
    let usual = name(stem, magic);
    let dotted = usual.replace("-idx", ".idx");
    let names = [usual.clone(), dotted.clone(), usual + ".gz", dotted + ".gz"];
    let found = names.iter().map(|n| dir.join(n)).find(|p| p.is_file());
    found.or_else(|| {
        let ending = format!("-{}", name(if stem == "t10k" { "test" } else { stem }, magic));
        let of_emnist = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("emnist-") && name.trim_end_matches(".gz").ends_with(&ending)
        };
        let mut paths = std::fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.path())).filter(of_emnist);
        paths.next().filter(|_| paths.next().is_none())
    })
}

/// Reads one file: its extents (count first) and its bytes.
fn read_file(path: &Path, magic: u32) -> Result<(Vec<usize>, Vec<u8>)> {
    let fail = |message: String| Error::file(path, message);
    let broken = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => fail("the file is truncated; fetch it again".into()),
        _ => fail(format!("cannot read the file: {e}")),
    };
    let open = || File::open(path).map(BufReader::new).map_err(|e| fail(format!("cannot open the file: {e}")));
    let mut start = Vec::new();
    open()?.take(2).read_to_end(&mut start).map_err(broken)?;
    let mut file: Box<dyn Read> =
        if start == [0x1f, 0x8b] { Box::new(BufReader::new(MultiGzDecoder::new(open()?))) } else { Box::new(open()?) };
    let mut word = || -> Result<u32> {
        let mut bytes = [0; 4];
        file.read_exact(&mut bytes).map_err(broken)?;
        Ok(u32::from_be_bytes(bytes))
    };
    let (what, axes) = if magic == IMAGES { ("images", 3) } else { ("labels", 1) };
    let found = word()?;
    if found != magic {
        let hint = match found {
            IMAGES => " (these are images)",
            LABELS => " (these are labels)",
            _ => "",
        };
        let message = format!("not an IDX file of {what}: magic number {found:#010x}{hint} instead of {magic:#010x}");
        return Err(fail(message));
    }
    let dims = (0..axes).map(|_| Ok(word()? as usize)).collect::<Result<Vec<_>>>()?;
    let shape = dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
    let total = dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).filter(|n| *n > 0 && *n < isize::MAX as usize);
    let total = total.ok_or_else(|| fail(format!("the header speaks of {shape} {what}, which cannot be")))?;
    // The header is not trusted with an allocation: memory grows with what the file really holds.
    let mut data = Vec::new();
    file.take(total as u64 + 1).read_to_end(&mut data).map_err(broken)?;
    if data.len() != total {
        let message = if data.len() < total {
            format!("the file is truncated: {} of {total} bytes for {shape} {what}; fetch it again", data.len())
        } else {
            format!("the file is longer than {shape} {what} ({total} bytes); header and data disagree")
        };
        return Err(fail(message));
    }
    Ok((dims, data))
}

fn write_file(dir: &Path, stem: &str, magic: u32, dims: &[usize], data: &[u8], gz: bool) -> Result<()> {
    let path = dir.join(name(stem, magic) + if gz { ".gz" } else { "" });
    let mut bytes = magic.to_be_bytes().to_vec();
    for &d in dims {
        let d = u32::try_from(d).map_err(|_| Error::file(&path, format!("the format cannot count up to {d}")))?;
        bytes.extend(d.to_be_bytes());
    }
    let write = || -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(&path)?);
        if gz {
            let mut encoder = GzEncoder::new(&mut file, Compression::default());
            encoder.write_all(&bytes)?;
            encoder.write_all(data)?;
            encoder.finish()?;
        } else {
            file.write_all(&bytes)?;
            file.write_all(data)?;
        }
        file.flush()
    };
    write().map_err(|e| Error::file(&path, format!("cannot write the file: {e}")))
}
