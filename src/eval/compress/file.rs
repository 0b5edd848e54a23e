//! The file format. All numbers without a width are LEB128, seven bits a byte, low ones first.
//!
//! | part | bytes |
//! |---|---|
//! | magic | `WVZ` and the version, 1 |
//! | kind | 0: quantized latents, 1: indices |
//! | shapes | examples, columns, height, width, channels |
//! | quantizer, of latents | a step for each column, then a centre for each: f32, little-endian |
//! | number of tables | 1 or one a column |
//! | each table | symbols − 1; the first one (zigzag); the distances − 1 of the others; the share − 1 of each |
//! | payload | its length, then the bytes of `rans.rs`, example by example |
//! | checksum | CRC-32 of all before, little-endian |

use super::rans::{TOTAL, Table, decode, encode};
use super::{Compressed, MOST, Quantizer};
use crate::error::{Error, Result};

const MAGIC: &[u8] = b"WVZ";
const VERSION: u8 = 1;

pub(super) fn write(data: &Compressed) -> Result<Vec<u8>> {
    let mut bytes = [MAGIC, &[VERSION, u8::from(data.quantizer.is_none())]].concat();
    let [height, width, channels] = data.image;
    for size in [data.examples(), data.columns, height, width, channels] {
        varint(&mut bytes, size as u64);
    }
    if let Some(Quantizer { step, centre }) = &data.quantizer {
        step.iter().chain(centre).for_each(|x| bytes.extend(x.to_le_bytes()));
    }
    let column = |j: usize| data.symbols.iter().skip(j).step_by(data.columns).copied();
    let own: Option<Vec<Table>> = (0..data.columns).map(|j| Table::of(column(j))).collect();
    let shared = Table::of(data.symbols.iter().copied()).map(|t| vec![t]);
    let coded = [own, shared].into_iter().flatten().filter_map(|tables| code(&data.symbols, &tables));
    let Some(coded) = coded.min_by_key(Vec::len) else {
        let message = format!("compression: a column has more than {TOTAL} different numbers; take larger steps");
        return Err(Error::Config(message));
    };
    bytes.extend(coded);
    let checksum = crc32fast::hash(&bytes);
    bytes.extend(checksum.to_le_bytes());
    Ok(bytes)
}

/// Tables and payload.
fn code(symbols: &[i32], tables: &[Table]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    varint(&mut bytes, tables.len() as u64);
    for table in tables {
        varint(&mut bytes, table.symbols.len() as u64 - 1);
        let first = i64::from(table.symbols[0]);
        varint(&mut bytes, (first << 1 ^ first >> 63) as u64);
        let distance = |pair: &[i32]| (i64::from(pair[1]) - i64::from(pair[0]) - 1) as u64;
        table.symbols.windows(2).for_each(|pair| varint(&mut bytes, distance(pair)));
        table.shares().for_each(|share| varint(&mut bytes, u64::from(share) - 1));
    }
    let payload = encode(symbols, tables)?;
    varint(&mut bytes, payload.len() as u64);
    bytes.extend(payload);
    Some(bytes)
}

/// The data, or what is wrong with the file.
pub(super) fn read(bytes: &[u8]) -> Result<Compressed, &'static str> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else { return Err("not a file of compressed latents") };
    match rest.first() {
        Some(&VERSION) => {}
        Some(_) => return Err("written by another version of the format; compress again with this one"),
        None => return Err("cut short; copy it again"),
    }
    let Some((body, checksum)) = bytes.split_last_chunk::<4>() else { return Err("cut short; copy it again") };
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err("damaged or cut short, its checksum differs; copy it again");
    }
    let body = body.get(MAGIC.len() + 1..).unwrap_or_default();
    parse(&mut Reader(body)).ok_or("not well formed, though its checksum holds; compress again")
}

fn parse(reader: &mut Reader) -> Option<Compressed> {
    let indices = match reader.take(1)?[0] {
        0 => false,
        1 => true,
        _ => return None,
    };
    let [rows, columns, height, width, channels] =
        [reader.size(), reader.size(), reader.size(), reader.size(), reader.size()];
    let (columns, image) = (columns?, [height?, width?, channels?]);
    let count = rows?.checked_mul(columns).filter(|n| (1..=MOST).contains(n))?;
    let quantizer = if indices {
        None
    } else {
        let step = reader.floats(columns)?;
        Some(Quantizer::new(step, reader.floats(columns)?).ok()?)
    };
    let tables = match reader.size()? {
        1 => vec![table(reader)?],
        n if n == columns => (0..n).map(|_| table(reader)).collect::<Option<Vec<_>>>()?,
        _ => return None,
    };
    let payload = reader.size()?;
    let payload = reader.take(payload)?;
    let symbols = decode(payload, count, &tables)?;
    let valid = reader.0.is_empty() && (!indices || symbols.iter().all(|s| *s >= 0));
    if !valid {
        return None;
    }
    Compressed { image, columns, symbols, quantizer }.checked().ok()
}

fn table(reader: &mut Reader) -> Option<Table> {
    let others = reader.size().filter(|n| *n < TOTAL as usize)?;
    let first = reader.varint()?;
    let mut symbol = (first >> 1) as i64 ^ -((first & 1) as i64);
    let mut symbols = vec![i32::try_from(symbol).ok()?];
    for _ in 0..others {
        symbol = symbol.checked_add(i64::try_from(reader.varint()?).ok()?)?.checked_add(1)?;
        symbols.push(i32::try_from(symbol).ok()?);
    }
    let share = |_| u32::try_from(reader.varint()?).ok()?.checked_add(1);
    let shares: Vec<u32> = (0..=others).map(share).collect::<Option<_>>()?;
    Table::new(symbols, &shares)
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// What is left to read; every method is none where it does not suffice.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let part = u64::from(byte & 0x7F);
            // The tenth byte has room for one bit.
            if shift == 63 && part > 1 {
                return None;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }

    fn floats(&mut self, count: usize) -> Option<Vec<f32>> {
        let bytes = self.take(count.checked_mul(4)?)?;
        Some(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }
}
