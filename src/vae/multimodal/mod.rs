//! A VAE of several modalities with one code: an encoder and a decoder for each, a joint posterior of whatever is present.

mod alignment;
mod experts;
mod subsets;

use super::likelihood::Likelihood;
use super::{Batch, DiagonalGaussian, Latent, Model, Posterior, Terms};
use crate::dist::Normal;
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::{Mode, Module};
use crate::tensor::{DType, Shape, TensorType};

pub use alignment::Alignment;
pub use experts::{product_of_experts, shared_information};

/// One way in which an example shows itself.
#[derive(Debug)]
pub struct Modality {
    /// The column that holds it, and the scope of its parameters.
    pub column: String,
    /// What encoder and decoder take an example of the column for; as many numbers as it has.
    pub shape: Shape,
    /// x → features [B, F].
    pub encoder: Box<dyn Module>,
    /// z [B, L] → what the likelihood takes.
    pub decoder: Box<dyn Module>,
    /// p(x|z).
    pub likelihood: Box<dyn Likelihood>,
    /// λ, the weight of its −ln p(x|z) in the loss: modalities of few numbers would not be heard beside those of many.
    pub weight: f32,
}

/// How the modalities' posteriors become one. The prior N(0, I) is an expert in every product, so that of nothing is the prior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joint {
    /// The product of all that are present (MVAE: Wu & Goodman 2018, arXiv 1802.05335, equation 3). Training draws for each
    /// example one of the subsets that are not empty and minimises −ELBO of that subset, which it encodes and rebuilds: an
    /// estimate of the mean that the paper's section 2.2 sums, in one pass.
    Product,
    /// The mixture of the single ones in equal parts (MMVAE: Shi 2019, arXiv 1911.03393, section 3). Everything present is
    /// rebuilt from each; training and evaluation draw one for each example.
    Mixture,
    /// The mixture of the products of all subsets in equal parts (MoPoE: Sutter 2021, arXiv 2105.02470, equation 4), else as
    /// the mixture.
    MixtureOfProducts,
}

/// The model. Column `has_NAME` \[N\], `F32` or `U32`, says with 1 or 0 which examples have the modality NAME; without it all
/// do. What is missing counts neither in the code nor in the reconstruction; its numbers do not matter as long as they are
/// finite.
///
/// What [`Model::decode`] yields and [`Terms::mean`] is the modalities side by side, each flattened, [B, ΣF]; what one
/// modality says of another is that part of what is decoded from the code of a batch that lacks the other.
#[derive(Debug)]
pub struct Multimodal {
    /// The modalities: from 1 to 6, for their subsets are all part of the graph.
    pub modalities: Vec<Modality>,
    /// The heads of each modality's expert.
    pub expert: DiagonalGaussian,
    /// The joint posterior.
    pub joint: Joint,
    /// What else holds the posteriors together.
    pub alignment: Alignment,
}

/// Of 6 modalities there are 63 subsets.
const MOST: usize = 6;

/// The posterior of a batch: n rows, samples · B.
struct Inference {
    /// Each modality's Gaussian, [n, L], without the prior.
    experts: Vec<Normal>,
    /// Whether each example has each modality, 1 or 0, [n, 1].
    present: Vec<Value>,
    /// Which modalities `latent` was drawn from, 1 or 0, [n, 1].
    seen: Vec<Value>,
    latent: Latent,
}

/// A pass's values.
struct Forward {
    inferred: Inference,
    decoded: Vec<Value>,
    /// −ln p(x|z) of each modality, 0 where it does not count, \[n\].
    reconstructions: Vec<Value>,
}

impl Multimodal {
    /// x of a modality [B, …] as its encoder takes it.
    fn read(&self, g: &mut Graph, modality: &Modality, batch: &Batch) -> Result<Value> {
        let x = batch.get(g, &modality.column)?;
        g.reshape(x, [&[batch.size()], modality.shape.dims()].concat())
    }

    /// Whether each example has the modality, [B, 1].
    fn presence(&self, g: &mut Graph, modality: &Modality, batch: &Batch) -> Result<Value> {
        let (column, n) = (format!("has_{}", modality.column), batch.size());
        if !batch.has(&column) {
            return g.full([n, 1], 1.0);
        }
        let has = batch.get(g, &column)?;
        let has = match g.ty(has).dtype {
            DType::U32 => {
                let no_or_yes = g.one_hot(has, 2)?;
                g.slice(no_or_yes, 1, 1..2)?
            }
            _ => has,
        };
        g.reshape(has, [n, 1])
    }

    fn infer(&self, g: &mut Graph, batch: &Batch, samples: usize, mode: Mode) -> Result<Inference> {
        let count = self.modalities.len();
        if !(1..=MOST).contains(&count) {
            return Err(Error::Config(format!("a model of several modalities has from 1 to {MOST}, not {count}")));
        }
        let (mut experts, mut present) = (vec![], vec![]);
        for modality in &self.modalities {
            let x = self.read(g, modality, batch)?;
            let expert = g.scoped(&modality.column, |g| {
                let features = g.scoped("encoder", |g| modality.encoder.forward(g, x, mode))?;
                g.scoped("posterior", |g| self.expert.normal(g, features))
            })?;
            experts.push(Normal { mu: g.tile(expert.mu, samples)?, logvar: g.tile(expert.logvar, samples)? });
            let has = self.presence(g, modality, batch)?;
            present.push(g.tile(has, samples)?);
        }
        let parts = subsets::of(self.joint, count);
        let weights = subsets::weights(g, &parts, &present)?;
        let seen = match (self.joint, mode) {
            (Joint::Product, Mode::Eval) => present.clone(),
            _ => subsets::draw(g, &parts, &weights, &present)?,
        };
        let q = product_of_experts(g, &experts, &seen)?;
        let rng = g.noise_state()?;
        let z = q.rsample(g, rng)?;
        let latent = match self.joint {
            Joint::Product => Latent::gaussian(z, q),
            _ => {
                let (mu, log_q) = subsets::mixture(g, &parts, &weights, (&experts, &present), z)?;
                Latent { z, mu, q: Some(q), log_q_flowed: Some(log_q), logvar: None }
            }
        };
        Ok(Inference { experts, present, seen, latent })
    }

    /// What each likelihood takes, of codes `z` [n, L].
    fn decode_raw(&self, g: &mut Graph, z: Value, mode: Mode) -> Result<Vec<Value>> {
        let decode = |modality: &Modality| {
            g.scoped(&modality.column, |g| g.scoped("decoder", |g| modality.decoder.forward(g, z, mode)))
        };
        self.modalities.iter().map(decode).collect()
    }

    /// E[x|z] of all modalities, each flattened, side by side.
    fn means(&self, g: &mut Graph, decoded: &[Value]) -> Result<Value> {
        let mut means = vec![];
        for (modality, &decoded) in self.modalities.iter().zip(decoded) {
            let mean = g.scoped(&modality.column, |g| modality.likelihood.mean(g, decoded))?;
            let rows = g.shape(mean).dims()[0];
            means.push(g.reshape(mean, [rows, modality.shape.len()])?);
        }
        g.concat(&means, 1)
    }

    fn forward(&self, g: &mut Graph, batch: &Batch, samples: usize, mode: Mode) -> Result<Forward> {
        let inferred = self.infer(g, batch, samples, mode)?;
        let decoded = self.decode_raw(g, inferred.latent.z, mode)?;
        // A product is trained on the bound of what it saw; a mixture's every part rebuilds all there is.
        let counts = if self.joint == Joint::Product { &inferred.seen } else { &inferred.present };
        let mut reconstructions = vec![];
        for ((modality, &decoded), &counts) in self.modalities.iter().zip(&decoded).zip(counts) {
            let x = self.read(g, modality, batch)?;
            let x = g.tile(x, samples)?;
            let (found, rows, width) = (g.shape(decoded).clone(), g.shape(x).dims()[0], modality.likelihood.width());
            if found.len() != rows * modality.shape.len() * width {
                let (column, shape) = (&modality.column, &modality.shape);
                let message =
                    format!("the decoder of {column} yields {found}, its examples are {shape}, {width} numbers each");
                return Err(Error::shape("multimodal", message));
            }
            let each = g.scoped(&modality.column, |g| {
                let log_prob = modality.likelihood.log_prob(g, decoded, x)?;
                g.per_example(log_prob)
            })?;
            let counts = g.reshape(counts, [rows])?;
            let counted = g.mul(each, counts)?;
            reconstructions.push(g.scale(counted, -1.0)?);
        }
        Ok(Forward { inferred, decoded, reconstructions })
    }

    /// ln N(z; 0, I) of each row, \[n\].
    fn log_prior(&self, g: &mut Graph, z: Value) -> Result<Value> {
        let zero = g.full([], 0.0)?;
        let each = g.normal_log_prob(z, zero, zero)?;
        g.per_example(each)
    }

    /// KL(q ‖ p) of each row: exact by dimension for a product, estimated by the sample for a mixture, [n, L] or [n, 1].
    fn kl_each(&self, g: &mut Graph, latent: &Latent) -> Result<Value> {
        match (latent.log_q_flowed, latent.q) {
            (None, Some(q)) => q.kl_standard(g),
            (Some(log_q), _) => {
                let log_p = self.log_prior(g, latent.z)?;
                let kl = g.sub(log_q, log_p)?;
                let rows = g.shape(kl).len();
                g.reshape(kl, [rows, 1])
            }
            (None, None) => Err(Error::Graph("the posterior of several modalities has a density".into())),
        }
    }
}

/// Σ λₘ · termₘ.
fn weighted(g: &mut Graph, terms: &[Value], weight: impl Fn(usize) -> f32) -> Result<Value> {
    let mut sum = g.scale(terms[0], weight(0))?;
    for (m, &term) in terms.iter().enumerate().skip(1) {
        let term = g.scale(term, weight(m))?;
        sum = g.add(sum, term)?;
    }
    Ok(sum)
}

impl Model for Multimodal {
    /// loss = Σ λₘ · (−ln p(xₘ|z)) + β · KL + alignment. The bound it reports is without λ; in training that of a product is
    /// of the subsets that were drawn.
    fn terms(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> Result<Terms> {
        let Forward { inferred, decoded, reconstructions } = self.forward(g, batch, 1, mode)?;
        let kl_each = self.kl_each(g, &inferred.latent)?;
        let beta = g.input("beta", TensorType::f32([]))?;
        let reconstruction_each = weighted(g, &reconstructions, |_| 1.0)?;
        let reconstruction = g.mean_all(reconstruction_each)?;
        let kl_rows = g.per_example(kl_each)?;
        let kl = g.mean_all(kl_rows)?;
        let bound = g.add(reconstruction, kl)?;
        let elbo = g.scale(bound, -1.0)?;
        let errors = weighted(g, &reconstructions, |m| self.modalities[m].weight)?;
        let errors = g.mean_all(errors)?;
        let divergence = g.mul(kl, beta)?;
        let mut loss = g.add(errors, divergence)?;
        let mut figures = vec![];
        if let Some((weight, name, apart)) = self.alignment.term(g, &inferred.experts, &inferred.present)? {
            let term = g.scale(apart, weight)?;
            loss = g.add(loss, term)?;
            figures.push((name, apart));
        }
        let mean = self.means(g, &decoded)?;
        let latent = inferred.latent;
        Ok(Terms {
            loss,
            players: vec![],
            elbo,
            reconstruction,
            kl,
            figures,
            reconstruction_each,
            kl_each,
            latent,
            mean,
        })
    }

    fn latent(&self) -> usize {
        self.expert.latent()
    }

    fn decode(&self, g: &mut Graph, z: Value, _: &Batch) -> Result<Value> {
        let decoded = self.decode_raw(g, z, Mode::Eval)?;
        self.means(g, &decoded)
    }

    fn sample(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let rng = g.noise_state()?;
        g.normal(rng, [batch.size(), self.latent()])
    }

    fn modalities(&self) -> Vec<&str> {
        self.modalities.iter().map(|modality| modality.column.as_str()).collect()
    }

    fn log_weights(&self, g: &mut Graph, batch: &Batch, samples: usize) -> Result<Value> {
        let Forward { inferred, reconstructions, .. } = self.forward(g, batch, samples, Mode::Eval)?;
        let log_p = self.log_prior(g, inferred.latent.z)?;
        let none = || Error::Graph("the posterior of several modalities has a density".into());
        let log_q = inferred.latent.log_q(g)?.ok_or_else(none)?;
        let ratio = g.sub(log_p, log_q)?;
        let errors = weighted(g, &reconstructions, |_| 1.0)?;
        let weights = g.sub(ratio, errors)?;
        g.reshape(weights, [samples, batch.size()])
    }
}
