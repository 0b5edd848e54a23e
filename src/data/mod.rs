//! Data sets: where examples come from. [`Dataset`] holds examples as named columns, [`ImageSet`] images with what is
//! known of each; `synthetic/` draws sets that need no download, `formats/` reads files, [`open()`] is the one door to
//! both. Nothing here knows of graphs or devices; what a model does with the examples (scaling, noise, batches on a
//! device) lives elsewhere.

pub mod audio;
pub mod batches;
pub mod dataset;
pub mod examples;
mod formats;
pub mod images;
mod open;
mod reading;
mod synthetic;

pub use batches::{Batch, BatchLoader, BatchOptions};
pub use dataset::{Dataset, binarize};
pub use examples::Examples;
pub use formats::celeba::{CelebA, CelebAOptions, write_celeba};
pub use formats::cifar::load_cifar10;
pub use formats::csv::load_csv;
pub use formats::folder::load_folder;
pub use formats::idx::{load_idx, write_idx};
pub use formats::npy::{load_dsprites, load_npy, write_npy};
pub use formats::quickdraw::load_quickdraw;
pub use formats::svhn::load_svhn;
pub use formats::text::load_text;
pub use formats::wav::{load_wav, read_wav};
pub use formats::{celeba, idx, jpeg};
pub use images::{ImageSet, Split};
pub use open::{FORMATS, Options, SETS, open};
pub use reading::Reading;
pub use synthetic::digits::synthetic_digits;
pub use synthetic::faces::{CELEBA_ATTRIBUTES, FaceFactors, synthetic_faces};
pub use synthetic::house_numbers::house_numbers;
pub use synthetic::prices::{ANOMALIES, REGIMES, price_series};
pub use synthetic::sentences::{
    PAD, grammar_sentences, sentence_entropy, sentence_log_probability, sentence_vocabulary,
};
pub use synthetic::sketches::{SKETCH_CLASSES, SKETCH_STEPS, rasterize_sketch, sketch_images, sketches};
pub use synthetic::sprites::{SPRITE_FACTORS, SpriteGrid, dsprites};
pub use synthetic::tone_events::tone_events;
pub use synthetic::{digits, faces};
