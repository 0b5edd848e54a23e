//! Bar charts: one value per latent dimension.

use super::axis::{Axis, label, plottable};
use super::canvas::{Canvas, INK, MUTED, PALETTE, SMALL, text_width};
use super::frame::{Frame, Style, Ticks, plot_methods};
use crate::error::Result;

/// Labelled vertical bars from zero, optionally sorted, with optional horizontal rules. A value that is not finite
/// keeps its place and label but has no bar.
#[derive(Clone, Debug)]
pub struct BarChart {
    style: Style,
    bars: Vec<(String, f64)>,
    rules: Vec<(f64, String)>,
    sorted: bool,
}

plot_methods!(BarChart);

impl BarChart {
    /// An empty chart of 960×420 pixels.
    pub fn new(title: impl Into<String>) -> Self {
        Self { style: Style::new(title, 960, 420), bars: Vec::new(), rules: Vec::new(), sorted: false }
    }

    /// Adds one bar.
    pub fn bar(mut self, label: impl Into<String>, value: f64) -> Self {
        self.bars.push((label.into(), value));
        self
    }

    /// Adds a bar for each value, labelled `prefix` and its index: `z0`, `z1`, …
    pub fn values(mut self, prefix: &str, values: &[f64]) -> Self {
        self.bars.extend(values.iter().enumerate().map(|(k, v)| (format!("{prefix}{k}"), *v)));
        self
    }

    /// Orders the bars from the greatest value to the least.
    pub fn sorted(mut self) -> Self {
        self.sorted = true;
        self
    }

    /// Draws a dashed horizontal line at `value`, for example the threshold of an active unit.
    pub fn rule(mut self, value: f64, label: impl Into<String>) -> Self {
        self.rules.push((value, label.into()));
        self
    }

    /// Draws the chart.
    pub fn render(&self) -> Result<Canvas> {
        let mut bars: Vec<&(String, f64)> = self.bars.iter().collect();
        if self.sorted {
            let key = |v: f64| if plottable(v) { v } else { f64::NEG_INFINITY };
            bars.sort_by(|a, b| key(b.1).total_cmp(&key(a.1)));
        }
        let values = bars.iter().map(|b| b.1).chain(self.rules.iter().map(|r| r.0));
        let (lo, hi) = values.filter(|v| plottable(*v)).fold((0.0f64, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
        let y = Axis::between(lo * 1.05, if lo == hi { 1.0 } else { hi * 1.05 });
        let x = Axis::between(0.0, bars.len().max(1) as f64);
        let widest = bars.iter().map(|b| text_width(&b.0, SMALL)).max().unwrap_or(0);
        // An estimate before the frame is laid out; only the turn of the labels hangs on it.
        let slot = (self.style.width as f64 - 110.0) / bars.len().max(1) as f64;
        let turned = widest as f64 + 8.0 > slot;
        let room = 8 + if turned { widest.min(160) } else { i64::from(SMALL) };
        let mut frame = Frame::new(&self.style, (x, y), Ticks::Own { room }, &[], false)?;
        draw_bars(&mut frame, &bars);
        draw_labels(&mut frame, &bars, turned);
        for (value, name) in &self.rules {
            draw_rule(&mut frame, *value, name);
        }
        Ok(frame.finish())
    }
}

fn draw_bars(frame: &mut Frame, bars: &[&(String, f64)]) {
    for (k, (_, value)) in bars.iter().enumerate() {
        let ends = (frame.point(k as f64 + 0.12, 0.0), frame.point(k as f64 + 0.88, *value));
        if let (Some(from), Some(to)) = ends {
            frame.canvas.rect(from, to, PALETTE[0], 1.0);
        }
    }
}

fn draw_labels(frame: &mut Frame, bars: &[&(String, f64)], turned: bool) {
    let [left, _, right, bottom] = frame.area;
    let slot = (right - left) as f64 / bars.len().max(1) as f64;
    let every = if turned { (f64::from(SMALL + 2) / slot).ceil().max(1.0) as usize } else { 1 };
    frame.canvas.clear_clip();
    for (k, (name, _)) in bars.iter().enumerate().step_by(every) {
        let centre = (left as f64 + (k as f64 + 0.5) * slot).round() as i64;
        let width = text_width(name, SMALL);
        if turned {
            frame.canvas.text_up(centre - i64::from(SMALL) / 2, bottom + 8 + width, name, SMALL, MUTED);
        } else {
            frame.canvas.text(centre - width / 2, bottom + 8, name, SMALL, MUTED);
        }
    }
}

fn draw_rule(frame: &mut Frame, value: f64, name: &str) {
    let [left, _, right, _] = frame.area;
    let Some(t) = frame.y.place(value) else { return };
    let y = frame.y_pixel(t);
    for x in (left..right).step_by(12) {
        frame.canvas.segment([x as f64, y], [(x + 6) as f64, y], 1.5, PALETTE[2], 1.0);
    }
    let text = format!("{name} {}", label(value, value)).trim().to_string();
    let at = right - text_width(&text, SMALL) - 4;
    frame.canvas.text(at, y as i64 - i64::from(SMALL) - 4, &text, SMALL, INK);
}
