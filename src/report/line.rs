//! Line plots: losses against steps.

use super::axis::{Axis, plottable};
use super::canvas::Canvas;
use super::frame::{Frame, Style, Ticks, color, plot_methods};
use crate::error::Result;

/// Named series of points joined by lines.
///
/// Points that are not finite, or not positive on a logarithmic axis, are skipped and leave a gap in the line.
#[derive(Clone, Debug)]
pub struct LinePlot {
    style: Style,
    series: Vec<(String, Vec<(f64, f64)>)>,
    log_y: bool,
    robust: bool,
    y_range: Option<(f64, f64)>,
}

plot_methods!(LinePlot);

impl LinePlot {
    /// An empty plot of 960×540 pixels.
    pub fn new(title: impl Into<String>) -> Self {
        let style = Style::new(title, 960, 540);
        Self { style, series: Vec::new(), log_y: false, robust: false, y_range: None }
    }

    /// Adds a series. Up to 40 points are also marked by dots.
    pub fn series(mut self, name: impl Into<String>, points: &[(f64, f64)]) -> Self {
        self.series.push((name.into(), points.to_vec()));
        self
    }

    /// Makes the vertical axis logarithmic.
    pub fn log_y(mut self) -> Self {
        self.log_y = true;
        self
    }

    /// Lets the vertical axis show the interval between `lo` and `hi` instead of all values.
    pub fn y_range(mut self, lo: f64, hi: f64) -> Self {
        self.y_range = Some((lo, hi));
        self
    }

    /// Fits the vertical axis to the 2nd to 98th percentile (and a margin), so that a few early or stray values do not
    /// flatten the rest. The values beyond are cut off at the edge.
    pub fn robust(mut self) -> Self {
        self.robust = true;
        self
    }

    /// Draws the plot.
    pub fn render(&self) -> Result<Canvas> {
        let points = || self.series.iter().flat_map(|s| s.1.iter().copied());
        let x = Axis::linear(points().filter(|p| plottable(p.1)).map(|p| p.0), 0.01);
        let mut values: Vec<f64> = points().filter(|p| plottable(p.0) && plottable(p.1)).map(|p| p.1).collect();
        if let Some((lo, hi)) = self.y_range {
            values = vec![lo, hi];
        } else if self.robust {
            values = robust_range(values);
        }
        let margin = if self.y_range.is_some() { 0.0 } else { 0.05 };
        let values = values.into_iter();
        let y = if self.log_y { Axis::log(values, margin) } else { Axis::linear(values, margin) };
        let legend: Vec<_> = self.series.iter().enumerate().map(|(k, s)| (s.0.as_str(), color(k))).collect();
        let mut frame = Frame::new(&self.style, (x, y), Ticks::Numbers, &legend, false)?;
        for (k, (_, points)) in self.series.iter().enumerate() {
            draw_series(&mut frame, points, color(k));
        }
        Ok(frame.finish())
    }
}

/// Ends of the central 96 % of the values, opened by 15 % but never past the extremes.
fn robust_range(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (values.first().copied(), values.last().copied()) else { return values };
    let at = |q: f64| values[((values.len() - 1) as f64 * q).round() as usize];
    let (lo, hi) = (at(0.02), at(0.98));
    let pad = (hi - lo) * 0.15;
    vec![(lo - pad).max(first), (hi + pad).min(last)]
}

fn draw_series(frame: &mut Frame, points: &[(f64, f64)], color: [u8; 3]) {
    let pixels: Vec<Option<[f64; 2]>> = points.iter().map(|p| frame.point(p.0, p.1)).collect();
    let marked = pixels.len() <= 40;
    for run in pixels.split(Option::is_none) {
        let run: Vec<[f64; 2]> = thin(run.iter().copied().flatten().collect());
        for pair in run.windows(2) {
            frame.canvas.segment(pair[0], pair[1], 2.0, color, 1.0);
        }
        if marked || run.len() == 1 {
            run.iter().for_each(|p| frame.canvas.disc(*p, 3.0, color, 1.0));
        }
    }
}

/// Keeps, of all neighbours that fall into one pixel column, the first, lowest, highest and last: the same picture from
/// far fewer segments.
fn thin(points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    if points.len() < 2000 {
        return points;
    }
    let mut out = Vec::new();
    for column in points.chunk_by(|a, b| a[0].floor() == b[0].floor()) {
        let key = |k: &usize| column[*k][1];
        let lowest = (0..column.len()).min_by(|a, b| key(a).total_cmp(&key(b))).unwrap_or(0);
        let highest = (0..column.len()).max_by(|a, b| key(a).total_cmp(&key(b))).unwrap_or(0);
        let mut keep = vec![0, lowest, highest, column.len() - 1];
        keep.sort_unstable();
        keep.dedup();
        out.extend(keep.into_iter().map(|k| column[k]));
    }
    out
}
