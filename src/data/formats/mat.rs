//! The little of MATLAB's level 5 format that data sets use: numeric arrays, plain or compressed, little-endian.

use crate::error::{Error, Result};
use flate2::read::ZlibDecoder;
use std::io::Read;
use std::path::Path;

const COMPRESSED: u32 = 15;
const MATRIX: u32 = 14;

/// A numeric array, column-major.
pub(super) struct MatArray {
    pub name: String,
    pub dims: Vec<usize>,
    /// How the elements are stored.
    kind: u32,
    bytes: Vec<u8>,
}

impl MatArray {
    /// The elements, where they are stored as bytes.
    pub fn bytes(self) -> Option<Vec<u8>> {
        (self.kind == 2).then_some(self.bytes)
    }

    /// The elements as floats; `None` for a way of storage that is no number's.
    pub fn floats(&self) -> Option<Vec<f64>> {
        fn all<const N: usize>(bytes: &[u8], of: impl Fn([u8; N]) -> f64) -> Option<Vec<f64>> {
            Some(bytes.chunks_exact(N).map(|b| of(b.try_into().unwrap_or([0; N]))).collect())
        }
        let bytes = &self.bytes;
        match self.kind {
            1 => all(bytes, |b: [u8; 1]| f64::from(b[0] as i8)),
            2 => all(bytes, |b: [u8; 1]| f64::from(b[0])),
            3 => all(bytes, |b| f64::from(i16::from_le_bytes(b))),
            4 => all(bytes, |b| f64::from(u16::from_le_bytes(b))),
            5 => all(bytes, |b| f64::from(i32::from_le_bytes(b))),
            6 => all(bytes, |b| f64::from(u32::from_le_bytes(b))),
            7 => all(bytes, |b| f64::from(f32::from_le_bytes(b))),
            9 => all(bytes, f64::from_le_bytes),
            _ => None,
        }
    }
}

/// The numeric arrays of a file; others (text, structs) are left out.
pub(super) fn read_mat(path: &Path) -> Result<Vec<MatArray>> {
    let bytes = super::read(path)?;
    let fail = |message: &str| Error::file(path, message);
    if bytes.starts_with(b"MATLAB 7.3") || bytes.starts_with(b"\x89HDF") {
        return Err(fail("a version 7.3 file; save it with -v7"));
    }
    if bytes.len() < 128 || &bytes[126..128] != b"IM" {
        return Err(fail("not a MATLAB level 5 file (little-endian); fetch it again"));
    }
    let (mut rest, mut arrays) = (&bytes[128..], vec![]);
    while !rest.is_empty() {
        let (kind, body, after) = element(rest).ok_or_else(|| fail("the file is truncated; fetch it again"))?;
        rest = after;
        let inflated;
        let matrix = if kind == COMPRESSED {
            let mut all = vec![];
            let read = ZlibDecoder::new(body).read_to_end(&mut all);
            read.map_err(|e| fail(&format!("a compressed array is damaged ({e}); fetch the file again")))?;
            inflated = all;
            match element(&inflated) {
                Some((MATRIX, body, _)) => body,
                Some(_) => continue,
                None => return Err(fail("a compressed array is shorter than it says; fetch the file again")),
            }
        } else if kind == MATRIX {
            body
        } else {
            continue;
        };
        arrays.extend(array(matrix).ok_or_else(|| fail("an array is damaged; fetch the file again"))?);
    }
    Ok(arrays)
}

/// The kind and body of the element that `bytes` start with, and what follows it.
fn element(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let kind = word(0)?;
    if kind >> 16 != 0 {
        // Up to four bytes lie in the tag itself.
        let size = (kind >> 16) as usize;
        return Some((kind & 0xffff, bytes.get(4..8)?.get(..size)?, &bytes[8..]));
    }
    let size = word(4)? as usize;
    let body = bytes.get(8..8 + size)?;
    // The last one may lack its padding.
    let end = if kind == COMPRESSED { 8 + size } else { (8 + size).next_multiple_of(8) };
    Some((kind, body, &bytes[end.min(bytes.len())..]))
}

/// A matrix: flags, extents, name, elements. The outer `None` is damage, the inner one an array of no numbers.
fn array(body: &[u8]) -> Option<Option<MatArray>> {
    let (_, flags, rest) = element(body)?;
    let class = *flags.first()?;
    if !(6..=15).contains(&class) {
        return Some(None);
    }
    let (_, dims, rest) = element(rest)?;
    let dims: Vec<usize> =
        dims.chunks_exact(4).map(|d| i32::from_le_bytes(d.try_into().unwrap_or([0; 4])).max(0) as usize).collect();
    let (_, name, rest) = element(rest)?;
    let (kind, bytes, _) = element(rest)?;
    let width = [0, 1, 1, 2, 2, 4, 4, 4, 0, 8].get(kind as usize).copied().unwrap_or(0);
    let len = dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d))?;
    if width == 0 || len.checked_mul(width)? != bytes.len() {
        return None;
    }
    let name = String::from_utf8_lossy(name).into_owned();
    Some(Some(MatArray { name, dims, kind, bytes: bytes.to_vec() }))
}
