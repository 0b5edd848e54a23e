//! A variational autoencoder, composed: encoder × posterior × prior × decoder × likelihood × objective. Each part is a
//! small type; a published variant is a combination. Parts only build graph: no training loop, no device.

mod batch;
mod binarized;
mod corruption;
mod density;
mod ladder;
mod likelihood;
mod model;
mod multimodal;
pub mod objective;
mod posterior;
mod prior;
mod quantized;
mod semi;
mod sequence;
pub mod zoo;

use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::{Mode, Module};
use crate::tensor::{DType, Shape};

pub use batch::Batch;
pub(crate) use batch::leaf;
pub use binarized::Binarized;
pub use corruption::Corruption;
pub use density::FlowDensity;
pub use ladder::{Ladder, Level};
pub use likelihood::{
    BernoulliLogits, DiscretizedLogisticPixels, GaussianPixels, GaussianReals, LaplacePixels, LaplaceReals, Likelihood,
    NegativeBinomialCounts, PoissonCounts, Spread,
};
pub use model::{Discrete, Model, Player, Terms};
pub use multimodal::{Alignment, Joint, Modality, Multimodal, product_of_experts, shared_information};
pub use objective::{Elbo, Objective, Pass};
pub use posterior::{Behind, Delta, Deviation, DiagonalGaussian, Draws, Flowed, Latent, Posterior};
pub use prior::{ClassPrior, FlowPrior, MixturePrior, Prior, PriorContext, Pseudo, StandardNormal, VampPrior};
pub use quantized::{CodePrior, Codebook, Quantized, VectorQuantized};
pub use semi::{Above, Classifier, M2, Stacked};
pub use sequence::{Draw, Elements, Picked, Reader, SequenceVae, Strokes, Words, Writer};

/// The six parts, and what they may be conditioned on. See the module.
#[derive(Debug)]
pub struct Vae {
    /// x → features [B, F].
    pub encoder: Box<dyn Module>,
    /// Features → q(z|x).
    pub posterior: Box<dyn Posterior>,
    /// p(z).
    pub prior: Box<dyn Prior>,
    /// z [B, L] → what the likelihood takes.
    pub decoder: Box<dyn Module>,
    /// p(x|z).
    pub likelihood: Box<dyn Likelihood>,
    /// How the terms become a loss.
    pub objective: Box<dyn Objective>,
    /// A conditional model: this many classes, the column `label`, beside the features and beside z (Sohn 2015,
    /// "Learning structured output representation using deep conditional generative models").
    pub classes: Option<usize>,
    /// A denoising model: what is done to x before it is encoded in training (Im 2017, arXiv 1511.06406).
    pub corruption: Option<Corruption>,
}

impl Vae {
    /// A model of these parts with the standard normal prior and the plain bound.
    pub fn new(
        encoder: impl Module + 'static,
        posterior: impl Posterior + 'static,
        decoder: impl Module + 'static,
        likelihood: impl Likelihood + 'static,
    ) -> Self {
        Self {
            encoder: Box::new(encoder),
            posterior: Box::new(posterior),
            prior: Box::new(StandardNormal),
            decoder: Box::new(decoder),
            likelihood: Box::new(likelihood),
            objective: Box::new(Elbo::default()),
            classes: None,
            corruption: None,
        }
    }
    /// With another prior.
    pub fn prior(self, prior: impl Prior + 'static) -> Self {
        Self { prior: Box::new(prior), ..self }
    }
    /// With another objective.
    pub fn objective(self, objective: impl Objective + 'static) -> Self {
        Self { objective: Box::new(objective), ..self }
    }
}

/// A pass's values, before an objective sees them.
struct Forward {
    x: Value,
    latent: Latent,
    decoded: Value,
    reconstruction_each: Value,
}

impl Vae {
    /// q(z|x) and `samples` samples of it for each example, [samples · B, L].
    pub fn encode(&self, g: &mut Graph, batch: &Batch, samples: usize, mode: Mode) -> Result<Latent> {
        let features = self.features(g, batch, mode)?;
        self.infer(g, features, batch, samples.into())
    }
    /// What the encoder makes of x, [B, F], before any label.
    fn features(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> Result<Value> {
        let mut x = batch.get(g, "x")?;
        if let Some(corruption) = self.corruption.filter(|_| mode == Mode::Train) {
            x = corruption.apply(g, x)?;
        }
        g.scoped("encoder", |g| self.encoder.forward(g, x, mode))
    }
    /// q(z|x) from features.
    fn infer(&self, g: &mut Graph, features: Value, batch: &Batch, draws: Draws) -> Result<Latent> {
        let features = self.beside_label(g, features, batch)?;
        g.scoped("posterior", |g| self.posterior.infer(g, features, draws))
    }

    /// `rows` [n · B, F] with the one-hot labels of the batch as further columns, where the model has classes.
    fn beside_label(&self, g: &mut Graph, rows: Value, batch: &Batch) -> Result<Value> {
        let Some(label) = self.label(g, batch)? else { return Ok(rows) };
        let label = g.tile(label, g.shape(rows).dims()[0] / batch.size())?;
        g.concat(&[rows, label], 1)
    }
    /// The batch's labels as one-hot rows [B, C], where the model has classes; a column of such rows is taken as it is.
    fn label(&self, g: &mut Graph, batch: &Batch) -> Result<Option<Value>> {
        let Some(classes) = self.classes else { return Ok(None) };
        let label = batch.get(g, "label")?;
        match g.ty(label).dtype {
            DType::U32 => g.one_hot(label, classes).map(Some),
            _ => Ok(Some(label)),
        }
    }

    /// What the likelihood takes, of codes `z` [n · B, L].
    fn decode_raw(&self, g: &mut Graph, z: Value, batch: &Batch, mode: Mode) -> Result<Value> {
        let z = self.beside_label(g, z, batch)?;
        g.scoped("decoder", |g| self.decoder.forward(g, z, mode))
    }

    fn forward(&self, g: &mut Graph, batch: &Batch, samples: usize, mode: Mode) -> Result<Forward> {
        let latent = self.encode(g, batch, samples, mode)?;
        self.score(g, latent, batch, samples, mode)
    }

    /// ln p(x|z) of the sample.
    fn score(&self, g: &mut Graph, latent: Latent, batch: &Batch, samples: usize, mode: Mode) -> Result<Forward> {
        let decoded = self.decode_raw(g, latent.z, batch, mode)?;
        let x = batch.get(g, "x")?;
        let x = g.tile(x, samples)?;
        let mut expected = g.shape(x).dims().to_vec();
        if let Some(last) = expected.last_mut() {
            *last *= self.likelihood.width();
        }
        if g.shape(decoded).dims() != expected {
            let (found, data, width) = (g.shape(decoded), g.shape(x), self.likelihood.width());
            let message = format!("the decoder yields {found}, the data is {data} with {width} numbers for each");
            return Err(Error::shape("vae", message));
        }
        let reconstruction_each = g.scoped("objective", |g| {
            let log_prob = self.likelihood.log_prob(g, decoded, x)?;
            let log_prob = g.per_example(log_prob)?;
            g.scale(log_prob, -1.0)
        })?;
        Ok(Forward { x, latent, decoded, reconstruction_each })
    }

    /// ln p(x, z) − ln q(z|x) of the samples, [samples, B].
    fn weigh(&self, g: &mut Graph, forward: &Forward, batch: &Batch, samples: usize) -> Result<Value> {
        let label = self.label(g, batch)?;
        let log_prior = |context: &PriorContext<'_>| self.prior.log_prob(g, forward.latent.z, context);
        let log_p = self.with_context(batch.example("x")?, label, log_prior)?;
        let point = || Error::Config("a point posterior gives no importance weights".into());
        let log_q = forward.latent.log_q(g)?.ok_or_else(point)?;
        let ratio = g.sub(log_p, log_q)?;
        let weights = g.sub(ratio, forward.reconstruction_each)?;
        g.reshape(weights, [samples, batch.size()])
    }

    /// `count` samples of p(z), [count, L], for a model of examples shaped `data`, none of them of a class.
    ///
    /// Inputs it declares: `rng`, as [`Model::terms`].
    pub fn sample_prior(&self, g: &mut Graph, count: usize, data: &Shape) -> Result<Value> {
        let rng = g.noise_state()?;
        self.with_context(data.clone(), None, |context| self.prior.sample(g, rng, count, context))
    }

    /// ln p(z) of each row of `z` [B, L], \[B\], nats, for a model of examples shaped `data`, none of them of a class.
    pub fn prior_log_prob(&self, g: &mut Graph, z: Value, data: &Shape) -> Result<Value> {
        self.with_context(data.clone(), None, |context| self.prior.log_prob(g, z, context))
    }

    /// What the prior may ask.
    fn with_context<R>(
        &self,
        data: Shape,
        label: Option<Value>,
        ask: impl FnOnce(&PriorContext<'_>) -> Result<R>,
    ) -> Result<R> {
        let encode = |g: &mut Graph, x: Value| {
            if self.classes.is_some() {
                let message = "a prior of encoded inputs, which are of no class, and a model under classes";
                return Err(Error::Config(format!("{message} do not go together: take a normal or a class prior")));
            }
            let features = g.scoped("encoder", |g| self.encoder.forward(g, x, Mode::Eval))?;
            let q = g.scoped("posterior", |g| self.posterior.distribution(g, features))?;
            q.ok_or_else(|| {
                Error::Config("this prior needs a posterior that is Gaussian, neither a point nor behind a flow".into())
            })
        };
        ask(&PriorContext { data, latent: self.posterior.latent(), label, encode: &encode })
    }
}

impl Model for Vae {
    /// The model in one picture: encodes the column `x`, samples, decodes, and weighs the terms.
    fn terms(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> Result<Terms> {
        let samples = if mode == Mode::Train { self.objective.samples() } else { 1 };
        let Forward { x, latent, decoded, reconstruction_each } = self.forward(g, batch, samples, mode)?;
        let label = self.label(g, batch)?;
        // Outside of the scope, for a prior may encode.
        self.with_context(batch.example("x")?, label, |context| {
            let kl_each = self.prior.kl(g, &latent, context)?;
            let [reconstruction, kl, elbo] = g.scoped("objective", |g| {
                let reconstruction = g.mean_all(reconstruction_each)?;
                let kl = g.mean_all(kl_each)?;
                let kl = g.scale(kl, g.shape(kl_each).last() as f32)?;
                let bound = g.add(reconstruction, kl)?;
                Ok::<_, Error>([reconstruction, kl, g.scale(bound, -1.0)?])
            })?;
            let pass = Pass {
                model: self,
                context,
                batch,
                mode,
                samples,
                latent: &latent,
                x,
                decoded,
                reconstruction_each,
                kl_each,
                reconstruction,
                kl,
            };
            let objective::Loss { loss, players, figures } = self.objective.loss(g, &pass)?;
            let mean = g.scoped("objective", |g| self.likelihood.mean(g, decoded))?;
            Ok(Terms { loss, players, elbo, reconstruction, kl, figures, reconstruction_each, kl_each, latent, mean })
        })
    }

    fn latent(&self) -> usize {
        self.posterior.latent()
    }

    fn bounded(&self) -> bool {
        self.posterior.has_density()
    }

    fn decode(&self, g: &mut Graph, z: Value, batch: &Batch) -> Result<Value> {
        let decoded = self.decode_raw(g, z, batch, Mode::Eval)?;
        g.scoped("objective", |g| self.likelihood.mean(g, decoded))
    }

    fn sample(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let (rng, label) = (g.noise_state()?, self.label(g, batch)?);
        let data = batch.example("x")?;
        self.with_context(data, label, |context| self.prior.sample(g, rng, batch.size(), context))
    }

    fn log_weights(&self, g: &mut Graph, batch: &Batch, samples: usize) -> Result<Value> {
        let forward = self.forward(g, batch, samples, Mode::Eval)?;
        self.weigh(g, &forward, batch, samples)
    }
}
