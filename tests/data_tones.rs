//! Log-mel spectrograms, and events that are heard and seen.

use rayon::prelude::*;
use std::f32::consts::TAU;
use wavae::data::audio::{LogMel, MelOptions, SILENCE};
use wavae::data::{Dataset, tone_events};
use wavae::tensor::ArrayData;

fn tone(hertz: f32, amplitude: f32, samples: usize) -> Vec<f32> {
    (0..samples).map(|t| amplitude * (TAU * hertz * t as f32 / 8000.0).sin()).collect()
}

/// A sine in the middle of a bin under the top of a triangle has power 1/4 there; twice the amplitude is ln 4 more.
#[test]
fn a_sine_is_where_it_should_be() {
    // 2595 log₁₀(1 + f/700) is 1000 at f = 1000 Hz to within 0.02: the middle band of three from 0 to 2000 mel.
    let high = 700.0 * (10f32.powf(2000.0 / 2595.0) - 1.0);
    let options = MelOptions { rate: 8000, window: 256, hop: 100, mels: 3, low: 0.0, high };
    let mel = LogMel::new(options).unwrap();
    let spectrogram = mel.compute(&tone(1000.0, 1.0, 1000));
    assert_eq!((mel.frames(1000), spectrogram.len()), (8, 24));
    for frame in spectrogram.chunks_exact(3) {
        // Hann's window leaves a quarter of the peak's power in each neighbour, 31 Hz off, also under the triangle.
        let expected = (0.25f32 * 1.5).ln();
        assert!((frame[1] - expected).abs() < 0.05, "{frame:?} for {expected}");
        assert!(frame[1] > frame[0] + 2.0 && frame[1] > frame[2] + 2.0, "{frame:?}");
    }
    let half = mel.compute(&tone(1000.0, 0.5, 1000));
    assert!((spectrogram[1] - half[1] - 4f32.ln()).abs() < 1e-4);
    assert!(mel.compute(&[0.0; 1000]).iter().all(|v| *v == SILENCE.ln()));
    // A short sound is one frame; so is none.
    assert_eq!((mel.compute(&[0.1; 5]).len(), mel.compute(&[]).len()), (3, 3));
}

#[test]
fn bands_rise_with_the_pitch() {
    let mel = LogMel::new(MelOptions::speech(8000)).unwrap();
    let loudest = |hertz| {
        let frame = mel.compute(&tone(hertz, 0.7, 256));
        (0..frame.len()).max_by(|a, b| frame[*a].total_cmp(&frame[*b])).unwrap()
    };
    let bands: Vec<usize> = (1..20).map(|k| loudest(200.0 * k as f32)).collect();
    assert!(bands.windows(2).all(|pair| pair[0] < pair[1]), "{bands:?}");
    for bad in [
        (15, 1, 1, 0.0, 9.0),
        (256, 0, 1, 0.0, 9.0),
        (256, 1, 0, 0.0, 9.0),
        (256, 1, 1, 9.0, 9.0),
        (256, 1, 1, 0.0, 4001.0),
    ] {
        let (window, hop, mels, low, high) = bad;
        assert!(LogMel::new(MelOptions { rate: 8000, window, hop, mels, low, high }).is_err(), "{bad:?}");
    }
}

#[test]
fn an_event_depends_on_seed_and_index_only() {
    let (many, few) = (tone_events(40, 3).unwrap(), tone_events(20, 3).unwrap());
    assert_eq!(many.subset(&(0..20).collect::<Vec<_>>()), few);
    assert_ne!(tone_events(20, 4).unwrap().column("audio").unwrap(), few.column("audio").unwrap());
    assert!(tone_events(0, 0).is_err() && tone_events(usize::MAX, 0).is_err());
    let x = tone_events(600, 1).unwrap();
    let audio = x.floats("audio").unwrap();
    let n = audio.len() as f64;
    let mean = audio.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let deviation = (audio.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n).sqrt();
    assert!(mean.abs() < 0.05 && (deviation - 1.0).abs() < 0.05, "{mean} {deviation}");
}

/// Mean 0 and variance 1 of each column, as the first `train` rows have it.
fn standardize(rows: &mut [Vec<f64>], train: usize) {
    for k in 0..rows[0].len() {
        let mean = rows[..train].iter().map(|r| r[k]).sum::<f64>() / train as f64;
        let variance = rows[..train].iter().map(|r| (r[k] - mean).powi(2)).sum::<f64>() / train as f64;
        rows.iter_mut().for_each(|r| r[k] = (r[k] - mean) / variance.sqrt().max(1e-3));
    }
}

/// The weights of the ridge regression of `y` on `rows`, by conjugate gradients.
fn ridge(rows: &[Vec<f64>], y: &[f64], penalty: f64) -> Vec<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let transposed = |v: &[f64]| {
        let mut out = vec![0.0; rows[0].len()];
        rows.iter().zip(v).for_each(|(row, v)| out.iter_mut().zip(row).for_each(|(o, r)| *o += v * r));
        out
    };
    let mut w = vec![0.0; rows[0].len()];
    let mut residual = transposed(y);
    let mut direction = residual.clone();
    for _ in 0..40 {
        let mut image = transposed(&rows.iter().map(|row| dot(row, &direction)).collect::<Vec<_>>());
        image.iter_mut().zip(&direction).for_each(|(i, d)| *i += penalty * d);
        let before = dot(&residual, &residual);
        let step = before / dot(&direction, &image).max(1e-300);
        w.iter_mut().zip(&direction).for_each(|(w, d)| *w += step * d);
        residual.iter_mut().zip(&image).for_each(|(r, i)| *r -= step * i);
        let turn = dot(&residual, &residual) / before.max(1e-300);
        direction.iter_mut().zip(&residual).for_each(|(d, r)| *d = r + turn * *d);
    }
    w
}

/// Reads the factors off each side by linear regressions, and looks for the film of a sound among a hundred by what was
/// read: both sides know of the same event, and it takes more than a linear model to find it for certain.
#[test]
fn sound_and_film_are_of_one_event() {
    let (n, train) = (1700, 1500);
    let set = tone_events(n, 5).unwrap();
    let ArrayData::U8(frames) = &set.column("frames").unwrap().data else { panic!("frames are bytes") };
    let mut audio: Vec<Vec<f64>> =
        set.floats("audio").unwrap().chunks_exact(1024).map(|r| r.iter().map(|v| f64::from(*v)).collect()).collect();
    // 4×4 pixels together.
    let mut film: Vec<Vec<f64>> = frames
        .chunks_exact(8192)
        .map(|film| {
            let mut pooled = vec![0.0; 512];
            film.iter().enumerate().for_each(|(k, p)| pooled[k / 1024 * 64 + k / 32 % 8 * 8 + k % 8] += f64::from(*p));
            pooled
        })
        .collect();
    let mut targets = targets(&set);
    [&mut audio, &mut film, &mut targets].into_iter().for_each(|rows| standardize(rows, train));
    let read = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
        let fit = |k: usize| {
            let y: Vec<f64> = targets[..train].iter().map(|t| t[k]).collect();
            let w = ridge(&rows[..train], &y, 300.0);
            rows[train..].iter().map(|row| row.iter().zip(&w).map(|(a, b)| a * b).sum()).collect::<Vec<f64>>()
        };
        (0..targets[0].len()).into_par_iter().map(fit).collect()
    };
    let (heard, seen) = (read(&audio), read(&film));
    for (k, name) in ["pitch from", "pitch to", "loudness", "onset", "duration", "tract"].iter().enumerate() {
        let error = |read: &[f64]| {
            read.iter().zip(&targets[train..]).map(|(r, t)| (r - t[k]).powi(2)).sum::<f64>() / (n - train) as f64
        };
        let explained = [1.0 - error(&heard[k]), 1.0 - error(&seen[k])];
        println!("{name}: explained by sound {:.2}, by film {:.2}", explained[0], explained[1]);
        // Which side of its path is a blob's left depends on where it goes: nothing for a linear model.
        assert!(explained[0] > 0.5 && (explained[1] > 0.2 || *name == "tract"), "{name}: {explained:?}");
    }
    let recall = (train..n).filter(|&i| {
        let group = (i - train) / 100 * 100;
        let distance = |j: usize| (0..heard.len()).map(|k| (heard[k][i - train] - seen[k][j]).powi(2)).sum::<f64>();
        (group..group + 100).min_by(|a, b| distance(*a).total_cmp(&distance(*b))) == Some(i - train)
    });
    let recall = recall.count() as f64 / (n - train) as f64;
    println!("recall@1 among 100, linear: {recall:.2}");
    assert!((0.2..0.98).contains(&recall), "{recall}");
}

/// The blob's path lies aside by as much as the tract is long: 5 pixels for 0.15, but for its wavering start.
#[test]
fn the_film_shows_the_tract() {
    let set = tone_events(300, 2).unwrap();
    let ArrayData::U8(frames) = &set.column("frames").unwrap().data else { panic!("frames are bytes") };
    let (word, tract) = (set.factor("word").unwrap(), set.factor("tract").unwrap());
    for (i, film) in frames.chunks_exact(8192).enumerate() {
        let (mut mass, mut sums) = (0.0, [0.0; 2]);
        for (k, p) in film.iter().enumerate().filter(|(_, p)| **p > 60) {
            mass += f32::from(*p);
            sums = [sums[0] + f32::from(*p) * (k / 8 % 32) as f32, sums[1] + f32::from(*p) * (k / 256) as f32];
        }
        let (sin, cos) = (TAU * word[i] / 12.0).sin_cos();
        let aside = cos * (sums[1] / mass - 15.5) - sin * (sums[0] / mass - 15.5);
        assert!((aside - (tract[i] - 1.0) / 0.15 * 5.0).abs() < 1.8, "film {i}: {aside} for {}", tract[i]);
    }
}

/// The continuous factors, then the word as twelve columns.
fn targets(set: &Dataset) -> Vec<Vec<f64>> {
    let factors = set.floats("factors").unwrap().chunks_exact(7);
    let row = |f: &[f32]| {
        let word = (0..12).map(|k| f64::from(u8::from(f[0] as usize == k)));
        f[1..].iter().map(|v| f64::from(*v)).chain(word).collect()
    };
    factors.map(row).collect()
}
