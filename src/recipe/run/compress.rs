//! Images to files of codes and back, by a trained model; and what a file of as many bytes can do without one.

use crate::data::Dataset;
use crate::device::{Device, Store};
use crate::error::{Error, Result};
use crate::eval::{Compressed, Quantizer, psnr, variance_of_means};
use crate::graph::Graph;
use crate::nn::Mode;
use crate::recipe::{Binarize, DataRecord, Recipe};
use crate::tensor::{Array, ArrayData, TensorType};
use crate::train::{Evaluator, load};
use crate::vae::{Batch, Model};
use image::imageops::{FilterType, resize};
use image::{ExtendedColorType, Rgb, Rgb32FImage};
use std::path::{Path, PathBuf};

/// A trained model as a codec of images of one size.
pub struct Codec {
    recipe: Recipe,
    record: DataRecord,
    model: Box<dyn Model>,
    evaluator: Evaluator,
    image: [usize; 3],
}

impl Codec {
    /// The model of the folder `run` that [`super::Run::train`] wrote.
    ///
    /// # Errors
    /// Files of the run that are missing or broken; a model of something else than images.
    pub fn open(run: &Path, device: &Device) -> Result<Self> {
        let (recipe, record) = (Recipe::of_run(run)?, DataRecord::read(run)?);
        if recipe.model.family().conditional() {
            return Err(Error::Config("compression is of models without classes: take another run".into()));
        }
        let none = || Error::Config(format!("{} is of no images; compression takes a run on images", run.display()));
        let image = record.image().ok_or_else(none)?;
        let [h, w, c] = image;
        let one = Dataset::new("x", Array::u8([1, h, w, c], vec![0; h * w * c])?)?;
        let model = recipe.model.build(&one, Binarize::None)?;
        let batch = recipe.train.batch;
        let types = vec![("x".to_string(), TensorType::u8([batch, h, w, c]))];
        // The training graph has weights that evaluation does not read, and the file has all.
        let mut trained = Graph::new();
        model.terms(&mut trained, &Batch::uploaded(batch, types.clone()), Mode::Train)?;
        let mut evaluator = Evaluator::new(model.as_ref(), batch, types)?;
        let [bound, decode] = evaluator.graphs();
        let store = Store::new(device, &[&trained, bound, decode])?;
        load(&store, run.join("model.safetensors"))?;
        evaluator.attach(device, &store);
        Ok(Self { recipe, record, model, evaluator, image })
    }

    /// Height, width and channels of the images.
    pub fn image(&self) -> [usize; 3] {
        self.image
    }

    /// The held-out images of the run.
    ///
    /// # Errors
    /// Files that are no longer there.
    pub fn held_out(&self) -> Result<Dataset> {
        Ok(self.recipe.data.open_again(&self.record)?.test)
    }

    /// The images of files, as a set.
    ///
    /// # Errors
    /// A file that is missing, no image, or of another size than the model's.
    pub fn read(&self, files: &[PathBuf]) -> Result<Dataset> {
        let [h, w, c] = self.image;
        let mut pixels = Vec::with_capacity(files.len() * h * w * c);
        for file in files {
            let picture = image::open(file).map_err(|e| Error::file(file, e))?;
            if (picture.height() as usize, picture.width() as usize) != (h, w) {
                let found = format!("{}×{}", picture.height(), picture.width());
                return Err(Error::file(file, format!("is {found} pixels, the model takes {h}×{w}; resize it")));
            }
            match c {
                1 => pixels.extend(picture.into_luma8().into_raw()),
                _ => pixels.extend(picture.into_rgb8().into_raw()),
            }
        }
        Dataset::new("x", Array::u8([files.len(), h, w, c], pixels)?)
    }

    /// The codes of `images`. Where the model's are numbers, they are rounded to `step` times the mean σ of each dimension, or
    /// a quarter of the codes' own spread where the posterior has no σ; rows of a table are kept as they are.
    ///
    /// # Errors
    /// A step that is not above 0, or no number; as [`Quantizer::quantize`]; device errors.
    pub fn compress(&mut self, images: &Dataset, step: f64) -> Result<Compressed> {
        if !(step > 0.0 && step.is_finite()) {
            return Err(Error::Config(format!("a step of {step}: codes are rounded to steps above 0; take 1")));
        }
        compress(self.model.as_ref(), &mut self.evaluator, images, step)
    }

    /// The images of a file, [N, H, W, C] in [0, 1].
    ///
    /// # Errors
    /// Codes of another model.
    pub fn decompress(&mut self, file: &Compressed) -> Result<Vec<f32>> {
        if file.image() != self.image {
            let [[h, w, c], [mh, mw, mc]] = [file.image(), self.image];
            return Err(foreign(format!("images of {h}×{w}×{c}, the model has {mh}×{mw}×{mc}")));
        }
        decompress(self.model.as_ref(), &mut self.evaluator, file)
    }

    /// The images of a file as `0000.png`, `0001.png`, … in the folder `out`; how many.
    ///
    /// # Errors
    /// As [`Codec::decompress`]; files that cannot be written.
    pub fn write(&mut self, file: &Compressed, out: &Path) -> Result<usize> {
        let [h, w, c] = self.image;
        let bytes: Vec<u8> = self.decompress(file)?.iter().map(|x| (x.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
        std::fs::create_dir_all(out).map_err(|e| Error::file(out, e))?;
        let kind = if c == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
        for (i, image) in bytes.chunks_exact(h * w * c).enumerate() {
            let path = out.join(format!("{i:04}.png"));
            image::save_buffer(&path, image, w as u32, h as u32, kind).map_err(|e| Error::file(path, e))?;
        }
        Ok(file.examples())
    }

    /// PSNR in dB of what a file gives back of `images`.
    ///
    /// # Errors
    /// As [`Codec::decompress`].
    pub fn psnr(&mut self, images: &Dataset, file: &Compressed) -> Result<f64> {
        psnr(&self.decompress(file)?, &pixels(images)?, 1.0)
    }
}

fn foreign(what: String) -> Error {
    Error::Config(format!("the file holds {what}; decompress it with the run that compressed it"))
}

fn compress(model: &dyn Model, evaluator: &mut Evaluator, set: &Dataset, step: f64) -> Result<Compressed> {
    let image = shape(set)?;
    if let Some(table) = model.discrete() {
        let found = evaluator.map(set, 0, |g, batch| Ok(vec![table.indices(g, batch)?]))?;
        let ArrayData::U32(indices) = &found[0].data else {
            return Err(Error::Graph("indices of codes are whole numbers".into()));
        };
        return Compressed::from_indices(indices, table.places(), image);
    }
    let latent = evaluator.latent();
    let (codes, sigma) = evaluator.posterior(set)?;
    let spread: Vec<f64> = match sigma {
        Some(sigma) => {
            let mean = |j: usize| sigma.iter().skip(j).step_by(latent).map(|&s| f64::from(s)).sum::<f64>();
            (0..latent).map(|j| mean(j) / set.len() as f64).collect()
        }
        // A point, or what a flow makes of a Gaussian, says nothing of how exact it need be: a quarter of how far the codes are spread.
        None => variance_of_means(&codes, latent).iter().map(|v| v.sqrt() / 4.0).collect(),
    };
    let steps: Vec<f32> = spread.iter().map(|s| (step * s).max(1e-4) as f32).collect();
    let quantizer = Quantizer::centred(&codes, latent, &steps)?;
    Compressed::from_codes(&codes, quantizer, image)
}

fn decompress(model: &dyn Model, evaluator: &mut Evaluator, file: &Compressed) -> Result<Vec<f32>> {
    let Some(indices) = file.indices() else {
        let codes = file.codes().unwrap_or_default();
        if model.discrete().is_some() || codes.len() != file.examples() * evaluator.latent() {
            return Err(foreign(format!("codes of {} numbers", codes.len() / file.examples())));
        }
        return evaluator.decode(&codes);
    };
    let places = indices.len() / file.examples();
    let fits = |codes: usize| indices.iter().all(|&i| (i as usize) < codes);
    let Some(table) = model.discrete().filter(|t| t.places() == places && fits(t.codes())) else {
        return Err(foreign(format!("{places} indices of codes for each image, not all of which the model has")));
    };
    let set = Dataset::new("indices", Array::u32([file.examples(), places], indices)?)?;
    let decoded = evaluator.map(&set, 0, |g, batch| {
        let indices = batch.get(g, "indices")?;
        let codes = table.vectors(g, indices)?;
        Ok(vec![model.decode(g, codes, batch)?])
    })?;
    Ok(decoded[0].as_f32().to_vec())
}

/// PSNR in dB of `set` through a file of at most `rate` bits per pixel.
pub(super) fn psnr_at(model: &dyn Model, evaluator: &mut Evaluator, set: &Dataset, rate: f64) -> Result<f64> {
    let steps = (0..=24).map(|k| 0.25 * 2f64.powf(f64::from(k) / 4.0));
    let mut least = f64::INFINITY;
    for step in steps {
        let file = compress(model, evaluator, set, step)?;
        let bits = file.bits_per_pixel(file.to_bytes()?.len());
        if bits <= rate {
            return psnr(&decompress(model, evaluator, &file)?, &pixels(set)?, 1.0);
        }
        least = least.min(bits);
        if model.discrete().is_some() {
            break;
        }
    }
    Err(Error::Config(format!("the codes take {least:.3} bits per pixel, the figure's rate is {rate}; raise it")))
}

/// The best PSNR in dB that `test` can have at `rate` bits per pixel without a model: the mean of `train`, which is free, or
/// smaller images with fewer bits a value through the same entropy coder, enlarged again by linear interpolation.
pub(super) fn smaller_images(train: &Dataset, test: &Dataset, rate: f64) -> Result<f64> {
    let ([h, w, c], original, known) = (shape(test)?, pixels(test)?, pixels(train)?);
    let mean = |k: usize| known.iter().skip(k).step_by(h * w * c).map(|&x| f64::from(x)).sum::<f64>();
    let mean: Vec<f32> = (0..h * w * c).map(|k| (mean(k) / train.len() as f64) as f32).collect();
    let mut best = psnr(&mean.repeat(test.len()), &original, 1.0)?;
    let pictures: Vec<Rgb32FImage> = original.chunks_exact(h * w * c).map(|x| picture(x, [h, w, c])).collect();
    for bits in 3..=8 {
        for side in 1..h.min(w) {
            let most = f32::from((1u16 << bits) - 1);
            let small = pictures.iter().map(|p| resize(p, side as u32, side as u32, FilterType::Triangle));
            let small: Vec<Rgb32FImage> = small.collect();
            let rounded = small.iter().flat_map(|p| p.pixels().flat_map(|p| p.0.into_iter().take(c)));
            let rounded: Vec<u32> = rounded.map(|x| (x.clamp(0.0, 1.0) * most).round() as u32).collect();
            let file = Compressed::from_indices(&rounded, side * side * c, [h, w, c])?;
            if file.bits_per_pixel(file.to_bytes()?.len()) > rate {
                break;
            }
            let back: Vec<f32> = rounded.iter().map(|&x| x as f32 / most).collect();
            let back = back.chunks_exact(side * side * c).flat_map(|x| {
                let large = resize(&picture(x, [side, side, c]), w as u32, h as u32, FilterType::Triangle);
                large.pixels().flat_map(|p| p.0.into_iter().take(c)).collect::<Vec<f32>>()
            });
            best = best.max(psnr(&back.collect::<Vec<f32>>(), &original, 1.0)?);
        }
    }
    Ok(best)
}

/// One image, gray as equal colours.
fn picture(x: &[f32], [h, w, c]: [usize; 3]) -> Rgb32FImage {
    Rgb32FImage::from_fn(w as u32, h as u32, |i, j| {
        let at = (j as usize * w + i as usize) * c;
        Rgb([x[at], x[at + c / 3], x[at + 2 * (c / 3)]])
    })
}

/// Height, width and channels of a set of images.
fn shape(set: &Dataset) -> Result<[usize; 3]> {
    let images = |&[h, w, c]: &[usize; 3]| matches!(c, 1 | 3) && h > 0 && w > 0;
    let shape = set.example("x")?;
    let found = shape.dims().try_into().ok().filter(images);
    found.ok_or_else(|| Error::Config(format!("compression is of images, gray or RGB, not of examples {shape}")))
}

/// The pixels in [0, 1].
fn pixels(set: &Dataset) -> Result<Vec<f32>> {
    match &set.column("x")?.data {
        ArrayData::U8(x) => Ok(x.iter().map(|&b| f32::from(b) / 255.0).collect()),
        ArrayData::F32(x) => Ok(x.clone()),
        ArrayData::U32(_) => Err(Error::Config("compression is of images, and x holds tokens".into())),
    }
}
