//! Objectives with a discriminator, which minimises a loss of its own in the same step.

use super::{Loss, Objective, Pass};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::{Activation, Linear, Mode, Module};
use crate::vae::Player;

/// Where discriminators keep their parameters.
const SCOPE: &str = "discriminator";

/// A multilayer perceptron of SiLU units from codes to one logit a row, \[N\].
#[derive(Clone, Copy, Debug)]
pub struct CodeDiscriminator {
    /// Units of a layer.
    pub hidden: usize,
    /// Hidden layers.
    pub layers: usize,
}

impl CodeDiscriminator {
    fn logits(&self, g: &mut Graph, z: Value) -> Result<Value> {
        let rows = g.shape(z).dims()[0];
        let logits = g.scoped(SCOPE, |g| -> Result<Value> {
            let mut h = z;
            for i in 0..self.layers {
                h = g.scoped(&format!("fc{}", i + 1), |g| Linear::new(self.hidden).forward(g, h, Mode::Train))?;
                h = Activation::Silu.forward(g, h, Mode::Train)?;
            }
            g.scoped("out", |g| Linear::new(1).forward(g, h, Mode::Train))
        })?;
        g.reshape(logits, [rows])
    }
}

/// ½ (−mean ln σ(real) − mean ln σ(−fake)): what tells the two apart, a scalar.
fn telling_apart(g: &mut Graph, real: Value, fake: Value) -> Result<Value> {
    let negated = g.scale(real, -1.0)?;
    let (real, fake) = (g.softplus(negated)?, g.softplus(fake)?);
    let (real, fake) = (g.mean_all(real)?, g.mean_all(fake)?);
    let sum = g.add(real, fake)?;
    g.scale(sum, 0.5)
}

/// −mean ln σ(logits).
fn fooling(g: &mut Graph, logits: Value) -> Result<Value> {
    let negated = g.scale(logits, -1.0)?;
    let each = g.softplus(negated)?;
    g.mean_all(each)
}

/// An adversarial autoencoder: reconstruction + β · λ · the loss of fooling a discriminator that tells codes from samples of
/// the prior; the KL is no part of it (Makhzani 2015, arXiv 1511.05644). The prior is what codes are led to, so it stands
/// still: one that is trained is refused.
#[derive(Clone, Copy, Debug)]
pub struct Adversarial {
    /// λ.
    pub weight: f32,
    /// What tells codes from the prior.
    pub discriminator: CodeDiscriminator,
}

impl Objective for Adversarial {
    fn loss(&self, g: &mut Graph, pass: &Pass<'_>) -> Result<Loss> {
        let (rng, rows) = (g.noise_state()?, g.shape(pass.latent.z).dims()[0]);
        let prior = pass.model.prior.sample(g, rng, rows, pass.context)?;
        if g.params().into_iter().any(|param| g.label(param).starts_with("prior.")) {
            let message = "an adversarial objective leads codes to a prior that stands still, and this one is trained";
            return Err(Error::Config(format!("{message}: take the normal prior")));
        }
        let prior = g.detach(prior)?;
        let held = g.detach(pass.latent.z)?;
        let (real, fake) = (self.discriminator.logits(g, prior)?, self.discriminator.logits(g, held)?);
        let apart = telling_apart(g, real, fake)?;
        let own = self.discriminator.logits(g, pass.latent.z)?;
        let fooled = fooling(g, own)?;
        let beta = pass.beta(g)?;
        let weighted = g.mul(fooled, beta)?;
        let weighted = g.scale(weighted, self.weight)?;
        let loss = g.add(pass.reconstruction, weighted)?;
        let players = vec![Player { scope: SCOPE.into(), loss: apart }];
        Ok(Loss { loss, players, figures: vec![("discriminator", apart)] })
    }
}

/// −ELBO + γ · TC(z), the total correlation by a discriminator that tells q(z) from Π q(z_d) (Kim & Mnih 2018, arXiv
/// 1802.05983, equation 3 and algorithm 1). The dimensions are made independent by shifting each by another number of
/// examples: batches are in random order, so that is a permutation of its own for each.
#[derive(Clone, Copy, Debug)]
pub struct Factor {
    /// γ.
    pub gamma: f32,
    /// What tells codes from shuffled ones.
    pub discriminator: CodeDiscriminator,
}

/// `z` [B, L] with dimension d of row i from row (i + d + 1) mod B, [B, L].
///
/// # Errors
/// Where there are no more rows than dimensions.
pub fn shuffled(g: &mut Graph, z: Value) -> Result<Value> {
    let [batch, dims] = [g.shape(z).dims()[0], g.shape(z).last()];
    if dims >= batch {
        return Err(Error::Config(format!("{dims} latent dimensions need batches of more than {dims} to be shuffled")));
    }
    // Row d of the transposed codes, twice, read from d + 1 on: rows of 2B + 1 out of a list of rows of 2B.
    let rows = g.transpose2(z)?;
    let twice = g.concat(&[rows, rows], 1)?;
    let flat = g.reshape(twice, [dims * 2 * batch])?;
    let flat = g.embed(flat, 0, 0, dims * (2 * batch + 1) + 1)?;
    let flat = g.slice(flat, 0, 1..dims * (2 * batch + 1) + 1)?;
    let skewed = g.reshape(flat, [dims, 2 * batch + 1])?;
    let rows = g.slice(skewed, 1, 0..batch)?;
    g.transpose2(rows)
}

impl Objective for Factor {
    fn loss(&self, g: &mut Graph, pass: &Pass<'_>) -> Result<Loss> {
        let own = self.discriminator.logits(g, pass.latent.z)?;
        let tc = g.mean_all(own)?;
        let held = g.detach(pass.latent.z)?;
        let independent = shuffled(g, held)?;
        let (joint, product) = (self.discriminator.logits(g, held)?, self.discriminator.logits(g, independent)?);
        let apart = telling_apart(g, joint, product)?;
        let beta = pass.beta(g)?;
        let kl = g.mul(pass.kl, beta)?;
        let correlation = g.scale(tc, self.gamma)?;
        let loss = g.add(pass.reconstruction, kl)?;
        let loss = g.add(loss, correlation)?;
        let players = vec![Player { scope: SCOPE.into(), loss: apart }];
        Ok(Loss { loss, players, figures: vec![("tc", tc), ("discriminator", apart)] })
    }
}

/// VAE-GAN (Larsen 2016, arXiv 1512.09300, algorithm 1): a discriminator tells data from reconstructions and samples; x and
/// its reconstruction are compared in its features, with unit variance, instead of by the likelihood. The encoder minimises
/// β · KL + features, the decoder γ · features + the loss of fooling, a trained prior β · KL. Encoder and decoder may minimise λ · (−ln p(x|z)) of the pixels beside:
/// without it (λ = 0, the paper) nothing but the discriminator tells the decoder of a colour, which takes long trainings.
#[derive(Debug)]
pub struct VaeGan {
    /// From x [N, …] to features [N, F].
    pub features: Box<dyn Module>,
    /// γ.
    pub gamma: f32,
    /// λ.
    pub pixels: f32,
}

impl VaeGan {
    fn discriminate(&self, g: &mut Graph, x: Value) -> Result<(Value, Value)> {
        let rows = g.shape(x).dims()[0];
        g.scoped(SCOPE, |g| {
            let features = g.scoped("features", |g| self.features.forward(g, x, Mode::Train))?;
            let logits = g.scoped("out", |g| Linear::new(1).forward(g, features, Mode::Train))?;
            Ok((features, g.reshape(logits, [rows])?))
        })
    }
}

impl Objective for VaeGan {
    fn loss(&self, g: &mut Graph, pass: &Pass<'_>) -> Result<Loss> {
        let mean = |g: &mut Graph, decoded: Value| g.scoped("objective", |g| pass.model.likelihood.mean(g, decoded));
        let (rng, rows) = (g.noise_state()?, g.shape(pass.latent.z).dims()[0]);
        let drawn = pass.model.prior.sample(g, rng, rows, pass.context)?;
        let drawn = pass.model.decode_raw(g, drawn, pass.batch, pass.mode)?;
        let (drawn, rebuilt) = (mean(g, drawn)?, mean(g, pass.decoded)?);
        let (seen, real) = self.discriminate(g, pass.x)?;
        let (felt, fake) = self.discriminate(g, rebuilt)?;
        let (_, free) = self.discriminate(g, drawn)?;
        let seen = g.detach(seen)?;
        let off = g.sub(felt, seen)?;
        let off = g.square(off)?;
        let off = g.sum_all(off)?;
        let similarity = g.scale(off, 0.5 / rows as f32)?;
        let fakes = g.concat(&[fake, free], 0)?;
        let fooled = fooling(g, fakes)?;
        let held = [rebuilt, drawn].map(|x| g.detach(x));
        let [rebuilt, drawn] = held;
        let ((_, fake), (_, free)) = (self.discriminate(g, rebuilt?)?, self.discriminate(g, drawn?)?);
        let fakes = g.concat(&[fake, free], 0)?;
        let apart = telling_apart(g, real, fakes)?;
        let beta = pass.beta(g)?;
        let kl = g.mul(pass.kl, beta)?;
        let mut encoder = g.add(kl, similarity)?;
        let weighted = g.scale(similarity, self.gamma)?;
        let mut loss = g.add(weighted, fooled)?;
        if self.pixels > 0.0 {
            let pixels = g.scale(pass.reconstruction, self.pixels)?;
            [encoder, loss] = [g.add(encoder, pixels)?, g.add(loss, pixels)?];
        }
        let player = |scope: &str, loss: Value| Player { scope: scope.into(), loss };
        let encoded = ["encoder", "posterior"].map(|scope| player(scope, encoder));
        let players = encoded.into_iter().chain([player("prior", kl), player(SCOPE, apart)]).collect();
        Ok(Loss { loss, players, figures: vec![("similarity", similarity), ("discriminator", apart)] })
    }
}
