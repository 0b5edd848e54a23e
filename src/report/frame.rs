//! What all plots share: titles, axes, grid lines, ticks and the legend around a plotting area.

use super::axis::Axis;
use super::canvas::{Canvas, Color, GRID, INK, LARGE, MUTED, SMALL, WHITE, text_width};
use crate::error::Result;

const PAD: i64 = 18;
const SWATCH: i64 = 22;

/// Titles and size of a plot.
#[derive(Clone, Debug)]
pub(super) struct Style {
    pub(super) title: String,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Style {
    pub(super) fn new(title: impl Into<String>, width: usize, height: usize) -> Self {
        Self { title: title.into(), x: String::new(), y: String::new(), width, height }
    }

    /// Sides are kept where a frame fits and memory suffices.
    pub(super) fn resize(&mut self, width: usize, height: usize) {
        (self.width, self.height) = (width.clamp(240, 8192), height.clamp(180, 8192));
    }
}

/// The methods every plot has, on a struct with a field `style: Style` and a method `render`.
macro_rules! plot_methods {
    ($plot:ty) => {
        impl $plot {
            /// Names the horizontal axis.
            pub fn x(mut self, label: impl Into<String>) -> Self {
                self.style.x = label.into();
                self
            }

            /// Names the vertical axis.
            pub fn y(mut self, label: impl Into<String>) -> Self {
                self.style.y = label.into();
                self
            }

            /// Sets the size in pixels (held to 240…8192 by 180…8192).
            pub fn size(mut self, width: usize, height: usize) -> Self {
                self.style.resize(width, height);
                self
            }

            /// Writes the plot as PNG and creates the parent folders. [`Error::File`](crate::Error::File) where that
            /// fails.
            pub fn save(&self, path: impl AsRef<std::path::Path>) -> crate::Result<()> {
                self.render()?.save(path)
            }
        }
    };
}
pub(super) use plot_methods;

/// The canvas with its plotting area.
pub(super) struct Frame {
    pub(super) canvas: Canvas,
    /// Left, top, right and bottom of the plotting area, in pixels.
    pub(super) area: [i64; 4],
    pub(super) x: Axis,
    pub(super) y: Axis,
}

/// How the horizontal axis is labelled.
pub(super) enum Ticks {
    /// Round numbers.
    Numbers,
    /// The plot writes its own.
    Own {
        /// Pixels to leave below the area.
        room: i64,
    },
}

impl Frame {
    /// Draws everything but the data. With `equal`, both axes get the same units per pixel.
    pub(super) fn new(
        style: &Style,
        (mut x, mut y): (Axis, Axis),
        ticks: Ticks,
        legend: &[(&str, Color)],
        equal: bool,
    ) -> Result<Self> {
        let mut canvas = Canvas::new(style.width, style.height, WHITE)?;
        let mut top = PAD;
        if !style.title.is_empty() {
            canvas.text(PAD, top, &style.title, LARGE, INK);
            top += i64::from(LARGE) + 12;
        }
        top = draw_legend(&mut canvas, legend, top);
        let room = match ticks {
            Ticks::Numbers => i64::from(SMALL) + 8,
            Ticks::Own { room } => room,
        };
        let x_name = if style.x.is_empty() { 0 } else { i64::from(SMALL) + 10 };
        let bottom = (style.height as i64 - PAD - x_name - room).max(top + 20);
        let y_target = ((bottom - top) / 60) as usize;
        let widest = y.ticks(y_target).iter().map(|t| text_width(&t.1, SMALL)).max().unwrap_or(0);
        let y_name = if style.y.is_empty() { 0 } else { i64::from(SMALL) + 10 };
        let left = PAD + y_name + widest + 8;
        let right = (style.width as i64 - PAD).max(left + 20);
        let area = [left, top, right, bottom];
        if equal {
            let per_pixel = (x.span() / (right - left) as f64).max(y.span() / (bottom - top) as f64);
            x = x.with_span(per_pixel * (right - left) as f64);
            y = y.with_span(per_pixel * (bottom - top) as f64);
        }
        let middle = (left + right - text_width(&style.x, SMALL)) / 2;
        canvas.text(middle, bottom + room + 8, &style.x, SMALL, INK);
        let middle = (top + bottom + text_width(&style.y, SMALL)) / 2;
        canvas.text_up(PAD, middle, &style.y, SMALL, INK);
        let mut frame = Self { canvas, area, x, y };
        frame.draw_ticks(y_target, matches!(ticks, Ticks::Numbers));
        frame.canvas.set_clip(left, top - 1, right + 1, bottom + 1);
        Ok(frame)
    }

    fn draw_ticks(&mut self, y_target: usize, numbers: bool) {
        let [left, top, right, bottom] = self.area;
        for (v, label) in self.y.ticks(y_target) {
            let y = self.y_pixel(self.y.place(v).unwrap_or(0.0)).round();
            self.canvas.rect([left as f64, y], [right as f64, y + 1.0], GRID, 1.0);
            let w = text_width(&label, SMALL);
            self.canvas.text(left - 8 - w, y as i64 - i64::from(SMALL) / 2, &label, SMALL, MUTED);
        }
        if numbers {
            for (v, label) in self.x.ticks(((right - left) / 100) as usize) {
                let x = self.x_pixel(self.x.place(v).unwrap_or(0.0)).round();
                self.canvas.rect([x, top as f64], [x + 1.0, bottom as f64], GRID, 1.0);
                let w = text_width(&label, SMALL);
                let limit = self.canvas.width() as i64 - w - 2;
                self.canvas.text((x as i64 - w / 2).min(limit), bottom + 8, &label, SMALL, MUTED);
            }
        }
        self.canvas.rect([left as f64, bottom as f64], [right as f64, bottom as f64 + 1.0], MUTED, 1.0);
    }

    /// Pixel of the fraction `t` of the horizontal axis.
    pub(super) fn x_pixel(&self, t: f64) -> f64 {
        self.area[0] as f64 + t * (self.area[2] - self.area[0]) as f64
    }

    /// Pixel of the fraction `t` of the vertical axis.
    pub(super) fn y_pixel(&self, t: f64) -> f64 {
        self.area[3] as f64 - t * (self.area[3] - self.area[1]) as f64
    }

    /// Pixel of a point, where it has one.
    pub(super) fn point(&self, x: f64, y: f64) -> Option<[f64; 2]> {
        Some([self.x_pixel(self.x.place(x)?), self.y_pixel(self.y.place(y)?)])
    }

    /// The finished picture.
    pub(super) fn finish(mut self) -> Canvas {
        self.canvas.clear_clip();
        self.canvas
    }
}

/// Draws the legend in rows from `top` and returns where the plotting area may start.
fn draw_legend(canvas: &mut Canvas, entries: &[(&str, Color)], mut top: i64) -> i64 {
    let (mut x, line) = (PAD, i64::from(SMALL) + 8);
    let mut used = false;
    for (name, color) in entries.iter().filter(|e| !e.0.is_empty()) {
        let width = SWATCH + text_width(name, SMALL) + 18;
        if x > PAD && x + width > canvas.width() as i64 - PAD {
            (x, top) = (PAD, top + line);
        }
        let y = top as f64 + f64::from(SMALL) / 2.0 - 0.5;
        canvas.segment([x as f64 + 3.0, y], [x as f64 + 13.0, y], 6.0, *color, 1.0);
        canvas.text(x + SWATCH, top, name, SMALL, INK);
        x += width;
        used = true;
    }
    top + if used { line + 6 } else { 6 }
}

/// The palette's colour number `k`; past its end the colours come back lighter, then darker.
pub(super) fn color(k: usize) -> Color {
    let base = super::canvas::PALETTE[k % super::canvas::PALETTE.len()];
    match k / super::canvas::PALETTE.len() % 3 {
        0 => base,
        1 => base.map(|c| c / 2 + 127),
        _ => base.map(|c| c / 2),
    }
}
