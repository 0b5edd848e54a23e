//! Pictures of what a model does: image grids and plots, written as PNG files.
//!
//! What lives here turns numbers that are already on the host into pixels. It computes no statistics of a model, reads
//! no data set and knows nothing of graphs or devices. Every picture is a builder that ends in `save(path)` (creates
//! the parent folders, always writes PNG) or `render()`. Values that are not finite are skipped in plots and drawn in
//! magenta in image grids, so a run that went wrong still gets its pictures.
//!
//! ```
//! use wavae::report::LinePlot;
//! # fn main() -> wavae::Result<()> {
//! # let path = std::env::temp_dir().join("wavae-doc").join("loss.png");
//! let train = [(0.0, 540.0), (100.0, 190.0), (200.0, 121.0)];
//! LinePlot::new("ELBO").x("step").y("nats per image").series("train", &train).save(&path)?;
//! # Ok(())
//! # }
//! ```

mod axis;
mod bar;
mod canvas;
mod frame;
mod grid;
mod histogram;
mod latent;
mod line;
mod scatter;
mod uncertainty;

pub use bar::BarChart;
pub use canvas::{Canvas, Color, PALETTE};
pub use grid::ImageGrid;
pub use histogram::Histogram;
pub use latent::latent_histograms;
pub use line::LinePlot;
pub use scatter::ScatterPlot;
pub use uncertainty::uncertainty_map;
