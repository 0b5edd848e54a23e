//! What a trained run makes: codes of examples, examples of codes.

use super::samplers::Sampler;
use super::{Run, pictures, strokes, words};
use crate::data::{Dataset, write_npy};
use crate::error::{Error, Result, hint};
use crate::recipe::data::{labels::labelled, repeated};
use crate::report::ImageGrid;
use crate::tensor::Array;
use crate::train::load;
use std::fs;
use std::path::{Path, PathBuf};

/// Samples in a picture.
const SHOWN: usize = 256;

/// What [`Run::sample`] draws.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// Where codes come from.
    pub sampler: Sampler,
    /// How many examples.
    pub count: usize,
    /// Another seed draws others.
    pub seed: u64,
    /// Of models that write element by element: 1 draws each as likely as it is, less the likelier, 0 takes the most likely.
    pub temperature: f32,
    /// The class by name or number, for models that are given one; without, all in turn.
    pub class: Option<String>,
}

impl Default for Drawn {
    /// 64 examples by the prior, seed 0, temperature 1.
    fn default() -> Self {
        Self { sampler: Sampler::Prior, count: 64, seed: 0, temperature: 1.0, class: None }
    }
}

impl Run {
    /// Reads the weights of the folder `run` that [`Run::train`] wrote and writes what the model makes of the held-out examples:
    /// `mu.npy`, μ [N, L], and `bounds.csv`, −ln p(x|z) and KL of each in nats, whose sum says how strange it is.
    ///
    /// # Errors
    /// Weights that are missing or of another model; files that cannot be written.
    pub fn encode(&mut self, run: &Path, out: &Path) -> Result<[PathBuf; 2]> {
        load(self.trainer.store(), run.join("model.safetensors"))?;
        fs::create_dir_all(out).map_err(|e| Error::file(out, e))?;
        let (test, seed) = (&self.parts.test, self.trainer.config().seed);
        let evaluator = self.trainer.evaluator();
        let files = ["mu.npy", "bounds.csv"].map(|name| out.join(name));
        write_npy(&files[0], &Array::f32([test.len(), evaluator.latent()], evaluator.encode(test)?)?)?;
        let mut table = String::from("reconstruction,kl\n");
        for bound in evaluator.bounds(test, seed)? {
            table += &format!("{},{}\n", bound.reconstruction, bound.kl.iter().sum::<f32>());
        }
        fs::write(&files[1], table).map_err(|e| Error::file(&files[1], e))?;
        Ok(files)
    }

    /// Reads the weights of the folder `run`, draws codes and examples of them: `samples-NAME.npy` in `out`, [count, …], in the
    /// numbers that the files had. Beside it a picture of the first where examples are images or sketches, the sentences where
    /// they are tokens, and the classes, `U32` of that length, where the model was given some.
    ///
    /// # Errors
    /// Weights that are missing or of another model; a model without a prior; a class that there is not; files that cannot be
    /// written.
    pub fn sample(&mut self, run: &Path, how: &Drawn, out: &Path) -> Result<Vec<PathBuf>> {
        load(self.trainer.store(), run.join("model.safetensors"))?;
        if !(how.temperature >= 0.0 && how.temperature.is_finite()) {
            return Err(Error::Config(format!("a temperature of {}: it must be 0 or more", how.temperature)));
        }
        if how.temperature != 1.0 && !self.recipe.model.family().autoregressive() {
            return Err(Error::Config(
                "this model does not write element by element; leave the temperature out".into(),
            ));
        }
        let like = self.asked(how)?;
        let codes = self.codes(how, &like)?;
        let mut drawn = self.drawn(how, codes, &like)?;
        self.parts.test.in_units(&mut drawn);
        let (count, test) = (how.count, &self.parts.test);
        let dims = match test.example("x") {
            Ok(shape) if count * shape.len() == drawn.len() => [&[count], shape.dims()].concat(),
            _ => vec![count, drawn.len() / count.max(1)],
        };
        let drawn = Array::f32(dims, drawn)?;
        fs::create_dir_all(out).map_err(|e| Error::file(out, e))?;
        let file = |end: &str| out.join(format!("samples-{}{end}", how.sampler.name()));
        let mut files = vec![file(".npy")];
        write_npy(&files[0], &drawn)?;
        if self.trainer.evaluator().conditioned_on("label") {
            files.push(file("-classes.npy"));
            write_npy(file("-classes.npy"), &Array::u32([count], like.integers("label")?.to_vec())?)?;
        }
        let title = format!("samples by {}", how.sampler.name());
        let grid = match pictures::image(test) {
            Some([h, w, c]) => {
                let shown = &drawn.as_f32()[..count.min(SHOWN) * h * w * c];
                Some(ImageGrid::new(8, h, w, c)?.images(shown)?)
            }
            None => strokes::grid(test, drawn.as_f32(), SHOWN)?,
        };
        if let Some(grid) = grid {
            files.push(file(".png"));
            grid.title(title).save(file(".png"))?;
        }
        if !test.vocabulary.is_empty() {
            files.push(file(".txt"));
            words::write(drawn.as_f32(), test, &file(".txt"))?;
        }
        Ok(files)
    }

    /// As many examples as are asked for, of the classes that are.
    fn asked(&mut self, how: &Drawn) -> Result<Dataset> {
        let test = &self.parts.test;
        let like = repeated(test, how.count);
        match (self.trainer.evaluator().conditioned_on("label"), &how.class) {
            (false, None) => Ok(like),
            (false, Some(_)) => Err(Error::Config("this model is given no class; leave it out".into())),
            (true, None) => like.with_labels((0..how.count).map(|i| (i % test.classes) as u32).collect(), test.classes),
            (true, Some(class)) => like.with_labels(vec![number(test, class)?; how.count], test.classes),
        }
    }

    /// A code for each example of `like`; those that are fitted to codes, to the codes of the same class.
    fn codes(&mut self, how: &Drawn, like: &Dataset) -> Result<Vec<f32>> {
        let (device, train) = (&self.device, &labelled(&self.parts.train)?);
        let evaluator = self.trainer.evaluator();
        if how.sampler == Sampler::Prior || !evaluator.conditioned_on("label") {
            return how.sampler.codes(device, evaluator, &self.parts.train, like, how.seed);
        }
        let latent = evaluator.latent();
        let mut codes = vec![0.0; like.len() * latent];
        for class in 0..like.classes as u32 {
            let of = |set: &Dataset| -> Result<Vec<usize>> {
                let labels = set.integers("label")?;
                Ok((0..set.len()).filter(|&i| labels[i] == class).collect())
            };
            let (known, wanted) = (of(train)?, of(like)?);
            if !wanted.is_empty() && known.is_empty() {
                return Err(Error::Config(format!("the run's data have no example of class {class} to fit to")));
            }
            if !wanted.is_empty() {
                let (known, like) = (train.subset(&known), like.subset(&wanted));
                let own = how.sampler.codes(
                    device,
                    evaluator,
                    &known,
                    &like,
                    how.seed.wrapping_add(u64::from(class) << 32),
                )?;
                let rows = wanted.into_iter().zip(own.chunks_exact(latent));
                rows.for_each(|(i, code)| codes[i * latent..][..latent].copy_from_slice(code));
            }
        }
        Ok(codes)
    }

    /// Examples of `codes`, under what `like` says beside: drawn where the model writes element by element, else E[x|z].
    fn drawn(&mut self, how: &Drawn, codes: Vec<f32>, like: &Dataset) -> Result<Vec<f32>> {
        let evaluator = self.trainer.evaluator();
        if !self.recipe.model.family().autoregressive() {
            return evaluator.decode_with(&codes, like);
        }
        let codes = Array::f32([like.len(), evaluator.latent()], codes)?;
        let under = like.clone().with("z", codes)?;
        let model = self.model.as_ref();
        let drawn = evaluator.map(&under, how.seed, |g, batch| {
            let z = batch.get(g, "z")?;
            Ok(vec![model.draw(g, z, batch, how.temperature)?])
        })?;
        Ok(drawn[0].as_f32().to_vec())
    }
}

/// The class of `set` that has this name or number.
fn number(set: &Dataset, class: &str) -> Result<u32> {
    let named = set.class_names.iter().position(|name| name == class);
    let known = || set.class_names.iter().map(String::as_str);
    let missing = || {
        let hint = hint(class, known());
        Error::Name(format!("there is no class {class}{hint} There are {}, from 0", set.classes))
    };
    let numbered = || class.parse().ok().filter(|number| *number < set.classes);
    named.or_else(numbered).map(|number| number as u32).ok_or_else(missing)
}
