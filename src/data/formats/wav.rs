//! Sound files as log-mel spectrograms.

use super::{classes, files, normalize, spread};
use crate::data::audio::{LogMel, MelOptions, SILENCE};
use crate::data::dataset::Dataset;
use crate::data::images::Split;
use crate::data::synthetic::split;
use crate::error::{Error, Result};
use crate::tensor::Array;
use hound::{SampleFormat, WavReader};
use rayon::prelude::*;
use std::path::Path;

/// The most frames of a row unless told.
const LONGEST: usize = 1024;

/// Loads a WAV file, or all below a folder: `x` `F32` [N, frames, 40], the spectrograms of [`MelOptions::speech`], shifted and
/// scaled to mean 0 and variance 1 over the training files; `length`, how many frames of each are sound and not filling;
/// `label`, the first folder on the way, where every file is in one. Files are PCM of 8 to 32 bits or floats, of one sampling
/// rate; channels are averaged. There are `frames` frames, or enough for the longest file but at most 1,024: longer ones are
/// cut, shorter ones end in silence. Every tenth file but one is in [`Split::Valid`], every tenth in [`Split::Test`]; `count`
/// keeps so many, evenly spread.
///
/// # Errors
/// [`Error::File`] for a file that is no WAV, is truncated, holds no sample or one that is not finite, or is of another rate
/// than the first.
pub fn load_wav(path: impl AsRef<Path>, frames: Option<usize>, count: Option<usize>) -> Result<Dataset> {
    let path = path.as_ref();
    let all = files(path, &["wav"])?;
    let files: Vec<_> = spread(all.len(), count).into_iter().map(|k| all[k].clone()).collect();
    let rate = read_wav(&files[0])?.1;
    let mel = LogMel::new(MelOptions::speech(rate))?;
    let spectrogram = |file: &std::path::PathBuf| {
        let (samples, other) = read_wav(file)?;
        if other != rate {
            return Err(Error::file(file, format!("{other} samples a second, {} has {rate}", files[0].display())));
        }
        Ok(mel.compute(&samples))
    };
    let sounds = files.par_iter().map(spectrogram).collect::<Result<Vec<_>>>()?;
    let mels = mel.options().mels;
    let longest = sounds.iter().map(|sound| sound.len() / mels).max().unwrap_or(1);
    let frames = frames.unwrap_or(longest.min(LONGEST)).max(1);
    let mut x = vec![SILENCE.ln(); sounds.len() * frames * mels];
    let mut lengths = vec![];
    for (row, sound) in x.chunks_exact_mut(frames * mels).zip(&sounds) {
        let kept = sound.len().min(row.len());
        row[..kept].copy_from_slice(&sound[..kept]);
        lengths.push((kept / mels) as u32);
    }
    let n = sounds.len();
    let mut set = split(Dataset::new("length", Array::u32([n], lengths)?)?);
    let scale = normalize(&mut x, 1, |k| set.split[k / (frames * mels)] == Split::Train);
    set.scale = vec![scale[0]; mels];
    set.rate = rate;
    let (names, labels) = classes(path, &files);
    if !names.is_empty() {
        set = set.with_labels(labels, names.len())?;
        set.class_names = names;
    }
    set.with("x", Array::f32([n, frames, mels], x)?)
}

/// The samples of a WAV file, −1 to 1, its channels averaged; and samples a second.
///
/// # Errors
/// [`Error::File`] when it is no WAV, is truncated, or holds no sample or one that is not finite.
pub fn read_wav(path: impl AsRef<Path>) -> Result<(Vec<f32>, u32)> {
    let path = path.as_ref();
    let fail = |e: hound::Error| Error::file(path, format!("not a whole WAV file ({e}); fetch it again"));
    let mut reader = WavReader::open(path).map_err(fail)?;
    let spec = reader.spec();
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>().map_err(fail)?,
        SampleFormat::Int => {
            let full = 2f64.powi(i32::from(spec.bits_per_sample) - 1);
            let sample = |v: Result<i32, hound::Error>| v.map(|v| (f64::from(v) / full) as f32);
            reader.samples::<i32>().map(sample).collect::<Result<_, _>>().map_err(fail)?
        }
    };
    if samples.is_empty() || spec.sample_rate < 1000 {
        let (n, rate) = (samples.len(), spec.sample_rate);
        return Err(Error::file(path, format!("{n} samples at {rate} a second: there must be some, at 1,000 or more")));
    }
    if let Some(k) = samples.iter().position(|v| !v.is_finite()) {
        return Err(Error::file(path, format!("sample {k} is {}", samples[k])));
    }
    let channels = usize::from(spec.channels.max(1));
    let mono = samples.chunks(channels).map(|s| s.iter().sum::<f32>() / s.len() as f32).collect();
    Ok((mono, spec.sample_rate))
}
