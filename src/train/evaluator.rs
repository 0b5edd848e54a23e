//! A trained model over a set of examples: bounds, likelihoods, codes, reconstructions, samples. Batches are uploaded as they
//! come, the last one filled up with its last example.

use crate::data::Examples;
use crate::data::examples::gather;
use crate::device::{Device, Executable, Store};
use crate::error::{Error, Result};
use crate::eval::ImportanceSampling;
use crate::graph::{Graph, Value};
use crate::nn::Mode;
use crate::tensor::{Array, TensorType};
use crate::vae::{Batch, Model, leaf};

/// Means over a set, in nats per example.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The evidence lower bound with one sample an example; where the model is not [`Model::bounded`] only −reconstruction.
    pub elbo: f64,
    /// −ln p(x|z).
    pub reconstruction: f64,
    /// KL(q(z|x) ‖ p(z)).
    pub kl: f64,
    /// Its parts ([`crate::vae::Terms::kl_each`]).
    pub kl_dims: Vec<f64>,
}

/// The bound of one example.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// −ln p(x|z), nats.
    pub reconstruction: f32,
    /// The parts of the KL, nats.
    pub kl: Vec<f32>,
}

/// Numbers of `rng`'s fourth word that no training step reaches, so that evaluation never repeats training's noise.
const EVALUATION: u32 = 1 << 31;
const SAMPLING: u32 = 3 << 30;

/// A graph, what is read from it, and what runs it from the first time on.
struct Program {
    graph: Graph,
    roots: Vec<Value>,
    exe: Option<Executable>,
}

impl Program {
    fn new(graph: Graph, roots: Vec<Value>) -> Self {
        Self { graph, roots, exe: None }
    }
    fn compiled(&mut self, home: &Option<(Device, Store)>) -> Result<(&mut Executable, &[Value])> {
        if self.exe.is_none() {
            let (device, store) =
                home.as_ref().ok_or_else(|| Error::Graph("the evaluator has no device and weights yet".into()))?;
            self.exe = Some(Executable::compile(device, store, &self.graph, &self.roots)?);
        }
        let exe = self.exe.as_mut().ok_or_else(|| Error::Graph("nothing was compiled".into()))?;
        Ok((exe, &self.roots))
    }
}

/// The graphs for evaluating a model, built once; [`Evaluator::attach`] gives them a device and weights.
pub struct Evaluator {
    batch: usize,
    types: Vec<(String, TensorType)>,
    latent: usize,
    /// Of an example: reconstruction, KL, μ, and ln σ² where there is one.
    bound: Program,
    /// E[x|z] of the input `z`.
    decode: Program,
    /// Codes from the prior, where the model has one.
    prior: Result<Program>,
    home: Option<(Device, Store)>,
}

impl Evaluator {
    /// Graphs for batches of `batch` examples whose columns have `types` ([`super::Source::types`]).
    ///
    /// # Errors
    /// As [`Model::terms`].
    pub fn new(model: &dyn Model, batch: usize, types: Vec<(String, TensorType)>) -> Result<Self> {
        let columns = Batch::uploaded(batch, types.clone());
        let mut g = Graph::new();
        let terms = model.terms(&mut g, &columns, Mode::Eval)?;
        let mut roots = vec![terms.reconstruction_each, terms.kl_each, terms.latent.mu];
        roots.extend(terms.latent.logvar);
        let mut d = Graph::new();
        let z = d.input("z", TensorType::f32([batch, model.latent()]))?;
        let mean = model.decode(&mut d, z, &columns)?;
        let mut p = Graph::new();
        let prior = model.sample(&mut p, &columns).map(|z| Program::new(p, vec![z]));
        let (bound, decode) = (Program::new(g, roots), Program::new(d, vec![mean]));
        Ok(Self { batch, types, latent: model.latent(), bound, decode, prior, home: None })
    }
    /// The graphs of bound and decoding, for the store's layout.
    pub fn graphs(&self) -> [&Graph; 2] {
        [&self.bound.graph, &self.decode.graph]
    }
    /// The same with the values that are read from each.
    pub fn plans(&self) -> [(&Graph, &[Value]); 2] {
        [&self.bound, &self.decode].map(|program| (&program.graph, program.roots.as_slice()))
    }
    /// The executables for bound and decoding, compiled where they are not yet.
    ///
    /// # Errors
    /// As [`Executable::compile`].
    pub fn compiled(&mut self) -> Result<[&Executable; 2]> {
        Ok([&*self.bound.compiled(&self.home)?.0, &*self.decode.compiled(&self.home)?.0])
    }
    /// Latent dimensions.
    pub fn latent(&self) -> usize {
        self.latent
    }
    /// Whether codes are drawn or decoded under the column `name`.
    pub fn conditioned_on(&self, name: &str) -> bool {
        let reads = |program: &Program| program.graph.find(&leaf(name)).is_some();
        reads(&self.decode) || self.prior.as_ref().is_ok_and(reads)
    }
    /// Runs on `device` with the weights of `store` from now on.
    pub fn attach(&mut self, device: &Device, store: &Store) {
        self.home = Some((device.clone(), store.clone()));
        for program in [Some(&mut self.bound), Some(&mut self.decode), self.prior.as_mut().ok()].into_iter().flatten() {
            program.exe = None;
        }
    }

    /// The bound of every example of `set`, with one posterior sample each.
    ///
    /// # Errors
    /// Columns that are missing or of other shapes than the model's; device errors.
    pub fn bounds(&mut self, set: &dyn Examples, seed: u64) -> Result<Vec<Bound>> {
        let parts = self.bound.graph.shape(self.bound.roots[1]).last();
        let mut bounds = Vec::with_capacity(set.count());
        let (exe, roots) = self.bound.compiled(&self.home)?;
        walk(exe, roots, (self.batch, &self.types), set, seed, |arrays, count| {
            let rows = arrays[0].as_f32().iter().zip(arrays[1].as_f32().chunks_exact(parts)).take(count);
            bounds.extend(rows.map(|(&reconstruction, kl)| Bound { reconstruction, kl: kl.to_vec() }));
        })?;
        Ok(bounds)
    }

    /// The means of [`Evaluator::bounds`].
    ///
    /// # Errors
    /// As there.
    pub fn figures(&mut self, set: &dyn Examples, seed: u64) -> Result<Figures> {
        let bounds = self.bounds(set, seed)?;
        let count = bounds.len().max(1) as f64;
        let parts = bounds.first().map_or(0, |bound| bound.kl.len());
        let mut kl_dims = vec![0.0f64; parts];
        let mut reconstruction = 0.0;
        for bound in &bounds {
            reconstruction += f64::from(bound.reconstruction) / count;
            kl_dims.iter_mut().zip(&bound.kl).for_each(|(sum, &kl)| *sum += f64::from(kl) / count);
        }
        let kl: f64 = kl_dims.iter().sum();
        Ok(Figures { elbo: -(reconstruction + kl), reconstruction, kl, kl_dims })
    }

    /// μ of every example, [N, L] row-major.
    ///
    /// # Errors
    /// As [`Evaluator::bounds`].
    pub fn encode(&mut self, set: &dyn Examples) -> Result<Vec<f32>> {
        Ok(self.posterior(set)?.0)
    }

    /// μ of every example, and σ around it where the posterior is Gaussian (not behind a flow), [N, L] row-major each.
    ///
    /// # Errors
    /// As [`Evaluator::bounds`].
    pub fn posterior(&mut self, set: &dyn Examples) -> Result<(Vec<f32>, Option<Vec<f32>>)> {
        let (mut mu, mut sigma) = (vec![], vec![]);
        let latent = self.latent;
        let (exe, roots) = self.bound.compiled(&self.home)?;
        walk(exe, roots, (self.batch, &self.types), set, 0, |arrays, count| {
            mu.extend_from_slice(&arrays[2].as_f32()[..count * latent]);
            if let Some(logvar) = arrays.get(3) {
                sigma.extend(logvar.as_f32()[..count * latent].iter().map(|l| (0.5 * l).exp()));
            }
        })?;
        Ok((mu, (self.bound.roots.len() > 3).then_some(sigma)))
    }

    /// ln p(x) of each example by importance sampling with `passes` times `samples` codes ([`Model::log_weights`]).
    ///
    /// # Errors
    /// Where the model has no such estimate; as [`Evaluator::bounds`].
    pub fn log_likelihood(
        &self,
        model: &dyn Model,
        set: &dyn Examples,
        samples: usize,
        passes: usize,
        seed: u64,
    ) -> Result<ImportanceSampling> {
        let mut g = Graph::new();
        let batch = Batch::uploaded(self.batch, self.types.clone());
        let values = model.log_weights(&mut g, &batch, samples)?;
        let mut program = Program::new(g, vec![values]);
        let (exe, roots) = program.compiled(&self.home)?;
        let mut estimate = ImportanceSampling::new(set.count());
        for pass in 0..passes {
            let (mut from, mut added) = (0, Ok(()));
            walk(exe, roots, (self.batch, &self.types), set, seed.wrapping_add(pass as u64), |arrays, count| {
                for row in arrays[0].as_f32().chunks_exact(self.batch) {
                    if added.is_ok() {
                        added = estimate.add(from, &row[..count], 1);
                    }
                }
                from += count;
            })?;
            added?;
        }
        Ok(estimate)
    }

    /// The values of a graph of one's own over `set`, batch after batch: `build` appends them, each [B, …] of the batch given.
    /// They come back as [N, …], in the same order.
    ///
    /// # Errors
    /// Those of `build`; parameters that the model lacks; as [`Evaluator::bounds`].
    pub fn map(
        &self,
        set: &dyn Examples,
        seed: u64,
        build: impl FnOnce(&mut Graph, &Batch) -> Result<Vec<Value>>,
    ) -> Result<Vec<Array>> {
        Ok(self.map_seeds(set, [seed], build)?.remove(0))
    }

    /// [`Evaluator::map`] `draws` times, with other noise each time.
    ///
    /// # Errors
    /// As there.
    pub fn map_draws(
        &self,
        set: &dyn Examples,
        draws: u64,
        build: impl FnOnce(&mut Graph, &Batch) -> Result<Vec<Value>>,
    ) -> Result<Vec<Vec<Array>>> {
        self.map_seeds(set, 0..draws, build)
    }

    fn map_seeds(
        &self,
        set: &dyn Examples,
        seeds: impl IntoIterator<Item = u64>,
        build: impl FnOnce(&mut Graph, &Batch) -> Result<Vec<Value>>,
    ) -> Result<Vec<Vec<Array>>> {
        let mut g = Graph::new();
        let types = set.batch_types(self.batch);
        let roots = build(&mut g, &Batch::uploaded(self.batch, types.clone()))?;
        let shapes: Vec<_> = roots.iter().map(|&v| g.ty(v).clone()).collect();
        if let Some(ty) = shapes.iter().find(|ty| ty.dims().first() != Some(&self.batch)) {
            return Err(Error::shape("evaluator", format!("{ty} is not one row for each of {} examples", self.batch)));
        }
        let mut program = Program::new(g, roots);
        let (exe, roots) = program.compiled(&self.home)?;
        let mut all = vec![];
        for seed in seeds {
            let mut bytes: Vec<Vec<u8>> = vec![vec![]; roots.len()];
            walk(exe, roots, (self.batch, &types), set, seed, |arrays, count| {
                for ((to, array), ty) in bytes.iter_mut().zip(arrays).zip(&shapes) {
                    let row = array.bytes().len() / ty.dims()[0];
                    to.extend_from_slice(&array.bytes()[..count * row]);
                }
            })?;
            let whole = |(bytes, ty): (Vec<u8>, &TensorType)| {
                let shape = [&[set.count()], &ty.dims()[1..]].concat();
                Array::from_bytes(TensorType { shape: shape.into(), dtype: ty.dtype }, &bytes)
            };
            all.push(bytes.into_iter().zip(&shapes).map(whole).collect::<Result<Vec<_>>>()?);
        }
        Ok(all)
    }

    /// `count` samples of the prior, [count, L] row-major; [`Evaluator::decode`] makes examples of them. The same seed draws
    /// the same.
    ///
    /// # Errors
    /// Where the model has no prior to sample or its prior asks for more than noise; device errors.
    pub fn sample(&mut self, count: usize, seed: u64) -> Result<Vec<f32>> {
        let program = self.prior.as_mut().map_err(|error| Error::Config(error.to_string()))?;
        let (exe, roots) = program.compiled(&self.home)?;
        let mut z = Vec::with_capacity(count * self.latent);
        while z.len() < count * self.latent {
            let number = (z.len() / (self.batch * self.latent).max(1)) as u32;
            write_noise(exe, seed, number, SAMPLING)?;
            exe.run()?;
            z.extend_from_slice(exe.read(roots[0])?.as_f32());
        }
        z.truncate(count * self.latent);
        Ok(z)
    }

    /// A code from the prior for each example of `with`, under what the model is conditioned on, [N, L] row-major.
    ///
    /// # Errors
    /// As [`Evaluator::sample`].
    pub fn sample_with(&mut self, with: &dyn Examples, seed: u64) -> Result<Vec<f32>> {
        let program = self.prior.as_mut().map_err(|error| Error::Config(error.to_string()))?;
        let (exe, roots) = program.compiled(&self.home)?;
        let (count, mut z) = (with.count(), vec![]);
        for (number, from) in (0..count).step_by(self.batch).enumerate() {
            write_rows(exe, &self.types, with, &batch_rows(from, self.batch, count))?;
            write_noise(exe, seed, number as u32, SAMPLING)?;
            exe.run()?;
            z.extend_from_slice(&exe.read(roots[0])?.as_f32()[..self.batch.min(count - from) * self.latent]);
        }
        Ok(z)
    }

    /// E[x|z] for each row of `z` [N, L]: N times the numbers of an example.
    ///
    /// # Errors
    /// Where `z` are no whole codes, or the model decodes with more than a code ([`Evaluator::decode_with`]); device errors.
    pub fn decode(&mut self, z: &[f32]) -> Result<Vec<f32>> {
        self.decode_rows(z, None)
    }

    /// The same with what the model is conditioned on: row i of `z` beside example i of `with`.
    ///
    /// # Errors
    /// As [`Evaluator::decode`].
    pub fn decode_with(&mut self, z: &[f32], with: &dyn Examples) -> Result<Vec<f32>> {
        self.decode_rows(z, Some(with))
    }

    fn decode_rows(&mut self, z: &[f32], with: Option<&dyn Examples>) -> Result<Vec<f32>> {
        let (batch, latent) = (self.batch, self.latent);
        let count = z.len() / latent.max(1);
        if !z.len().is_multiple_of(latent) || with.is_some_and(|set| set.count() != count) {
            return Err(Error::shape("decode", format!("{} numbers are not whole codes of {latent}", z.len())));
        }
        let size = self.decode.graph.shape(self.decode.roots[0]).len() / batch;
        let (exe, roots) = self.decode.compiled(&self.home)?;
        let needed = self.types.iter().find(|(name, _)| exe.has_input(&leaf(name)));
        if let Some((name, _)) = needed.filter(|_| with.is_none()) {
            return Err(Error::Config(format!("this model decodes with {name} beside the code")));
        }
        let mut decoded = Vec::with_capacity(count * size);
        for (number, rows) in z.chunks(batch * latent).enumerate() {
            let mut padded = rows.to_vec();
            padded.resize(batch * latent, 0.0);
            exe.write("z", &Array::f32([batch, latent], padded)?)?;
            if let Some(set) = with {
                write_rows(exe, &self.types, set, &batch_rows(number * batch, batch, count))?;
            }
            exe.run()?;
            decoded.extend_from_slice(&exe.read(roots[0])?.as_f32()[..rows.len() / latent * size]);
        }
        Ok(decoded)
    }
}

/// The examples of a batch that starts at `from`, of `count`; past the end the last one again.
fn batch_rows(from: usize, batch: usize, count: usize) -> Vec<usize> {
    (from..from + batch).map(|i| i.min(count - 1)).collect()
}

fn write_rows(exe: &mut Executable, types: &[(String, TensorType)], set: &dyn Examples, rows: &[usize]) -> Result<()> {
    let wanted = types.iter().filter(|(name, _)| exe.has_input(&leaf(name))).cloned().collect();
    for (name, array) in gather(set, wanted, rows)? {
        exe.write(&leaf(&name), &array)?;
    }
    if exe.has_input("indices") {
        exe.write("indices", &Array::u32([rows.len()], (0..rows.len() as u32).collect())?)?;
    }
    Ok(())
}

fn write_noise(exe: &mut Executable, seed: u64, number: u32, kind: u32) -> Result<()> {
    match exe.has_input("rng") {
        true => exe.write("rng", &Array::u32([4], vec![seed as u32, (seed >> 32) as u32, number, kind])?),
        false => Ok(()),
    }
}

/// Runs `exe` over `set` and hands each batch's `roots`, and how many of its rows count, to `each`.
fn walk(
    exe: &mut Executable,
    roots: &[Value],
    (batch, types): (usize, &[(String, TensorType)]),
    set: &dyn Examples,
    seed: u64,
    mut each: impl FnMut(&[Array], usize),
) -> Result<()> {
    for name in ["beta", "capacity"] {
        if exe.has_input(name) {
            exe.write(name, &Array::f32([], vec![1.0])?)?;
        }
    }
    for (number, from) in (0..set.count()).step_by(batch).enumerate() {
        write_rows(exe, types, set, &batch_rows(from, batch, set.count()))?;
        write_noise(exe, seed, number as u32, EVALUATION)?;
        exe.run()?;
        let arrays = roots.iter().map(|&v| exe.read(v)).collect::<Result<Vec<_>>>()?;
        each(&arrays, batch.min(set.count() - from));
    }
    Ok(())
}
