//! Data sets: where images come from. Loaders of files, the synthetic sets that need no download, and the one type
//! they all produce, [`ImageSet`]. Nothing here knows of graphs or devices; what a model does with the pixels
//! (scaling, noise, batches on a device) lives elsewhere.

pub mod batches;
pub mod celeba;
pub mod dataset;
pub mod digits;
pub mod faces;
pub mod idx;
pub mod images;
pub mod jpeg;

pub use batches::{Batch, BatchLoader, BatchOptions, ImageSource};
pub use celeba::{CelebA, CelebAOptions, write_celeba};
pub use dataset::Dataset;
pub use digits::synthetic_digits;
pub use faces::{CELEBA_ATTRIBUTES, FaceFactors, synthetic_faces};
pub use idx::{load_idx, write_idx};
pub use images::{ImageSet, Split};
