//! Scatter plots: a two-dimensional latent space coloured by class.

use super::axis::{Axis, plottable};
use super::canvas::Canvas;
use super::frame::{Frame, Style, Ticks, color, plot_methods};
use crate::error::Result;

/// Points in the plane, one colour per class. Points that are not finite are skipped.
#[derive(Clone, Debug)]
pub struct ScatterPlot {
    style: Style,
    classes: Vec<(String, Vec<(f64, f64)>)>,
    equal: bool,
}

plot_methods!(ScatterPlot);

impl ScatterPlot {
    /// An empty plot of 800×800 pixels.
    pub fn new(title: impl Into<String>) -> Self {
        Self { style: Style::new(title, 800, 800), classes: Vec::new(), equal: false }
    }

    /// Adds the points of one class.
    pub fn class(mut self, name: impl Into<String>, points: &[(f64, f64)]) -> Self {
        self.classes.push((name.into(), points.to_vec()));
        self
    }

    /// Adds points with a class each; class `k` is named `names[k]`, or its number past the end of `names`. Where the
    /// two slices differ in length, the shorter counts.
    pub fn labelled(mut self, points: &[(f64, f64)], labels: &[u8], names: &[&str]) -> Self {
        for class in 0..=u8::MAX {
            let of_class = points.iter().zip(labels).filter(|(_, l)| **l == class).map(|(p, _)| *p);
            let points: Vec<_> = of_class.collect();
            if points.is_empty() && usize::from(class) >= names.len() {
                continue;
            }
            let name = names.get(usize::from(class)).map_or_else(|| class.to_string(), |n| (*n).to_string());
            self.classes.push((name, points));
        }
        self
    }

    /// Gives both axes the same scale, so that distances can be compared.
    pub fn equal(mut self) -> Self {
        self.equal = true;
        self
    }

    /// Draws the plot.
    pub fn render(&self) -> Result<Canvas> {
        let points = || self.classes.iter().flat_map(|c| c.1.iter()).filter(|p| plottable(p.0) && plottable(p.1));
        let axes = (Axis::linear(points().map(|p| p.0), 0.04), Axis::linear(points().map(|p| p.1), 0.04));
        let legend: Vec<_> = self.classes.iter().enumerate().map(|(k, c)| (c.0.as_str(), color(k))).collect();
        let mut frame = Frame::new(&self.style, axes, Ticks::Numbers, &legend, self.equal)?;
        let radius = match points().count() {
            0..=500 => 4.0,
            501..=3000 => 3.0,
            3001..=20_000 => 2.2,
            _ => 1.5,
        };
        // Classes take turns, so that none hides the others.
        let longest = self.classes.iter().map(|c| c.1.len()).max().unwrap_or(0);
        for i in 0..longest {
            for (k, (_, points)) in self.classes.iter().enumerate() {
                if let Some(p) = points.get(i).and_then(|p| frame.point(p.0, p.1)) {
                    frame.canvas.disc(p, radius, color(k), 0.75);
                }
            }
        }
        Ok(frame.finish())
    }
}
