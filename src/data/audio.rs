//! Sound as a picture: the logarithm of the power in bands of the mel scale, frame by frame.

use crate::error::{Error, Result};
use realfft::{RealFftPlanner, RealToComplex};
use std::f32::consts::TAU;
use std::sync::Arc;

/// The least power that is told from silence: its logarithm, −18.4, is the darkest value.
pub const SILENCE: f32 = 1e-8;

/// How [`LogMel`] looks at a sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MelOptions {
    /// Samples a second.
    pub rate: u32,
    /// Samples of a frame.
    pub window: usize,
    /// Samples from one frame to the next.
    pub hop: usize,
    /// Bands.
    pub mels: usize,
    /// The lowest band's lower edge, in hertz.
    pub low: f32,
    /// The highest band's upper edge, in hertz.
    pub high: f32,
}

impl MelOptions {
    /// What is usual for speech at `rate` samples a second: frames of 32 ms every 16 ms (in whole samples, the frame an even
    /// number), 40 bands from 60 Hz to half the rate.
    pub fn speech(rate: u32) -> Self {
        let window = (rate as usize * 32 / 1000).max(2).next_multiple_of(2);
        Self { rate, window, hop: window / 2, mels: 40, low: 60.0, high: rate as f32 / 2.0 }
    }
}

/// Log-mel spectrograms: frames under Hann's window, their power spectrum, summed by triangles whose corners are evenly
/// spaced on the mel scale (Stevens, Volkmann and Newman, 1937; here 2595 log₁₀(1 + f/700)), then the natural logarithm. A
/// sine of amplitude 1 has power 1/4 in its bin.
///
/// ```
/// use wavae::data::audio::{LogMel, MelOptions};
/// let mel = LogMel::new(MelOptions::speech(8000))?;
/// let tone: Vec<f32> = (0..8000).map(|t| (0.05 * t as f32).sin()).collect();
/// assert_eq!(mel.compute(&tone).len(), mel.frames(8000) * 40);
/// # Ok::<(), wavae::Error>(())
/// ```
pub struct LogMel {
    options: MelOptions,
    fft: Arc<dyn RealToComplex<f32>>,
    /// Hann's window, divided by its sum.
    hann: Vec<f32>,
    /// The first bin of each band and the weights from there on.
    bands: Vec<(usize, Vec<f32>)>,
}

impl LogMel {
    /// Prepares window, transform and bands.
    ///
    /// # Errors
    /// When the window is less than 16 samples or odd, the hop or the number of bands 0, or the edges are not 0 ≤ low < high ≤
    /// half the rate.
    pub fn new(options: MelOptions) -> Result<Self> {
        let MelOptions { rate, window, hop, mels, low, high } = options;
        let half = rate as f32 / 2.0;
        let edges = low >= 0.0 && low < high && high <= half;
        if window < 16 || window % 2 == 1 || window > 1 << 20 || hop == 0 || mels == 0 || mels > window || !edges {
            return Err(Error::Config(format!(
                "mel bands: a window of {window} samples (even, from 16), a hop of {hop} (from 1), {mels} bands (from 1 to the \
                 window), from {low} to {high} Hz (within 0 to {half})"
            )));
        }
        let hann: Vec<f32> = (0..window).map(|t| 0.5 - 0.5 * (TAU * t as f32 / window as f32).cos()).collect();
        let sum: f32 = hann.iter().sum();
        let (from, to) = (mel(low), mel(high));
        let corner = |k: usize| hertz(from + (to - from) * k as f32 / (mels + 1) as f32) * window as f32 / rate as f32;
        let bands = (0..mels).map(|k| triangle(corner(k), corner(k + 1), corner(k + 2), window / 2)).collect();
        let fft = RealFftPlanner::new().plan_fft_forward(window);
        Ok(Self { options, fft, hann: hann.iter().map(|w| w / sum).collect(), bands })
    }

    /// How it looks.
    pub fn options(&self) -> &MelOptions {
        &self.options
    }

    /// Whole frames in so many samples; at least 1, since a short sound is filled up with silence.
    pub fn frames(&self, samples: usize) -> usize {
        1 + samples.saturating_sub(self.options.window) / self.options.hop
    }

    /// The spectrogram of `samples` (−1 to 1): [frames, mels], row-major.
    pub fn compute(&self, samples: &[f32]) -> Vec<f32> {
        let frames = self.frames(samples.len());
        let (mut input, mut spectrum) = (self.fft.make_input_vec(), self.fft.make_output_vec());
        let mut out = Vec::with_capacity(frames * self.bands.len());
        for frame in 0..frames {
            let from = &samples[(frame * self.options.hop).min(samples.len())..];
            input.fill(0.0);
            for ((x, sample), w) in input.iter_mut().zip(from).zip(&self.hann) {
                *x = sample * w;
            }
            // Fails only where lengths differ, and these are the transform's own.
            let _ = self.fft.process(&mut input, &mut spectrum);
            for (first, weights) in &self.bands {
                let power: f32 = spectrum[*first..].iter().zip(weights).map(|(bin, w)| bin.norm_sqr() * w).sum();
                out.push(power.max(SILENCE).ln());
            }
        }
        out
    }
}

fn mel(hertz: f32) -> f32 {
    2595.0 * (1.0 + hertz / 700.0).log10()
}

fn hertz(mel: f32) -> f32 {
    700.0 * (10f32.powf(mel / 2595.0) - 1.0)
}

/// Weights of the bins under a triangle of height 1 with these corners (in bins); the nearest bin where none is under it.
fn triangle(left: f32, middle: f32, right: f32, last: usize) -> (usize, Vec<f32>) {
    let weight =
        |bin: usize| ((bin as f32 - left) / (middle - left)).min((right - bin as f32) / (right - middle)).max(0.0);
    let first = (left.floor() as usize + 1).min(last);
    let weights: Vec<f32> = (first..=last).map(weight).take_while(|w| *w > 0.0).collect();
    if weights.is_empty() { ((middle.round() as usize).min(last), vec![1.0]) } else { (first, weights) }
}
