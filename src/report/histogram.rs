//! Histograms: how scores or latent values are spread.

use super::axis::{Axis, plottable};
use super::canvas::Canvas;
use super::frame::{Frame, Style, Ticks, color, plot_methods};
use crate::error::Result;

/// Counts of values in equal bins; several series share the bins and overlap translucently. Values that are not finite
/// are skipped.
#[derive(Clone, Debug)]
pub struct Histogram {
    style: Style,
    series: Vec<(String, Vec<f64>)>,
    bins: usize,
    density: bool,
}

plot_methods!(Histogram);

impl Histogram {
    /// An empty histogram of 960×480 pixels with 40 bins.
    pub fn new(title: impl Into<String>) -> Self {
        Self { style: Style::new(title, 960, 480), series: Vec::new(), bins: 40, density: false }
    }

    /// Adds a series of values.
    pub fn series(mut self, name: impl Into<String>, values: &[f64]) -> Self {
        self.series.push((name.into(), values.to_vec()));
        self
    }

    /// Sets the number of bins (held to 1…1000).
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = bins.clamp(1, 1000);
        self
    }

    /// Scales each series to an area of 1, so that series of different lengths can be compared.
    pub fn density(mut self) -> Self {
        self.density = true;
        self
    }

    /// Draws the histogram.
    pub fn render(&self) -> Result<Canvas> {
        let values = self.series.iter().flat_map(|s| s.1.iter().copied());
        let x = Axis::linear(values, 0.0);
        let heights: Vec<Vec<f64>> = self.series.iter().map(|s| self.heights(&x, &s.1)).collect();
        let top = heights.iter().flatten().fold(0.0f64, |a, b| a.max(*b));
        let y = Axis::between(0.0, if top > 0.0 { top * 1.05 } else { 1.0 });
        let legend: Vec<_> = self.series.iter().enumerate().map(|(k, s)| (s.0.as_str(), color(k))).collect();
        let mut frame = Frame::new(&self.style, (x, y), Ticks::Numbers, &legend, false)?;
        let alpha = if heights.len() > 1 { 0.55 } else { 0.9 };
        for (k, heights) in heights.iter().enumerate() {
            for (bin, height) in heights.iter().enumerate().filter(|(_, h)| **h > 0.0) {
                let [left, right] = [bin, bin + 1].map(|b| frame.x_pixel(b as f64 / self.bins as f64));
                let gap = if right - left > 6.0 { 1.0 } else { 0.0 };
                let [zero, level] = [0.0, *height].map(|v| frame.y_pixel(frame.y.place(v).unwrap_or(0.0)));
                frame.canvas.rect([left, zero], [right - gap, level], color(k), alpha);
            }
        }
        Ok(frame.finish())
    }

    fn heights(&self, x: &Axis, values: &[f64]) -> Vec<f64> {
        let mut counts = vec![0.0; self.bins];
        for t in values.iter().filter(|v| plottable(**v)).filter_map(|v| x.place(*v)) {
            counts[((t * self.bins as f64) as usize).min(self.bins - 1)] += 1.0;
        }
        let total: f64 = counts.iter().sum();
        if self.density && total > 0.0 {
            let width = x.span() / self.bins as f64;
            counts.iter_mut().for_each(|c| *c /= total * width);
        }
        counts
    }
}
