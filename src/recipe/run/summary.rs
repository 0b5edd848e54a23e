//! What is said of a run when it has ended.

use super::figure::Figure;
use super::scores::{Scores, scores};
use crate::data::Dataset;
use crate::error::Result;
use crate::eval::{Pressure, Values, bits_per_dimension, latent_usage, variance_of_means};
use crate::recipe::{Binarize, LikelihoodSpec, Recipe, ScheduleSpec, SpreadSpec};
use crate::tensor::ArrayData;
use crate::train::{Figures, Schedule};
use crate::vae::Model;
use serde::Serialize;
use std::path::Path;

/// What `summary.json` holds. Nats are per held-out example.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The recipe's line about itself.
    pub about: String,
    /// Where the examples come from.
    pub data: String,
    /// The shape of an example; empty where it is several modalities.
    pub example: Vec<usize>,
    /// What it ran on.
    pub device: String,
    /// Steps.
    pub steps: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// Trainable numbers.
    pub parameters: usize,
    /// The figure.
    #[serde(flatten)]
    pub figure: Figure,
    /// The bound; absent where the posterior is a point, which bounds nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elbo: Option<f64>,
    /// −ln p(x|z).
    pub reconstruction: f64,
    /// KL(q(z|x) ‖ p(z)); 0 where the posterior is a point, which has none.
    pub kl: f64,
    /// Its parts: by latent dimension, those of all levels one after the other; by place where codes are rows of a table; by
    /// dimension and then that of the class where the class is latent; one where it does not fall apart.
    pub kl_parts: Vec<f64>,
    /// −ELBO in bits per number of an example, where it bounds the length of a code for the numbers: they are bits, bytes or
    /// counts, and the likelihood gives these probabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits_per_dimension: Option<f64>,
    /// Latent dimensions whose μ varies by more than 0.01 over the held-out examples, and which carry 0.01 nats or more where
    /// the KL falls apart by dimension.
    pub active_units: usize,
    /// What codes hold of the true factors, where these are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disentanglement: Option<Scores>,
    /// What is wrong with the latent, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl Summary {
    /// What a bound over `test` and the codes μ [N, L] of its examples say; all else empty. `steps` were trained; `gaussian` is
    /// whether each code has a σ.
    pub(super) fn of_codes(
        (recipe, model, steps): (&Recipe, &dyn Model, u64),
        test: &Dataset,
        bound: &Figures,
        (codes, gaussian): (&[f32], bool),
    ) -> Result<Self> {
        let latent = model.latent();
        let elbo = Some(bound.elbo).filter(|_| model.bounded());
        let variance = variance_of_means(codes, latent);
        // A point, or a KL that does not fall apart, says nothing of dimensions.
        let usage = match gaussian && bound.kl_dims.len() == latent {
            true => Some(latent_usage(&bound.kl_dims, &variance, &pressure(recipe, steps))?),
            false => None,
        };
        let varying = variance.iter().filter(|v| **v > 0.01).count();
        Ok(Self {
            elbo,
            reconstruction: bound.reconstruction,
            kl: bound.kl,
            kl_parts: bound.kl_dims.clone(),
            bits_per_dimension: elbo.and_then(|elbo| bits(recipe, test, elbo)),
            active_units: usage.as_ref().map_or(varying, |usage| usage.active.len()),
            disentanglement: scores(test, codes, latent),
            warning: usage.and_then(|usage| usage.warning),
            ..Self::default()
        })
    }
}

/// What of an earlier measurement still holds.
pub(super) struct Measured {
    /// The trivial figure and what it is.
    pub baseline: Option<(f64, String)>,
    /// Seconds of training.
    pub seconds: f64,
}

impl Measured {
    /// That of the folder `run`, if its figure was `metric`.
    pub fn read(run: &Path, metric: &str) -> Self {
        let text = std::fs::read_to_string(run.join("summary.json")).ok();
        let known: serde_json::Value = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let baseline = || {
            let same = known.get("metric")?.as_str()? == metric;
            same.then_some((known.get("baseline")?.as_f64()?, known.get("against")?.as_str()?.to_string()))
        };
        Self { baseline: baseline(), seconds: known["seconds"].as_f64().unwrap_or(0.0) }
    }
}

/// −`elbo` in bits per number of `x`, where the likelihood gives probabilities of what `x` can be: of bits, bytes, counts. A
/// density of bytes has none, for no noise is added to them, and Bernoulli probabilities of grey sum to no 1.
fn bits(recipe: &Recipe, test: &Dataset, elbo: f64) -> Option<f64> {
    let x = test.column("x").ok()?;
    let counted = match (recipe.model.family().likelihood()?, &x.data) {
        (LikelihoodSpec::Bernoulli, _) if recipe.data.binarize == Binarize::Dynamic => true,
        (LikelihoodSpec::Bernoulli, ArrayData::U8(x)) => x.iter().all(|x| matches!(x, 0 | 255)),
        (LikelihoodSpec::Bernoulli, ArrayData::F32(x)) => x.iter().all(|&x| x == 0.0 || x == 1.0),
        (LikelihoodSpec::Logistic { .. }, ArrayData::U8(_)) => true,
        (LikelihoodSpec::Poisson | LikelihoodSpec::NegativeBinomial { .. }, ArrayData::F32(_)) => true,
        _ => false,
    };
    let dimensions = test.example("x").ok()?.len();
    counted.then(|| bits_per_dimension(elbo, dimensions, Values::Discrete))
}

/// What a recipe does about its codes being used.
fn pressure(recipe: &Recipe, steps: u64) -> Pressure {
    let (train, model) = (&recipe.train, recipe.model.family());
    Pressure {
        beta: as_written(Schedule::from(train.beta).at(steps.saturating_sub(1))),
        annealed: !matches!(train.beta, ScheduleSpec::Constant { .. }),
        free_bits: as_written(model.free_bits()),
        autoregressive: model.autoregressive(),
        fixed_sigma: match model.likelihood() {
            Some(
                LikelihoodSpec::GaussianPixels { sigma: SpreadSpec::Fixed(sigma) }
                | LikelihoodSpec::Gaussian { sigma: SpreadSpec::Fixed(sigma) },
            ) => Some(as_written(sigma)),
            _ => None,
        },
    }
}

/// 0.1 as 0.1, not as 0.10000000149011612.
fn as_written(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(number.into())
}
