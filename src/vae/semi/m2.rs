//! M2: the class as a latent variable that is sometimes seen.

use super::{Batch, Classifier, Draws, Forward, Known, Latent, Model, Terms, Vae};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::Mode;
use crate::tensor::TensorType;

/// p(y) p(z|y) p(x|y, z) with q(y|x) q(z|x, y) and uniform p(y) over C classes (Kingma 2014, arXiv 1406.5298, section 2.2).
/// With w_y = [y is the label] where that is known and w_y = q(y|x) where it is not, both bounds (equations 6 and 7) are one:
///
/// ln p(x[, y]) ≥ Σ_y w_y (ln p(x|y, z_y) − KL(q(z|x, y) ‖ p(z|y))) − KL(w ‖ p(y)),
///
/// and what is minimised is its negative with weight β on both KL, plus α · the mean −ln q(y|x) of the labels there are
/// (equation 9; the paper's α = 0.1 N is 0.1 here, for the bound is a mean over examples). All classes are computed for all
/// examples, so labelled and unlabelled ones may stand anywhere in a batch.
#[derive(Debug)]
pub struct M2 {
    vae: Vae,
    classifier: Classifier,
    alpha: f32,
}

/// A pass under every class. Rows are the samples, in each of them the classes, in each of these the examples.
struct Every {
    /// A batch of C · B examples, the class of each as its label.
    under: Batch,
    forward: Forward,
}

impl M2 {
    /// From the parts of a model of x under y, whose `classes` are set and whose objective is not asked; what tells the
    /// classes apart; and α.
    ///
    /// # Errors
    /// Where `vae` is not conditional, or on other classes than the classifier's.
    pub fn new(vae: Vae, classifier: Classifier, alpha: f32) -> Result<Self> {
        if vae.classes != Some(classifier.classes) || classifier.classes == 0 {
            let message =
                format!("M2 tells {} classes apart and generates under {:?}", classifier.classes, vae.classes);
            return Err(Error::Config(message));
        }
        Ok(Self { vae, classifier, alpha })
    }

    /// `batch` under every class, and `samples` codes for each, drawn with the same noise under all of them: what q(y|x) follows
    /// are differences between bounds, in which most of the noise then cancels.
    fn every(&self, g: &mut Graph, batch: &Batch, samples: usize, mode: Mode) -> Result<Every> {
        let (classes, size) = (self.classifier.classes, batch.size());
        let features = self.vae.features(g, batch, mode)?;
        let features = g.tile(features, classes)?;
        let x = batch.get(g, "x")?;
        let (x, label) = (g.tile(x, classes)?, each_class(g, classes, size)?);
        let under = Batch::empty(classes * size).with(g, "x", x).with(g, "label", label);
        let latent = self.vae.infer(g, features, &under, Draws { samples, alike: classes })?;
        let forward = self.vae.score(g, latent, &under, samples, mode)?;
        Ok(Every { under, forward })
    }
}

/// One-hot rows [C · B, C]: B of each class.
fn each_class(g: &mut Graph, classes: usize, size: usize) -> Result<Value> {
    let (row, column) = (g.iota([classes, classes], 0)?, g.iota([classes, classes], 1)?);
    let off = g.sub(row, column)?;
    let off = g.abs(off)?;
    let near = g.affine(off, -1.0, 1.0)?;
    let identity = g.clamp(near, 0.0, 1.0)?;
    let identity = g.reshape(identity, [classes, 1, classes])?;
    let room = g.full([classes, size, classes], 0.0)?;
    let rows = g.add(identity, room)?;
    g.reshape(rows, [classes * size, classes])
}

/// Σ_y w_y x_y for `x` [C · B, …] and `weights` [C, B]: [B, …].
fn expected(g: &mut Graph, x: Value, weights: Value) -> Result<Value> {
    let &[classes, size] = g.shape(weights).dims() else {
        return Err(Error::shape("m2", format!("the weights of the classes are {}", g.shape(weights))));
    };
    let rest = g.shape(x).dims()[1..].to_vec();
    let x = g.reshape(x, [classes, size, rest.iter().product()])?;
    let weights = g.reshape(weights, [classes, size, 1])?;
    let weighted = g.mul(x, weights)?;
    let sum = g.sum(weighted, &[0])?;
    g.reshape(sum, [&[size], rest.as_slice()].concat())
}

impl Model for M2 {
    fn terms(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> Result<Terms> {
        let classes = self.classifier.classes;
        let x = batch.get(g, "x")?;
        let log_q = self.classifier.log_probs(g, x, mode)?;
        let known = Known::of(g, batch, classes)?;
        let unknown = g.affine(known.mask, -1.0, 1.0)?;
        let q = g.exp(log_q)?;
        let guessed = g.mul(q, unknown)?;
        let weights = g.add(known.label, guessed)?;
        // KL(w ‖ p(y)) = Σ w ln w + ln C; where the label is known, w ln w is 0.
        let surprise = g.mul(guessed, log_q)?;
        let surprise = g.sum(surprise, &[1])?;
        let kl_class = g.affine(surprise, 1.0, (classes as f32).ln())?;

        let Every { under, forward: Forward { latent, decoded, reconstruction_each, .. } } =
            self.every(g, batch, 1, mode)?;
        let label = self.vae.label(g, &under)?;
        let data = batch.example("x")?;
        let kl_code = self.vae.with_context(data, label, |context| self.vae.prior.kl(g, &latent, context))?;
        let mean = g.scoped("objective", |g| self.vae.likelihood.mean(g, decoded))?;

        let weights = g.transpose2(weights)?;
        let reconstruction_each = expected(g, reconstruction_each, weights)?;
        let kl_code = expected(g, kl_code, weights)?;
        let kl_class = g.reshape(kl_class, [batch.size(), 1])?;
        let kl_each = g.concat(&[kl_code, kl_class], 1)?;
        let kl_sum = g.per_example(kl_each)?;
        let (reconstruction, kl) = (g.mean_all(reconstruction_each)?, g.mean_all(kl_sum)?);
        let bound = g.add(reconstruction, kl)?;
        let classification = known.cross_entropy(g, log_q)?;
        let beta = g.input("beta", TensorType::f32([]))?;
        let weighted = g.mul(kl, beta)?;
        let loss = g.add(reconstruction, weighted)?;
        let taught = g.scale(classification, self.alpha)?;
        let [z, mu, mean] = [latent.z, latent.mu, mean].map(|each| expected(g, each, weights));
        Ok(Terms {
            loss: g.add(loss, taught)?,
            players: vec![],
            elbo: g.scale(bound, -1.0)?,
            reconstruction,
            kl,
            figures: vec![("classification", classification)],
            reconstruction_each,
            kl_each,
            latent: Latent { z: z?, ..Latent::point(mu?) },
            mean: mean?,
        })
    }
    fn latent(&self) -> usize {
        self.vae.latent()
    }
    fn bounded(&self) -> bool {
        self.vae.bounded()
    }
    /// E[x|y, z] with the column `label` as y.
    fn decode(&self, g: &mut Graph, z: Value, batch: &Batch) -> Result<Value> {
        self.vae.decode(g, z, batch)
    }
    fn sample(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        self.vae.sample(g, batch)
    }
    /// ln Σ_y p(x, y, z_y) / q(z_y|x, y), the classes summed exactly.
    fn log_weights(&self, g: &mut Graph, batch: &Batch, samples: usize) -> Result<Value> {
        let Every { under, forward } = self.every(g, batch, samples, Mode::Eval)?;
        let classes = self.classifier.classes;
        let each = self.vae.weigh(g, &forward, &under, samples)?;
        let each = g.reshape(each, [samples, classes, batch.size()])?;
        let sum = g.logsumexp(each, &[1])?;
        g.affine(sum, 1.0, -(classes as f32).ln())
    }
    fn classify(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        self.classifier.classify(g, batch)
    }
}
