//! Events that are heard and seen: a tone word, as a spectrogram, and a blob that moves as the word is spoken.
//!
//! | what happens | is heard as | is seen as |
//! |---|---|---|
//! | word | a glide from one of four vowels to another | one of twelve directions |
//! | pitch, from and to | of the voice | size: the higher the smaller |
//! | loudness | loudness | brightness |
//! | onset, duration | when the voice sets in, how long it lasts | when the blob starts, how fast it goes |
//! | tract | formants, as of a small or a large speaker | how far to its left or right the path lies |
//!
//! Each side adds noise of its own.

use super::{bytes, examples, floats, split};
use crate::data::audio::{LogMel, MelOptions};
use crate::data::dataset::Dataset;
use crate::error::Result;
use crate::rng::{Philox, normal};
use rand::RngExt;
use std::f32::consts::TAU;

const RATE: u32 = 8000;
const WINDOW: usize = 256;
const HOP: usize = 160;
const FRAMES: usize = 32;
const MELS: usize = 32;
/// Seconds of an event with the silence around it.
const SECONDS: f32 = (WINDOW + (FRAMES - 1) * HOP) as f32 / RATE as f32;
/// Pictures of an event, and pixels of a side.
const PICTURES: usize = 8;
const SIDE: usize = 32;
/// Mean and standard deviation of the log-mel values.
const SCALE: (f32, f32) = (-15.1, 3.4);

/// The first three formants of a, i, u and e (after Peterson and Barney, 1952), in hertz.
const VOWELS: [[f32; 3]; 4] =
    [[730.0, 1090.0, 2440.0], [270.0, 2290.0, 3010.0], [300.0, 870.0, 2240.0], [530.0, 1840.0, 2480.0]];
/// The words: from which vowel to which.
const WORDS: [[usize; 2]; 12] =
    [[0, 1], [0, 2], [0, 3], [1, 0], [1, 2], [1, 3], [2, 0], [2, 1], [2, 3], [3, 0], [3, 1], [3, 2]];
/// Strength and half width (hertz) of the formants.
const FORMANTS: [(f32, f32); 3] = [(1.0, 80.0), (0.6, 110.0), (0.3, 160.0)];
const PITCH: (f32, f32) = (100.0, 260.0);
const FACTORS: [(&str, usize); 7] =
    [("word", 12), ("pitch from", 0), ("pitch to", 0), ("loudness", 0), ("onset", 0), ("duration", 0), ("tract", 0)];

struct Event {
    word: usize,
    /// Hertz.
    pitch: [f32; 2],
    /// Amplitude, 0.3 to 1.
    loudness: f32,
    /// Seconds.
    onset: f32,
    duration: f32,
    /// Length of the formants' wave, 1 for the average speaker.
    tract: f32,
}

struct Pair {
    audio: Vec<f32>,
    frames: Vec<u8>,
    factors: [f32; 7],
}

/// Events `0..n` of `seed`: `audio` `F32` [N, 32, 32], frames (20 ms apart) by mel bands, normalised log-mel; `frames` `U8`
/// [N, 32, 32, 8], the eight pictures of the film as channels; `label` the word (0 to 11); `factors` as in the module's
/// table: word, pitch from and to (hertz), loudness (amplitude), onset and duration (seconds), tract (its mean is 1).
///
/// ```
/// let set = wavae::data::tone_events(4, 0)?;
/// assert_eq!(set.example("audio")?.dims(), [32, 32]);
/// assert_eq!(set.example("frames")?.dims(), [32, 32, 8]);
/// # Ok::<(), wavae::Error>(())
/// ```
///
/// # Errors
/// When `n` is 0 or absurd.
pub fn tone_events(n: usize, seed: u64) -> Result<Dataset> {
    let options = MelOptions { rate: RATE, window: WINDOW, hop: HOP, mels: MELS, low: 60.0, high: 4000.0 };
    let mel = LogMel::new(options)?;
    let all = examples(n, seed, FRAMES * MELS * 4 + SIDE * SIDE * PICTURES, |_, rng| {
        let event = Event::sample(rng);
        let mut audio = mel.compute(&event.speak(rng));
        audio.iter_mut().for_each(|v| *v = (*v - SCALE.0) / SCALE.1);
        Pair { audio, frames: event.film(rng), factors: event.factors() }
    })?;
    let set = Dataset::new("audio", floats(&all, [FRAMES, MELS], |pair| &pair.audio)?)?
        .with("frames", bytes(&all, [SIDE, SIDE, PICTURES], |pair| &pair.frames)?)?
        .with_labels(all.iter().map(|pair| pair.factors[0] as u32).collect(), WORDS.len())?
        .with_factors(&FACTORS, all.iter().flat_map(|pair| pair.factors).collect())?;
    Ok(split(set))
}

impl Event {
    fn sample(rng: &mut Philox) -> Self {
        let word = rng.random_range(0..WORDS.len());
        let pitch = [0, 1].map(|_| PITCH.0 * (PITCH.1 / PITCH.0).powf(rng.random()));
        let (onset, duration) = (rng.random_range(0.02..0.22), rng.random_range(0.26..0.42));
        Self { word, pitch, loudness: rng.random_range(0.3..1.0), onset, duration, tract: rng.random_range(0.85..1.15) }
    }

    fn factors(&self) -> [f32; 7] {
        [self.word as f32, self.pitch[0], self.pitch[1], self.loudness, self.onset, self.duration, self.tract]
    }

    /// The share of the event that is over at `time`; `None` before and after.
    fn progress(&self, time: f32) -> Option<f32> {
        let s = (time - self.onset) / self.duration;
        (0.0..1.0).contains(&s).then_some(s)
    }

    /// How far the voice is up: it swells and fades.
    fn swell(s: f32) -> f32 {
        (s / 0.12).min((1.0 - s) / 0.2).min(1.0)
    }

    fn pitch_at(&self, s: f32) -> f32 {
        self.pitch[0] * (self.pitch[1] / self.pitch[0]).powf(s)
    }

    /// The sound: harmonics of the pitch, each as strong as the formants let it through.
    fn speak(&self, rng: &mut Philox) -> Vec<f32> {
        let noise = 0.001 * 6f32.powf(rng.random());
        let mut phase = rng.random_range(0.0..TAU);
        let mut strengths = vec![];
        let samples = (SECONDS * RATE as f32) as usize;
        let sample = |t: usize| {
            let hiss = noise * (rng.random::<f32>() - 0.5);
            let Some(s) = self.progress(t as f32 / RATE as f32) else { return hiss };
            let pitch = self.pitch_at(s);
            phase = (phase + TAU * pitch / RATE as f32) % TAU;
            if t.is_multiple_of(64) || strengths.is_empty() {
                strengths = self.strengths(s, pitch);
            }
            // sin kφ = 2 cos φ · sin (k − 1)φ − sin (k − 2)φ
            let (sin, cos) = phase.sin_cos();
            let (mut before, mut now, mut voice) = (0.0, sin, 0.0);
            for strength in &strengths {
                voice += strength * now;
                (before, now) = (now, 2.0 * cos * now - before);
            }
            0.2 * self.loudness * Self::swell(s) * voice + hiss
        };
        (0..samples).map(sample).collect()
    }

    /// The strength of each harmonic below half the rate.
    fn strengths(&self, s: f32, pitch: f32) -> Vec<f32> {
        let [from, to] = WORDS[self.word];
        // The glide takes the middle of the word.
        let glide = ((s - 0.2) / 0.6).clamp(0.0, 1.0);
        let harmonics = (RATE as f32 / 2.0 / pitch) as usize;
        let strength = |k: usize| {
            let f = pitch * k as f32;
            let through = FORMANTS.iter().zip(VOWELS[from].iter().zip(&VOWELS[to]));
            let through = through.map(|((gain, width), (a, b))| {
                let centre = (a + glide * (b - a)) / self.tract;
                gain / (1.0 + ((f - centre) / width).powi(2))
            });
            through.sum::<f32>() / (k as f32).sqrt()
        };
        (1..=harmonics).map(strength).collect()
    }

    /// The film: [SIDE, SIDE, PICTURES].
    fn film(&self, rng: &mut Philox) -> Vec<u8> {
        let (sin, cos) = (TAU * self.word as f32 / WORDS.len() as f32).sin_cos();
        let middle = [0, 1].map(|_| SIDE as f32 / 2.0 + 0.4 * normal(rng).clamp(-2.0, 2.0));
        let dark: f32 = rng.random_range(0.05..0.15);
        let mut film = vec![0; SIDE * SIDE * PICTURES];
        let aside = (self.tract - 1.0) / 0.15 * 5.0;
        let blobs: [Option<[f32; 4]>; PICTURES] = std::array::from_fn(|k| {
            let s = self.progress((k as f32 + 0.5) / PICTURES as f32 * SECONDS)?;
            let along = 18.0 * (s - 0.5);
            let high = (self.pitch_at(s) / PITCH.0).ln() / (PITCH.1 / PITCH.0).ln();
            let light = (0.25 + 0.75 * self.loudness) * Self::swell(s).max(0.4);
            Some([
                middle[0] + cos * along - sin * aside,
                middle[1] + sin * along + cos * aside,
                6.5 - 4.0 * high,
                light,
            ])
        });
        for (k, pixel) in film.iter_mut().enumerate() {
            let (x, y) = ((k / PICTURES % SIDE) as f32 + 0.5, (k / PICTURES / SIDE) as f32 + 0.5);
            let mut light = dark + 0.06 * (rng.random::<f32>() - 0.5);
            if let Some([u, v, radius, bright]) = blobs[k % PICTURES] {
                light += (bright - dark) * (radius + 0.5 - (x - u).hypot(y - v)).clamp(0.0, 1.0);
            }
            *pixel = (light.clamp(0.0, 1.0) * 255.0).round() as u8;
        }
        film
    }
}
