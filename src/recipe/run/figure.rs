//! The figure of a recipe: one number on held-out examples, beside that of something trivial.

use super::baseline::log_prob;
use super::compress::{psnr_at, smaller_images};
use super::crossmodal::{GALLERY, retrieval};
use super::scores::factors;
use crate::data::{Dataset, Examples as _};
use crate::error::{Error, Result};
use crate::eval::{auroc, mig, propagated_classes};
use crate::graph::Graph;
use crate::nn::Mode;
use crate::recipe::data::Splits;
use crate::recipe::data::labels::labelled;
use crate::recipe::{ModelSpec, Recipe};
use crate::tensor::ArrayData;
use crate::train::{Evaluator, Trainer};
use crate::vae::{Batch, Corruption, Model};
use serde::{Deserialize, Serialize};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// The bound, nats per example; beside independent numbers, words or movements, fitted to the training set.
    Elbo,
    /// −ln p(x) by importance sampling, nats per example; beside independent numbers, or words, fitted to the training set.
    Nll,
    /// Mean squared error of reconstructions by μ; beside the mean example.
    Mse,
    /// The same of reconstructions of corrupted examples, as the recipe's model corrupts them; beside the corrupted examples.
    DenoisedMse,
    /// The mutual information gap of μ; beside the model before training.
    Mig,
    /// PSNR in dB of a file of at most `rate` bits per pixel; beside smaller images of that rate.
    Psnr,
    /// Area under the ROC of −ELBO (reconstruction + KL) against the column `anomaly`; beside the largest |z| of an example.
    Auroc,
    /// The share of examples whose most probable class is another than theirs; beside a classifier of the same size, trained
    /// for as many steps on the labels alone that the model may look at.
    ClassificationError,
    /// The same with the class that the labels there are spread to over the nearest of the training codes, μ (which stands
    /// for the transductive SVM of Kingma 2014); beside the same.
    PropagatedError,
    /// Recall@1 among 100: how often the other modality's example is found by what one modality says; beside chance.
    Retrieval,
}

impl Metric {
    /// Its name in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Elbo => "elbo",
            Self::Nll => "nll",
            Self::Mse => "mse",
            Self::DenoisedMse => "denoised-mse",
            Self::Mig => "mig",
            Self::Psnr => "psnr",
            Self::Auroc => "auroc",
            Self::ClassificationError => "classification-error",
            Self::PropagatedError => "propagated-error",
            Self::Retrieval => "retrieval",
        }
    }
}

/// Which figure, and how it is worked out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureSpec {
    /// What is measured.
    pub metric: Metric,
    /// Samples an example for the importance-sampled likelihood.
    #[serde(default = "samples")]
    pub samples: usize,
    /// Bits per pixel that a compressed file may take.
    #[serde(default)]
    pub rate: f64,
}

fn samples() -> usize {
    500
}

/// A measured figure.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub metric: &'static str,
    /// The model's.
    pub value: f64,
    /// Its standard error from the samples of z, where it is an estimate by them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// The least effective number of those samples that an example has; near 1 the standard error says too little.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_samples: Option<f64>,
    /// Something trivial's.
    pub baseline: f64,
    /// What that is.
    pub against: String,
}

impl FigureSpec {
    /// Whether the `model` of `recipe` and the data `parts` have what the figure needs, as far as that can be told before
    /// training.
    ///
    /// # Errors
    /// Where they have not.
    pub(super) fn check(&self, recipe: &Recipe, model: &dyn Model, parts: &Splits) -> Result<()> {
        [&parts.valid, &parts.test].into_iter().try_for_each(|set| recipe.model.fit(set, recipe.data.binarize))?;
        let (mut g, test) = (Graph::new(), &parts.test);
        let batch = Batch::uploaded(1, test.batch_types(1));
        match self.metric {
            Metric::Elbo if !model.bounded() => {
                let message = "figure.metric = elbo: a posterior that is a point bounds no likelihood; take mse";
                Err(Error::Config(message.into()))
            }
            Metric::Nll => model.log_weights(&mut g, &batch, 1).map(drop),
            Metric::ClassificationError => model.classify(&mut g, &batch).map(drop),
            Metric::Mig => factors(test).map(drop),
            Metric::Auroc => anomalies(test).map(drop),
            Metric::Psnr if self.rate <= 0.0 => {
                Err(Error::Config("figure.rate: a PSNR is that of so many bits per pixel; give them".into()))
            }
            Metric::Retrieval if model.modalities().len() < 2 => Err(Error::Config(
                "figure.metric: retrieval is from one modality to another, and this model has one".into(),
            )),
            _ => Ok(()),
        }
    }

    /// The figure of the `model` of `recipe` on the test part, with nothing yet to hold it against.
    ///
    /// # Errors
    /// Columns that the figure needs and the data lack; device errors.
    pub fn measure(
        &self,
        recipe: &Recipe,
        model: &dyn Model,
        evaluator: &mut Evaluator,
        parts: &Splits,
    ) -> Result<Figure> {
        let (test, seed) = (&parts.test, recipe.train.seed);
        let metric = self.metric.name();
        let value = match self.metric {
            Metric::Elbo => evaluator.figures(test, seed)?.elbo,
            Metric::Nll => {
                let each = 10.min(self.samples.max(1));
                let estimate = evaluator.log_likelihood(model, test, each, self.samples.div_ceil(each), seed)?;
                let estimate = estimate.estimate()?;
                return Ok(Figure {
                    metric,
                    value: -estimate.log_likelihood,
                    standard_error: Some(estimate.standard_error),
                    effective_samples: Some(estimate.effective_samples),
                    ..Figure::default()
                });
            }
            Metric::Mse => {
                let codes = evaluator.encode(test)?;
                mean_squared(&evaluator.decode_with(&codes, test)?, &numbers(test)?)
            }
            Metric::DenoisedMse => {
                let corruption = corruption(&recipe.model)?;
                let rebuilt = evaluator.map(test, seed, |g, batch| {
                    let x = batch.get(g, "x")?;
                    let x = corruption.apply(g, x)?;
                    let seen = batch.with(g, "x", x);
                    let terms = model.terms(g, &seen, Mode::Eval)?;
                    Ok(vec![model.decode(g, terms.latent.mu, &seen)?])
                })?;
                mean_squared(rebuilt[0].as_f32(), &numbers(test)?)
            }
            Metric::Mig => {
                let codes = evaluator.encode(test)?;
                mig(&codes, evaluator.latent(), &factors(test)?)?
            }
            Metric::Psnr => psnr_at(model, evaluator, test, self.rate)?,
            Metric::Auroc => {
                let bounds = evaluator.bounds(test, seed)?;
                let score = |b: &crate::train::Bound| f64::from(b.reconstruction) + f64::from(b.kl.iter().sum::<f32>());
                auroc(&bounds.iter().map(score).collect::<Vec<_>>(), &anomalies(test)?)?
            }
            Metric::ClassificationError => classification_error(model, evaluator, test)?,
            Metric::PropagatedError => propagated_error(evaluator, parts)?,
            Metric::Retrieval => retrieval(model, evaluator, test)?,
        };
        Ok(Figure { metric, value, ..Figure::default() })
    }

    /// The trivial figure and what it is; `untrained` measures the model as it is before training, `train` trains another one
    /// on a set in the same way.
    ///
    /// # Errors
    /// As [`FigureSpec::measure`].
    pub fn baseline(
        &self,
        recipe: &Recipe,
        parts: &Splits,
        untrained: impl FnOnce() -> Result<f64>,
        train: impl FnOnce(&dyn Model, &Dataset) -> Result<Trainer>,
    ) -> Result<(f64, &'static str)> {
        let model = &recipe.model;
        Ok(match self.metric {
            Metric::Elbo | Metric::Nll => {
                let (log_p, against) = log_prob(model.family().likelihood(), parts)?;
                (if self.metric == Metric::Elbo { log_p } else { -log_p }, against)
            }
            Metric::Mse => {
                let (train, test) = (numbers(&parts.train)?, numbers(&parts.test)?);
                let mean = column_means(&train, parts.train.len());
                (mean_squared(&mean.repeat(parts.test.len()), &test), "the mean example")
            }
            Metric::DenoisedMse => {
                let corruption = corruption(model)?;
                let test = numbers(&parts.test)?;
                let error = test.iter().map(|&x| corruption.mean_square(x.into())).sum::<f64>();
                (error / test.len().max(1) as f64, "the corrupted examples")
            }
            Metric::Mig => (untrained()?, "the model before training"),
            Metric::Psnr => (smaller_images(&parts.train, &parts.test, self.rate)?, "smaller images of that rate"),
            Metric::Auroc => {
                let test = numbers(&parts.test)?;
                let size = test.len() / parts.test.len().max(1);
                let most = |x: &[f32]| x.iter().fold(0.0f64, |most, x| most.max(f64::from(x.abs())));
                let scores: Vec<f64> = test.chunks_exact(size.max(1)).map(most).collect();
                (auroc(&scores, &anomalies(&parts.test)?)?, "the largest number of an example")
            }
            Metric::ClassificationError | Metric::PropagatedError => {
                let own = labelled(&parts.train)?;
                let plain = model.classifier(&own, recipe.data.binarize)?;
                let error =
                    classification_error(plain.as_ref(), train(plain.as_ref(), &own)?.evaluator(), &parts.test)?;
                (error, "a classifier of the same size on the labels alone")
            }
            Metric::Retrieval => (1.0 / parts.test.len().clamp(1, GALLERY) as f64, "chance"),
        })
    }
}

fn corruption(spec: &ModelSpec) -> Result<Corruption> {
    spec.family().corruption().ok_or_else(|| Error::Config("this figure needs a model with a corruption".into()))
}

fn classification_error(model: &dyn Model, evaluator: &Evaluator, test: &Dataset) -> Result<f64> {
    let log_q = evaluator.map(test, 0, |g, batch| Ok(vec![model.classify(g, batch)?]))?;
    let rows = log_q[0].as_f32().chunks_exact(log_q[0].shape.last().max(1));
    let best = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
    let wrong = rows.zip(test.integers("label")?).filter(|(row, label)| best(row) != **label as usize);
    Ok(wrong.count() as f64 / test.len().max(1) as f64)
}

/// Each label goes to five neighbours.
fn propagated_error(evaluator: &mut Evaluator, parts: &Splits) -> Result<f64> {
    let Splits { train, test, .. } = parts;
    let usable = |i: usize| train.integers("labelled").map_or(true, |flags| flags[i] == 1);
    let labels = train.integers("label")?.iter().enumerate().map(|(i, &label)| usable(i).then_some(label));
    let labels: Vec<Option<u32>> = labels.collect();
    let (known, asked) = (evaluator.encode(train)?, evaluator.encode(test)?);
    let found = propagated_classes((&known, &labels), &asked, (evaluator.latent(), train.classes), 5)?;
    let wrong = found.iter().zip(test.integers("label")?).filter(|(found, label)| found != label);
    Ok(wrong.count() as f64 / test.len().max(1) as f64)
}

/// `x` as floats, bytes in [0, 1].
pub(super) fn numbers(set: &Dataset) -> Result<Vec<f32>> {
    Ok(match &set.column("x")?.data {
        ArrayData::F32(x) => x.clone(),
        ArrayData::U8(x) => x.iter().map(|&b| f32::from(b) / 255.0).collect(),
        ArrayData::U32(_) => return Err(Error::Config("this figure is of numbers, and x holds tokens".into())),
    })
}

fn anomalies(set: &Dataset) -> Result<Vec<bool>> {
    Ok(set.integers("anomaly")?.iter().map(|&flag| flag != 0).collect())
}

fn mean_squared(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / a.len().max(1) as f64
}

fn column_means(rows: &[f32], count: usize) -> Vec<f32> {
    let size = rows.len() / count.max(1);
    let mut means = vec![0.0f64; size];
    for row in rows.chunks_exact(size.max(1)) {
        means.iter_mut().zip(row).for_each(|(mean, &x)| *mean += f64::from(x) / count as f64);
    }
    means.into_iter().map(|mean| mean as f32).collect()
}
