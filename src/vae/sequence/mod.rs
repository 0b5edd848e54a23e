//! Autoregressive models of sequences: a code for the whole, and elements that are each told of the ones before. What
//! the elements are is [`Elements`]; how they are read and written, [`Reader`] and [`Writer`].

mod reader;
mod strokes;
mod text;
mod writer;

use super::{Batch, Elbo, Latent, Model, Posterior, Prior, PriorContext, StandardNormal, Terms};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::{Linear, Mode, Module};
use crate::tensor::{Shape, TensorType};
use std::fmt::Debug;

pub use reader::Reader;
pub use strokes::Strokes;
pub use text::Words;
pub use writer::Writer;

/// What sequences are made of. Of T elements S are written: all, or all but a first one that is given.
pub trait Elements: Debug + Send + Sync {
    /// The elements of the batch as vectors, [B, T, D].
    fn read(&self, g: &mut Graph, batch: &Batch) -> Result<Value>;
    /// What each element that is written is told of the one before, [B, S, D].
    fn prompts(&self, g: &mut Graph, batch: &Batch) -> Result<Value>;
    /// What stands for an element that is kept from the writer, [1, D].
    fn blank(&self, g: &mut Graph) -> Result<Value>;
    /// What the first element that is written is told, [1, D].
    fn first(&self, g: &mut Graph) -> Result<Value>;
    /// The element that all sequences begin with, where it is given.
    fn given(&self) -> Option<f32> {
        None
    }
    /// Numbers that are the distribution of an element, W.
    fn numbers(&self) -> usize;
    /// ln p of each example of the batch under `heads` [B, S, W], nats: \[B\].
    fn log_prob(&self, g: &mut Graph, heads: Value, batch: &Batch) -> Result<Value>;
    /// The mean number of elements that count, a scalar.
    fn count(&self, g: &mut Graph, batch: &Batch) -> Result<Value>;
    /// What is told of the bound, with its name: made of the nats for `each` element that counts, a scalar.
    fn figure(&self, g: &mut Graph, each: Value) -> Result<(&'static str, Value)>;
    /// An element of each distribution `head` [N, W]: the most likely one, or one that is drawn.
    fn pick(&self, g: &mut Graph, head: Value, draw: Option<Draw>) -> Result<Picked>;
    /// What `x` has past the end, [1, E]; zeros where absent.
    fn padding(&self, g: &mut Graph) -> Result<Option<Value>> {
        let _ = g;
        Ok(None)
    }
}

/// How elements are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// The graph's noise state.
    pub noise: Value,
    /// τ above 0: at 1 as the distribution says, below nearer to the most likely.
    pub temperature: f32,
}

/// Elements that were chosen, one a row.
#[derive(Clone, Copy, Debug)]
pub struct Picked {
    /// The element as it is in `x`, in floats: [N, E].
    pub element: Value,
    /// What the next one is told, [N, D].
    pub vector: Value,
    /// 1 where nothing follows, else 0: [N, 1].
    pub ends: Value,
}

/// A variational autoencoder of sequences with an autoregressive decoder (Bowman 2016, "Generating sentences from a
/// continuous space", arXiv 1511.06349). With full strength of the KL from the start such a decoder does without the
/// code; annealing (the input `beta`), free bits ([`Elbo`]) or `dropout` bring it back.
///
/// The columns are `x`, and `length` where sequences end early.
#[derive(Debug)]
pub struct SequenceVae {
    /// What the sequences are made of.
    pub elements: Box<dyn Elements>,
    /// Encoder.
    pub reader: Reader,
    /// Features → q(z|x).
    pub posterior: Box<dyn Posterior>,
    /// p(z); none that encodes data of its own.
    pub prior: Box<dyn Prior>,
    /// Decoder.
    pub writer: Writer,
    /// Probability that the writer is told `<unk>`, or nothing, of an element, in training (section 3.1: word dropout).
    pub dropout: f32,
    /// Floor of the KL.
    pub objective: Elbo,
}

impl SequenceVae {
    /// A model with the standard normal prior, the plain bound and no dropout.
    pub fn new(
        elements: impl Elements + 'static,
        reader: Reader,
        posterior: impl Posterior + 'static,
        writer: Writer,
    ) -> Self {
        Self {
            elements: Box::new(elements),
            reader,
            posterior: Box::new(posterior),
            prior: Box::new(StandardNormal),
            writer,
            dropout: 0.0,
            objective: Elbo::default(),
        }
    }
    /// With this probability that an element is kept from the writer in training.
    pub fn dropout(self, dropout: f32) -> Self {
        Self { dropout, ..self }
    }
    /// With another bound.
    pub fn objective(self, objective: Elbo) -> Self {
        Self { objective, ..self }
    }

    /// q(z|x) and `samples` samples for each example, [samples · B, L].
    fn encode(&self, g: &mut Graph, batch: &Batch, samples: usize, mode: Mode) -> Result<Latent> {
        let lengths = if batch.has("length") { Some(batch.get(g, "length")?) } else { None };
        let features = g.scoped("encoder", |g| {
            let x = self.elements.read(g, batch)?;
            self.reader.read(g, x, lengths, mode)
        })?;
        g.scoped("posterior", |g| self.posterior.infer(g, features, samples.into()))
    }

    /// What says the distribution of each element that is written, [n · B, S, W], for codes `z` [n · B, L] and the
    /// batch's elements before it.
    ///
    /// # Errors
    /// Where the parts or the data do not fit together.
    pub fn heads(&self, g: &mut Graph, z: Value, batch: &Batch, mode: Mode) -> Result<Value> {
        g.scoped("decoder", |g| {
            let mut x = self.elements.prompts(g, batch)?;
            let most = g.shape(x).dims()[1];
            if mode == Mode::Train && self.dropout > 0.0 {
                x = self.kept(g, x)?;
            }
            let x = g.tile(x, g.shape(z).dims()[0] / batch.size())?;
            let outputs = self.writer.write(g, x, z, most, mode)?;
            self.head(g, outputs)
        })
    }

    fn head(&self, g: &mut Graph, outputs: Value) -> Result<Value> {
        g.scoped("out", |g| Linear::new(self.elements.numbers()).forward(g, outputs, Mode::Eval))
    }

    /// Prompts `x` [B, S, D], all but the first with probability `dropout` blank.
    fn kept(&self, g: &mut Graph, x: Value) -> Result<Value> {
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Error::Config(format!("word dropout takes a probability in [0, 1), not {}", self.dropout)));
        }
        let [batch, steps] = [0, 1].map(|axis| g.shape(x).dims()[axis]);
        if steps == 1 {
            return Ok(x);
        }
        let rng = g.noise_state()?;
        let kept = g.bernoulli(rng, [batch, steps - 1, 1], 1.0 - self.dropout)?;
        let first = g.full([batch, 1, 1], 1.0)?;
        let kept = g.concat(&[first, kept], 1)?;
        let away = g.affine(kept, -1.0, 1.0)?;
        let (told, blank) = (g.mul(x, kept)?, self.elements.blank(g)?);
        let blank = g.mul(away, blank)?;
        g.add(told, blank)
    }

    /// −ln p(x|z) of each row of `z` [n · B, L], \[n · B\], nats.
    fn reconstruction(&self, g: &mut Graph, z: Value, batch: &Batch, mode: Mode) -> Result<Value> {
        let heads = self.heads(g, z, batch, mode)?;
        let (rows, size) = (g.shape(heads).dims()[0], batch.size());
        g.scoped("objective", |g| {
            let part = |from: usize| {
                let part = g.slice(heads, 0, from..from + size)?;
                self.elements.log_prob(g, part, batch)
            };
            let parts = (0..rows).step_by(size).map(part).collect::<Result<Vec<_>>>()?;
            let log_prob = g.concat(&parts, 0)?;
            g.scale(log_prob, -1.0)
        })
    }

    /// Sequences of codes `z` [N, L], element by element, shaped as `example`, in floats, padded after the end. The
    /// most likely element at each step where `temperature` is 0, else one drawn at it by the graph's noise.
    ///
    /// # Errors
    /// A temperature below 0 or not finite; where model and example do not fit together.
    pub fn generate(&self, g: &mut Graph, z: Value, example: &Shape, temperature: f32) -> Result<Value> {
        if !temperature.is_finite() || temperature < 0.0 {
            return Err(Error::Config(format!("elements are drawn at a temperature of 0 or more, not {temperature}")));
        }
        let (rows, given) = (g.shape(z).dims()[0], self.elements.given());
        let steps = example.dims().first().copied().unwrap_or(1);
        let most = steps - usize::from(given.is_some());
        let draw = if temperature > 0.0 { Some(Draw { noise: g.noise_state()?, temperature }) } else { None };
        g.scoped("decoder", |g| {
            let mut all = given.map(|given| g.full([rows, 1], given)).transpose()?.into_iter().collect::<Vec<_>>();
            let (mut pen, first) = (self.writer.pen(g, z)?, self.elements.first(g)?);
            let mut told = g.expand(first, [rows, g.shape(first).last()])?;
            let mut open = g.full([rows, 1], 1.0)?;
            for _ in 0..most {
                let output = self.writer.next(g, &mut pen, told, z, most)?;
                let head = self.head(g, output)?;
                let picked = self.elements.pick(g, head, draw)?;
                all.push(self.padded(g, picked.element, open)?);
                let goes_on = g.affine(picked.ends, -1.0, 1.0)?;
                open = g.mul(open, goes_on)?;
                told = picked.vector;
            }
            let joined = g.concat(&all, 1)?;
            g.reshape(joined, [&[rows], example.dims()].concat())
        })
    }

    /// `element` [N, E] where the sequence is `open` (1, else 0: [N, 1]), padding where it has ended.
    fn padded(&self, g: &mut Graph, element: Value, open: Value) -> Result<Value> {
        let element = g.mul(element, open)?;
        let Some(padding) = self.elements.padding(g)? else { return Ok(element) };
        let over = g.affine(open, -1.0, 1.0)?;
        let padding = g.mul(over, padding)?;
        g.add(element, padding)
    }

    /// What the prior may ask: nothing of the data.
    fn with_context<R>(&self, data: Shape, ask: impl FnOnce(&PriorContext<'_>) -> Result<R>) -> Result<R> {
        let encode = |_: &mut Graph, _: Value| {
            Err(Error::Config("this prior encodes examples of its own, which cannot be sequences; take another".into()))
        };
        ask(&PriorContext { data, latent: self.posterior.latent(), label: None, encode: &encode })
    }
}

impl Model for SequenceVae {
    fn terms(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> Result<Terms> {
        let example = batch.example("x")?;
        let latent = self.encode(g, batch, 1, mode)?;
        let reconstruction_each = self.reconstruction(g, latent.z, batch, mode)?;
        let kl_each = self.with_context(example.clone(), |context| self.prior.kl(g, &latent, context))?;
        let mean = self.generate(g, latent.mu, &example, 0.0)?;
        g.scoped("objective", |g| {
            let reconstruction = g.mean_all(reconstruction_each)?;
            let kl = g.mean_all(kl_each)?;
            let kl = g.scale(kl, g.shape(kl_each).last() as f32)?;
            let bound = g.add(reconstruction, kl)?;
            let beta = g.input("beta", TensorType::f32([]))?;
            let loss = self.objective.weigh(g, reconstruction, kl_each, self.latent(), beta)?;
            let count = self.elements.count(g, batch)?;
            let each = g.div(bound, count)?;
            let figure = self.elements.figure(g, each)?;
            Ok(Terms {
                loss,
                players: vec![],
                elbo: g.scale(bound, -1.0)?,
                reconstruction,
                kl,
                figures: vec![figure],
                reconstruction_each,
                kl_each,
                latent,
                mean,
            })
        })
    }

    fn latent(&self) -> usize {
        self.posterior.latent()
    }

    fn bounded(&self) -> bool {
        self.posterior.has_density()
    }

    /// The most likely sequence, element by element.
    fn decode(&self, g: &mut Graph, z: Value, batch: &Batch) -> Result<Value> {
        self.draw(g, z, batch, 0.0)
    }

    fn draw(&self, g: &mut Graph, z: Value, batch: &Batch, temperature: f32) -> Result<Value> {
        self.generate(g, z, &batch.example("x")?, temperature)
    }

    fn sample(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let rng = g.noise_state()?;
        self.with_context(batch.example("x")?, |context| self.prior.sample(g, rng, batch.size(), context))
    }

    fn log_weights(&self, g: &mut Graph, batch: &Batch, samples: usize) -> Result<Value> {
        let latent = self.encode(g, batch, samples, Mode::Eval)?;
        let log_p = self.with_context(batch.example("x")?, |context| self.prior.log_prob(g, latent.z, context))?;
        let point = || Error::Config("a point posterior gives no importance weights".into());
        let log_q = latent.log_q(g)?.ok_or_else(point)?;
        let reconstruction = self.reconstruction(g, latent.z, batch, Mode::Eval)?;
        let ratio = g.sub(log_p, log_q)?;
        let weights = g.sub(ratio, reconstruction)?;
        g.reshape(weights, [samples, batch.size()])
    }
}
