//! Semi-supervised models by name.

use super::family::Family;
use super::nets::Net;
use super::numbers::Of;
use super::parts::{LikelihoodSpec, ObjectiveSpec, PosteriorSpec, PriorSpec};
use super::vae::VaeSpec;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::nn::{Linear, Sequential};
use crate::tensor::Shape;
use crate::vae::{Above, Behind, Classifier, M2, Model, Stacked, Vae};
use serde::{Deserialize, Serialize};

/// A model of all examples and a classifier of its codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct M1Spec {
    /// The model of x.
    pub below: VaeSpec,
    /// From codes to features, of which a linear layer makes classes.
    pub classifier: Net,
}

/// The class as a latent variable that is sometimes seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct M2Spec {
    /// Latent dimensions beside the class.
    pub latent: usize,
    /// From x to features, beside which the class is put.
    pub encoder: Net,
    /// From z and the class to x; the encoder's mirror where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<Net>,
    /// From x to features, of which a linear layer makes classes: q(y|x).
    pub classifier: Net,
    /// p(x|y, z).
    pub likelihood: LikelihoodSpec,
    /// Between the features with the class beside them and q(z|x, y): where the two meet, without which the class only moves
    /// what x says of z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint: Option<Net>,
    /// q(z|x, y).
    #[serde(default)]
    pub posterior: PosteriorSpec,
    /// p(z) or p(z|y).
    #[serde(default)]
    pub prior: PriorSpec,
    /// Weight of −ln q(y|x) of the labels there are.
    pub alpha: f32,
}

/// An [`M2Spec`] on the codes of a model of all examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct M1M2Spec {
    /// The model of x.
    pub below: VaeSpec,
    /// The model of its codes.
    pub above: M2Spec,
}

/// `net` on examples of `shape` as a classifier.
fn classifier(net: Sequential, classes: usize) -> Result<Classifier> {
    match classes {
        0 => Err(Error::Config("a semi-supervised model needs data with classes".into())),
        _ => Ok(Classifier { net: Box::new(net), classes }),
    }
}

/// The way from x through the codes of `below` and `net` to classes.
fn through(below: &VaeSpec, net: &Net, train: &Dataset) -> Result<Classifier> {
    let way = Sequential::new()
        .then("encoder", below.encoder.encoder(&train.example("x")?)?)
        .then("code", Linear::new(below.latent))
        .then("net", net.encoder(&[below.latent].into())?);
    classifier(way, train.classes)
}

impl M1Spec {
    fn build(&self, train: &Dataset) -> Result<Stacked> {
        let net = self.classifier.encoder(&[self.below.latent].into())?;
        Ok(Stacked { below: self.below.build(train)?, above: Above::Classifier(classifier(net, train.classes)?) })
    }
}

impl M2Spec {
    fn build(&self, shape: &Shape, classes: usize) -> Result<M2> {
        let likelihood = self.likelihood.build();
        let decoder = self.decoder.as_ref().unwrap_or(&self.encoder).decoder(shape, likelihood.width())?;
        let posterior = self.posterior.build(self.latent);
        let vae = Vae {
            encoder: Box::new(self.encoder.encoder(shape)?),
            posterior: match &self.joint {
                // Its input is a row of features, whatever their number: dense layers alone fit.
                Some(joint) => Box::new(Behind { net: Box::new(joint.encoder(&[1].into())?), base: posterior }),
                None => posterior,
            },
            prior: self.prior.build(self.likelihood.pseudo()),
            decoder: Box::new(decoder),
            likelihood,
            objective: ObjectiveSpec::default().build(1, shape)?,
            classes: Some(classes),
            corruption: None,
        };
        M2::new(vae, self.plain(shape, classes)?, self.alpha)
    }
    fn plain(&self, shape: &Shape, classes: usize) -> Result<Classifier> {
        classifier(self.classifier.encoder(shape)?, classes)
    }
}

impl M1M2Spec {
    fn build(&self, train: &Dataset) -> Result<Stacked> {
        if !self.above.likelihood.of_reals() {
            let message = "model.above.likelihood: it is of codes, which are any numbers; take gaussian or laplace";
            return Err(Error::Config(message.into()));
        }
        let above = self.above.build(&[self.below.latent].into(), train.classes)?;
        Ok(Stacked { below: self.below.build(train)?, above: Above::M2(above) })
    }
}

impl Family for M1Spec {
    fn model(&self, train: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.build(train)?))
    }
    fn classifier(&self, train: &Dataset) -> Result<Classifier> {
        through(&self.below, &self.classifier, train)
    }
    fn likelihood(&self) -> Option<LikelihoodSpec> {
        Some(self.below.likelihood)
    }
    fn likelihoods(&self) -> Vec<Of<'_>> {
        vec![("model.below.likelihood".into(), "x", self.below.likelihood)]
    }
    fn conditional(&self) -> bool {
        true
    }
}

impl Family for M2Spec {
    fn model(&self, train: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.build(&train.example("x")?, train.classes)?))
    }
    fn classifier(&self, train: &Dataset) -> Result<Classifier> {
        self.plain(&train.example("x")?, train.classes)
    }
    fn likelihood(&self) -> Option<LikelihoodSpec> {
        Some(self.likelihood)
    }
    fn conditional(&self) -> bool {
        true
    }
}

impl Family for M1M2Spec {
    fn model(&self, train: &Dataset) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.build(train)?))
    }
    fn classifier(&self, train: &Dataset) -> Result<Classifier> {
        through(&self.below, &self.above.classifier, train)
    }
    fn likelihood(&self) -> Option<LikelihoodSpec> {
        Some(self.below.likelihood)
    }
    fn likelihoods(&self) -> Vec<Of<'_>> {
        vec![("model.below.likelihood".into(), "x", self.below.likelihood)]
    }
    fn conditional(&self) -> bool {
        true
    }
}
