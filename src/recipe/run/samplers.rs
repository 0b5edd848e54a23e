//! Samplers: where codes come from after training.

use crate::data::Dataset;
use crate::device::Device;
use crate::error::{Error, Result, hint};
use crate::eval::{Covariance, GaussianMixture, MixtureFit};
use crate::flow::{Chain, Made, MaskedAutoregressive};
use crate::recipe::data::from_all_over;
use crate::rng::Philox;
use crate::tensor::Array;
use crate::train::{Config, Evaluator, Metrics, Progress, Rate, Source, Trainer};
use crate::vae::FlowDensity;
use std::str::FromStr;

/// Where codes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampler {
    /// The model's prior, whichever it is.
    #[default]
    Prior,
    /// A Gaussian with all covariances fitted to the codes of training examples.
    Normal,
    /// A mixture of up to ten Gaussians fitted to them (Ghosh 2019, arXiv 1903.12436, section 4).
    Mixture,
    /// Masked autoregressive flows fitted to them (Papamakarios 2017, arXiv 1705.07057).
    Maf,
}

const NAMES: [(&str, Sampler); 4] =
    [("prior", Sampler::Prior), ("normal", Sampler::Normal), ("mixture", Sampler::Mixture), ("maf", Sampler::Maf)];

impl FromStr for Sampler {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        let unknown = || {
            let known = NAMES.map(|(known, _)| known);
            let hint = hint(name, known.into_iter());
            Error::Name(format!("there is no sampler {name}{hint} There are {}", known.join(", ")))
        };
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, sampler)| *sampler).ok_or_else(unknown)
    }
}

impl Sampler {
    /// Its name.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, sampler)| *sampler == self).map_or("", |(name, _)| *name)
    }

    /// A code for each example of `like`, [N, L]: from the prior under what the model is conditioned on, else from what is
    /// fitted to the codes of `train`.
    pub(super) fn codes(
        self,
        device: &Device,
        evaluator: &mut Evaluator,
        train: &Dataset,
        like: &Dataset,
        seed: u64,
    ) -> Result<Vec<f32>> {
        match self {
            Self::Prior => evaluator.sample_with(like, seed),
            Self::Normal => {
                let fit = MixtureFit { components: 1, covariance: Covariance::Full, ..MixtureFit::default() };
                gaussian_codes(evaluator, train, like.len(), &fit, seed)
            }
            Self::Mixture => mixture_codes(evaluator, train, like.len(), seed),
            Self::Maf => flow_codes(device, evaluator, train, like.len(), seed),
        }
    }
}

/// What a model or its data can have: a prior that is sampled, codes enough. All other errors are errors.
pub(super) fn possible<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Config(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The most training examples that a mixture is fitted to.
pub(super) const FITTED: usize = 4000;
/// Codes that a covariance wants for each of its dimensions.
const FOR_EACH: usize = 8;

/// `count` codes from at most ten Gaussians fitted to those of `train`: with all covariances where there are codes enough for two or
/// more of them.
pub(super) fn mixture_codes(evaluator: &mut Evaluator, train: &Dataset, count: usize, seed: u64) -> Result<Vec<f32>> {
    let full = train.len().min(FITTED) / (FOR_EACH * evaluator.latent().max(1));
    let (components, covariance) = if full > 1 { (full.min(10), Covariance::Full) } else { (10, Covariance::Diagonal) };
    gaussian_codes(
        evaluator,
        train,
        count,
        &MixtureFit { components, covariance, rounds: 30, seed, ..MixtureFit::default() },
        seed,
    )
}

fn gaussian_codes(
    evaluator: &mut Evaluator,
    train: &Dataset,
    count: usize,
    fit: &MixtureFit,
    seed: u64,
) -> Result<Vec<f32>> {
    let codes = evaluator.encode(&from_all_over(train, FITTED))?;
    let mixture = GaussianMixture::fit(&codes, evaluator.latent(), fit)?;
    Ok(mixture.sample(count, &mut Philox::new(seed, 0x9a1a)))
}

/// `count` codes from flows fitted to those of `train`, which are standardised for it.
fn flow_codes(
    device: &Device,
    evaluator: &mut Evaluator,
    train: &Dataset,
    count: usize,
    seed: u64,
) -> Result<Vec<f32>> {
    let (mut codes, dims) = (evaluator.encode(train)?, evaluator.latent());
    let rows = codes.len() / dims;
    let moments: Vec<(f32, f32)> = (0..dims)
        .map(|d| {
            let column = || codes.iter().skip(d).step_by(dims).map(|&z| f64::from(z));
            let mean = column().sum::<f64>() / rows as f64;
            let variance = column().map(|z| (z - mean).powi(2)).sum::<f64>() / rows as f64;
            (mean as f32, variance.sqrt().max(1e-6) as f32)
        })
        .collect();
    for row in codes.chunks_exact_mut(dims) {
        row.iter_mut().zip(&moments).for_each(|(z, (mean, deviation))| *z = (*z - mean) / deviation);
    }
    let layer = |i: usize| MaskedAutoregressive { net: Made { hidden: 64.max(4 * dims), reverse: i % 2 == 1 } };
    let density = FlowDensity { flow: Box::new((0..4).fold(Chain::new(), |chain, i| chain.then(layer(i)))), dims };
    let source = Source::of(Dataset::new("x", Array::f32([rows, dims], codes)?)?, device, 1);
    let config = Config {
        steps: 2000,
        batch: 128.min(rows),
        seed,
        rate: Rate::Cosine { peak: 2e-3, warmup: 50, floor: 0.02 },
        clip: 10.0,
        ..Config::default()
    };
    let mut progress = Progress::hidden(config.steps);
    let mut trainer = Trainer::new(device, &density, &source, config)?;
    trainer.run(None, &mut Metrics::default(), &mut progress)?;
    let mut drawn = trainer.evaluator().sample(count, seed)?;
    for row in drawn.chunks_exact_mut(dims) {
        row.iter_mut().zip(&moments).for_each(|(z, (mean, deviation))| *z = *z * deviation + mean);
    }
    Ok(drawn)
}
