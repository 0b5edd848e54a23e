//! A trained model over a set of images: bounds, codes, reconstructions, samples. Batches are uploaded as they come.

use crate::data::ImageSet;
use crate::device::{Device, Executable, Store};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::Mode;
use crate::tensor::{Array, TensorType};
use crate::vae::{Terms, Vae};

/// Means over a set, in nats per example.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The evidence lower bound with one sample an example.
    pub elbo: f64,
    /// −ln p(x|z).
    pub reconstruction: f64,
    /// KL(q(z|x) ‖ p(z)).
    pub kl: f64,
    /// Its parts, by latent dimension where it falls apart so.
    pub kl_dims: Vec<f64>,
}

/// The graphs for evaluating a model, built once; [`Evaluator::compile`] makes them run.
pub struct Evaluator {
    batch: usize,
    image: [usize; 3],
    latent: usize,
    bound: (Graph, Terms),
    decode: (Graph, Value),
    prior: (Graph, Value),
    compiled: Option<(Executable, Executable)>,
    /// Where samples are drawn, and what draws them from the first time on.
    home: Option<(Device, Store)>,
    draw: Option<Executable>,
}

impl Evaluator {
    /// Graphs for batches of `batch` images of height, width, channels `image`.
    pub fn new(vae: &Vae, batch: usize, image: [usize; 3]) -> Result<Self> {
        let [h, w, c] = image;
        let mut g = Graph::new();
        let pixels = g.input("pixels", TensorType::u8([batch, h, w, c]))?;
        let indices = g.input("indices", TensorType::u32([batch]))?;
        let x = g.gather_u8(pixels, indices, 1.0 / 255.0, 0.0)?;
        let terms = vae.terms(&mut g, x, Mode::Eval)?;
        let latent = vae.posterior.latent();
        let mut d = Graph::new();
        let z = d.input("z", TensorType::f32([batch, latent]))?;
        let mean = vae.decode(&mut d, z, Mode::Eval)?;
        let mut p = Graph::new();
        let sample = vae.sample_prior(&mut p, batch, &image.into())?;
        let (bound, decode, prior) = ((g, terms), (d, mean), (p, sample));
        Ok(Self { batch, image, latent, bound, decode, prior, compiled: None, home: None, draw: None })
    }
    /// The graphs, for the store's layout.
    pub fn graphs(&self) -> [&Graph; 2] {
        [&self.bound.0, &self.decode.0]
    }
    /// The graphs with the values that are read from each.
    pub fn plans(&self) -> [(&Graph, Vec<Value>); 2] {
        [(&self.bound.0, self.bound_roots(&self.bound.1)), (&self.decode.0, vec![self.decode.1])]
    }
    /// The executables for bound and decoding, once compiled.
    pub fn compiled(&self) -> Option<[&Executable; 2]> {
        self.compiled.as_ref().map(|(bound, decode)| [bound, decode])
    }
    /// Latent dimensions.
    pub fn latent(&self) -> usize {
        self.latent
    }
    /// Makes the graphs run on `device` with the weights of `store`.
    pub fn compile(&mut self, device: &Device, store: &Store) -> Result<()> {
        let [(g, bound), (d, decode)] = self.plans();
        let bound = Executable::compile(device, store, g, &bound)?;
        let decode = Executable::compile(device, store, d, &decode)?;
        self.compiled = Some((bound, decode));
        self.home = Some((device.clone(), store.clone()));
        self.draw = None;
        Ok(())
    }
    fn bound_roots(&self, terms: &Terms) -> Vec<Value> {
        let mut roots = vec![terms.reconstruction_each, terms.kl_each, terms.latent.mu];
        roots.extend(terms.latent.q.map(|q| q.logvar));
        roots
    }
    fn executables(&mut self) -> Result<&mut (Executable, Executable)> {
        self.compiled.as_mut().ok_or_else(|| Error::Graph("the evaluator was not compiled".into()))
    }

    /// Encodes `set` in batches (the last one filled up with its last image) and hands each batch's arrays, and how many
    /// of its rows count, to `each`.
    fn walk(&mut self, set: &ImageSet, seed: u64, mut each: impl FnMut(&[Array], usize)) -> Result<()> {
        if [set.height, set.width, set.channels] != self.image {
            let found = [set.height, set.width, set.channels];
            return Err(Error::shape("evaluator", format!("images are {found:?}, the model takes {:?}", self.image)));
        }
        let (batch, [h, w, c]) = (self.batch, self.image);
        let roots = self.bound_roots(&self.bound.1);
        for (number, from) in (0..set.len()).step_by(batch).enumerate() {
            let indices: Vec<usize> = (from..from + batch).map(|i| i.min(set.len() - 1)).collect();
            let exe = &mut self.executables()?.0;
            exe.write("pixels", &Array::u8([batch, h, w, c], set.gather(&indices))?)?;
            exe.write("indices", &Array::u32([batch], (0..batch as u32).collect())?)?;
            if exe.has_input("rng") {
                let state = [seed as u32, (seed >> 32) as u32, number as u32, 1 << 31]; // steps no training reaches
                exe.write("rng", &Array::u32([4], state.to_vec())?)?;
            }
            if exe.has_input("beta") {
                exe.write("beta", &Array::f32([], vec![1.0])?)?;
            }
            exe.run()?;
            let arrays = roots.iter().map(|&v| exe.read(v)).collect::<Result<Vec<_>>>()?;
            each(&arrays, batch.min(set.len() - from));
        }
        Ok(())
    }

    /// The bound over `set`, with one posterior sample an image.
    pub fn figures(&mut self, set: &ImageSet, seed: u64) -> Result<Figures> {
        let parts = self.bound.0.shape(self.bound.1.kl_each).last();
        let (mut reconstruction, mut kl_dims) = (0.0f64, vec![0.0f64; parts]);
        self.walk(set, seed, |arrays, count| {
            reconstruction += arrays[0].as_f32()[..count].iter().map(|&x| f64::from(x)).sum::<f64>();
            for row in arrays[1].as_f32().chunks_exact(parts).take(count) {
                kl_dims.iter_mut().zip(row).for_each(|(sum, &kl)| *sum += f64::from(kl));
            }
        })?;
        let count = set.len().max(1) as f64;
        reconstruction /= count;
        kl_dims.iter_mut().for_each(|kl| *kl /= count);
        let kl: f64 = kl_dims.iter().sum();
        Ok(Figures { elbo: -(reconstruction + kl), reconstruction, kl, kl_dims })
    }

    /// μ of every image, [N, L] row-major.
    pub fn encode(&mut self, set: &ImageSet) -> Result<Vec<f32>> {
        let latent = self.latent;
        let mut mu = Vec::with_capacity(set.len() * latent);
        self.walk(set, 0, |arrays, count| mu.extend_from_slice(&arrays[2].as_f32()[..count * latent]))?;
        Ok(mu)
    }

    /// `count` samples of the prior, [count, L] row-major; [`Evaluator::decode`] makes images of them. The same seed draws the
    /// same.
    pub fn sample(&mut self, count: usize, seed: u64) -> Result<Vec<f32>> {
        if self.draw.is_none() {
            let (device, store) =
                self.home.as_ref().ok_or_else(|| Error::Graph("the evaluator was not compiled".into()))?;
            self.draw = Some(Executable::compile(device, store, &self.prior.0, &[self.prior.1])?);
        }
        let mut z = Vec::with_capacity(count * self.latent);
        while let Some(exe) = self.draw.as_mut().filter(|_| z.len() < count * self.latent) {
            let number = (z.len() / (self.batch * self.latent).max(1)) as u32;
            let state = [seed as u32, (seed >> 32) as u32, number, 3 << 30]; // neither training's nor [`Evaluator::walk`]'s
            exe.write("rng", &Array::u32([4], state.to_vec())?)?;
            exe.run()?;
            z.extend_from_slice(exe.read(self.prior.1)?.as_f32());
        }
        z.truncate(count * self.latent);
        Ok(z)
    }

    /// E[x|z] in [0, 1] for each row of `z` [N, L]: N·H·W·C numbers.
    pub fn decode(&mut self, z: &[f32]) -> Result<Vec<f32>> {
        let (batch, latent) = (self.batch, self.latent);
        if !z.len().is_multiple_of(latent) {
            return Err(Error::shape("decode", format!("{} numbers are not whole codes of {latent}", z.len())));
        }
        let size: usize = self.image.iter().product();
        let mean = self.decode.1;
        let mut images = Vec::with_capacity(z.len() / latent * size);
        for rows in z.chunks(batch * latent) {
            let mut padded = rows.to_vec();
            padded.resize(batch * latent, 0.0);
            let exe = &mut self.executables()?.1;
            exe.write("z", &Array::f32([batch, latent], padded)?)?;
            exe.run()?;
            images.extend_from_slice(&exe.read(mean)?.as_f32()[..rows.len() / latent * size]);
        }
        Ok(images)
    }
}
