//! NumPy's arrays: `.npy` (format 1 to 3) and `.npz`, a zip file of them.

use crate::data::dataset::Dataset;
use crate::error::{Error, Result};
use crate::tensor::{Array, ArrayData};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use zip::ZipArchive;

/// Names under which the examples are usually stored, and those of their classes.
const EXAMPLES: [&str; 6] = ["x", "images", "imgs", "data", "X", "arr_0"];
const LABELS: [&str; 4] = ["label", "labels", "y", "targets"];

/// Loads an array whose first axis is the example as `x`: `f4` and `f8` become `F32`, `u1` and `b1` `U8`, other integers `U32`;
/// images of bytes [N, H, W] become [N, H, W, 1]. In an `.npz` the examples are called x, images, imgs, data, X or arr_0 (or
/// are its only array), classes label, labels, y or targets; every other array of as many examples is a column under its own
/// name. Every tenth example but one is in [`Split::Valid`](crate::data::Split::Valid), every tenth in
/// [`Split::Test`](crate::data::Split::Test).
///
/// # Errors
/// [`Error::File`] when the file is no such file, is truncated, in Fortran's order, of another type, has no examples, or holds a
/// value that is not finite or a negative integer.
pub fn load_npy(path: impl AsRef<Path>) -> Result<Dataset> {
    let path = path.as_ref();
    let mut start = [0; 2];
    let mut file = open(path)?;
    let n = file.read(&mut start).map_err(|e| Error::file(path, format!("cannot be read: {e}")))?;
    let set = if n == 2 && &start == b"PK" {
        from_npz(path)?
    } else {
        Dataset::new("x", example_axes(array(path, "", open(path)?, |_| true)?))
            .map_err(|e| Error::file(path, e.to_string()))?
    };
    Ok(crate::data::synthetic::split(set))
}

/// Writes an array as `.npy`, format 1, little-endian and in C's order.
///
/// # Errors
/// [`Error::File`] when the file cannot be written.
pub fn write_npy(path: impl AsRef<Path>, array: &Array) -> Result<()> {
    let path = path.as_ref();
    let descr = match array.data {
        ArrayData::F32(_) => "<f4",
        ArrayData::U32(_) => "<u4",
        ArrayData::U8(_) => "|u1",
    };
    let dims: String = array.shape.dims().iter().map(|dim| format!("{dim},")).collect();
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}), }}");
    // The whole preamble, 10 bytes and a newline with it, fills 64 bytes or a multiple.
    header += &" ".repeat((11 + header.len()).next_multiple_of(64) - 11 - header.len());
    header.push('\n');
    let bytes =
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), array.bytes()].concat();
    std::fs::write(path, bytes).map_err(|e| Error::file(path, format!("cannot be written: {e}")))
}

fn open(path: &Path) -> Result<BufReader<File>> {
    File::open(path).map(BufReader::new).map_err(|e| Error::file(path, format!("cannot open the file: {e}")))
}

/// An opened `.npz`.
pub(super) struct Npz<'a> {
    path: &'a Path,
    zip: ZipArchive<BufReader<File>>,
}

impl<'a> Npz<'a> {
    pub fn open(path: &'a Path) -> Result<Self> {
        let broken = |e| Error::file(path, format!("not a whole .npz file ({e}); fetch it again"));
        Ok(Self { path, zip: ZipArchive::new(open(path)?).map_err(broken)? })
    }

    /// The names of its arrays.
    pub fn names(&self) -> Vec<String> {
        let name = |name: Result<std::borrow::Cow<str>, zip::result::ZipError>| {
            Some(name.ok()?.strip_suffix(".npy")?.to_string())
        };
        let mut names: Vec<String> = self.zip.file_names().filter_map(name).collect();
        names.sort();
        names
    }

    /// The rows of array `name` that are to be kept.
    pub fn array(&mut self, name: &str, keep: impl FnMut(usize) -> bool) -> Result<Array> {
        let missing = |e| Error::file(self.path, format!("has no array {name} that can be read ({e})"));
        let member = self.zip.by_name(&format!("{name}.npy")).map_err(missing)?;
        array(self.path, name, member, keep)
    }

    /// The extents of array `name`.
    pub fn dims(&mut self, name: &str) -> Result<Vec<usize>> {
        let missing = |e| Error::file(self.path, format!("has no array {name} that can be read ({e})"));
        let mut member = self.zip.by_name(&format!("{name}.npy")).map_err(missing)?;
        Ok(header(self.path, name, &mut member)?.dims)
    }
}

fn from_npz(path: &Path) -> Result<Dataset> {
    let mut npz = Npz::open(path)?;
    let names = npz.names();
    let of = |known: &[&str]| known.iter().find(|k| names.iter().any(|name| name == *k)).map(|name| name.to_string());
    let only = (names.len() == 1).then(|| names[0].clone());
    let first = names.iter().find(|name| npz.dims(name).is_ok()).cloned();
    let Some(x) = of(&EXAMPLES).or(only).or(first) else {
        return Err(Error::file(path, format!("holds no array of numbers: {}", names.join(", "))));
    };
    let here = |e: Error| Error::file(path, e.to_string());
    // Arrays of which none is the example as a whole are its modalities.
    let column = if EXAMPLES.contains(&x.as_str()) || names.len() == 1 { "x" } else { x.as_str() };
    let mut set = Dataset::new(column, example_axes(npz.array(&x, |_| true)?)).map_err(here)?;
    let label = of(&LABELS);
    for name in names.iter().filter(|name| **name != x) {
        // Descriptions (objects, text) and arrays of something else than examples are no columns.
        let fits = npz.dims(name).is_ok_and(|dims| dims.first() == Some(&set.len()));
        if label.as_ref() == Some(name) {
            let array = npz.array(name, |_| true)?;
            let labels: Vec<u32> = match array.data {
                ArrayData::U8(v) => v.into_iter().map(u32::from).collect(),
                ArrayData::U32(v) => v,
                ArrayData::F32(_) => return Err(Error::file(path, format!("{name} holds floats, not classes"))),
            };
            let classes = labels.iter().max().map_or(0, |&label| label as usize + 1);
            set = set.with_labels(labels, classes).map_err(here)?;
        } else if fits {
            let mut array = npz.array(name, |_| true)?;
            if let (ArrayData::U8(bytes), "length" | "anomaly") = (&array.data, name.as_str()) {
                array.data = ArrayData::U32(bytes.iter().map(|b| u32::from(*b)).collect());
            }
            set = set.with(name, array)?;
        }
    }
    Ok(set)
}

/// Gray images of bytes get their channel.
fn example_axes(mut array: Array) -> Array {
    if let ([n, h, w], ArrayData::U8(_)) = (array.shape.dims(), &array.data) {
        array.shape = [*n, *h, *w, 1].into();
    }
    array
}

struct Header {
    /// `f`, `i`, `u` or `b`, and bytes of an element.
    kind: u8,
    width: usize,
    big: bool,
    dims: Vec<usize>,
}

/// Reads the header, up to the first element.
fn header(path: &Path, name: &str, file: &mut impl Read) -> Result<Header> {
    let what = if name.is_empty() { String::new() } else { format!("{name}: ") };
    let fail = |message: String| Error::file(path, format!("{what}{message}"));
    let mut take = |n: usize| {
        let mut bytes = vec![0; n];
        file.read_exact(&mut bytes)
            .map(|()| bytes)
            .map_err(|_| fail("truncated inside the header; fetch it again".into()))
    };
    let start = take(8)?;
    if !start.starts_with(b"\x93NUMPY") {
        return Err(fail("not a NumPy array".into()));
    }
    let length = match start[6] {
        1 => take(2)?.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b)),
        2 | 3 => take(4)?.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b)),
        version => return Err(fail(format!("format version {version} is not known"))),
    };
    if length > 1 << 20 {
        return Err(fail(format!("a header of {length} bytes cannot be")));
    }
    let text = String::from_utf8_lossy(&take(length)?).into_owned();
    // A Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }
    let after = |key: &str| text.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start());
    let (descr, order, shape) = (after("descr"), after("fortran_order"), after("shape"));
    let (Some(descr), Some(order), Some(shape)) = (descr, order, shape) else {
        return Err(fail(format!("a header that says nothing of descr, fortran_order or shape: {}", text.trim())));
    };
    let code = descr.strip_prefix('\'').and_then(|d| d.split_once('\'')).map_or("", |(code, _)| code);
    let (kind, width) = match code.trim_start_matches(['<', '>', '|', '=']) {
        "f4" => (b'f', 4),
        "f8" => (b'f', 8),
        "u1" => (b'u', 1),
        "b1" => (b'b', 1),
        "i1" => (b'i', 1),
        "u2" => (b'u', 2),
        "i2" => (b'i', 2),
        "u4" => (b'u', 4),
        "i4" => (b'i', 4),
        "u8" => (b'u', 8),
        "i8" => (b'i', 8),
        _ => {
            return Err(fail(format!(
                "elements of type {}, which are no numbers known here",
                descr.split(',').next().unwrap_or("")
            )));
        }
    };
    if order.starts_with("True") {
        return Err(fail("in Fortran's order; save numpy.ascontiguousarray of it".into()));
    }
    let inside = shape.strip_prefix('(').and_then(|s| s.split_once(')')).map(|(inside, _)| inside);
    let dims = inside.map(|s| s.split(',').map(str::trim).filter(|d| !d.is_empty()).map(str::parse).collect());
    let Some(Ok(dims)) = dims else { return Err(fail(format!("a shape that cannot be read: {}", text.trim()))) };
    Ok(Header { kind, width, big: code.starts_with('>'), dims })
}

/// Reads the rows of an array that are to be kept, one after the other: memory grows with what the file really holds.
fn array(path: &Path, name: &str, mut file: impl Read, mut keep: impl FnMut(usize) -> bool) -> Result<Array> {
    let Header { kind, width, big, dims } = header(path, name, &mut file)?;
    let what = if name.is_empty() { String::new() } else { format!("{name}: ") };
    let fail = |message: String| Error::file(path, format!("{what}{message}"));
    let each = dims.iter().skip(1).try_fold(1usize, |n, d| n.checked_mul(*d)).and_then(|n| n.checked_mul(width));
    let each = each.filter(|each| *each <= 1 << 30 && !dims.is_empty());
    let each = each.ok_or_else(|| fail(format!("a shape of {dims:?} cannot be examples")))?;
    let (mut bytes, mut row, mut kept) = (vec![], vec![0; each], 0);
    for k in 0..dims[0] {
        let short = |e: std::io::Error| fail(format!("truncated in row {k} of {} ({e}); fetch it again", dims[0]));
        file.read_exact(&mut row).map_err(short)?;
        if keep(k) {
            bytes.extend_from_slice(&row);
            kept += 1;
        }
    }
    let mut shape = dims;
    shape[0] = kept;
    if big && width > 1 {
        bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
    let data = match kind {
        b'f' => {
            let floats: Vec<f32> = match width {
                4 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
                _ => bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap_or([0; 8])) as f32).collect(),
            };
            if let Some(k) = floats.iter().position(|v| !v.is_finite()) {
                let per = floats.len() / kept;
                return Err(fail(format!("element {} of example {} is {}", k % per, k / per, floats[k])));
            }
            ArrayData::F32(floats)
        }
        b'u' | b'b' if width == 1 => ArrayData::U8(bytes),
        _ => {
            let integer = |b: &[u8]| {
                let value = b.iter().rev().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
                let negative = kind == b'i' && b[b.len() - 1] > 127;
                u32::try_from(value).ok().filter(|_| !negative)
            };
            let integers: Option<Vec<u32>> = bytes.chunks_exact(width).map(integer).collect();
            ArrayData::U32(integers.ok_or_else(|| fail("an integer is negative or above 4,294,967,295".into()))?)
        }
    };
    Array::new(shape, data)
}

/// The file of dSprites itself, `dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz`: `count` of its images anywhere in the grid
/// (each at most once, in their order; all, 3 GB, without a number), with the columns of
/// [`SpriteGrid::sample`](crate::data::SpriteGrid::sample).
///
/// # Errors
/// [`Error::File`] when the file is damaged, or lacks `imgs`, `latents_classes` or `latents_values` of that grid.
pub fn load_dsprites(path: impl AsRef<Path>, count: Option<usize>, seed: u64) -> Result<Dataset> {
    let path = path.as_ref();
    let mut npz = Npz::open(path)?;
    let dims = npz.dims("imgs")?;
    let [n, height, width] = dims[..] else {
        return Err(Error::file(path, format!("imgs is {dims:?} and should be [N, height, width]")));
    };
    let mut chosen: Vec<usize> = match count.filter(|count| *count < n) {
        Some(count) => rand::seq::index::sample(&mut crate::rng::Philox::new(seed, 0), n, count).into_vec(),
        None => (0..n).collect(),
    };
    chosen.sort_unstable();
    let mut read = |name: &str| {
        let mut next = chosen.iter().copied().peekable();
        npz.array(name, |k| next.next_if_eq(&k).is_some())
    };
    let wrong =
        |what: &str, array: &Array| Error::file(path, format!("{what} is {}, not that of dSprites", array.ty()));
    let (classes, values, images) = (read("latents_classes")?, read("latents_values")?, read("imgs")?);
    // The first of six factors is the colour, always white.
    let five = |v: &[u32]| v.chunks_exact(6).flat_map(|row| row[1..].to_vec()).collect::<Vec<u32>>();
    let classes = match &classes.data {
        ArrayData::U32(v) if classes.shape.dims() == [chosen.len(), 6] => five(v),
        _ => return Err(wrong("latents_classes", &classes)),
    };
    let values: Vec<f32> = match &values.data {
        ArrayData::F32(v) if values.shape.dims() == [chosen.len(), 6] => {
            v.chunks_exact(6).flat_map(|row| row[1..].to_vec()).collect()
        }
        _ => return Err(wrong("latents_values", &values)),
    };
    let pixels = match images.data {
        ArrayData::U8(v) if v.iter().all(|p| *p <= 1) => v.into_iter().map(|p| p * 255).collect(),
        _ => return Err(Error::file(path, "imgs holds something else than 0 and 1")),
    };
    let here = |e: Error| Error::file(path, e.to_string());
    let sizes: Vec<usize> =
        (0..5).map(|k| classes.iter().skip(k).step_by(5).max().map_or(0, |c| *c as usize + 1)).collect();
    let sizes = if count.is_some() { crate::data::SpriteGrid::default().sizes().to_vec() } else { sizes };
    let factors: Vec<(&str, usize)> = crate::data::SPRITE_FACTORS.into_iter().zip(sizes.iter().copied()).collect();
    let set = Dataset::new("x", Array::u8([chosen.len(), height, width, 1], pixels)?)
        .map_err(here)?
        .with_labels(classes.iter().step_by(5).copied().collect(), sizes[0])
        .map_err(here)?
        .with_factors(&factors, classes.iter().map(|c| *c as f32).collect())?
        .with("values", Array::f32([chosen.len(), 5], values)?)?;
    Ok(crate::data::synthetic::split(set))
}
