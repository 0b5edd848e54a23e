//! What the training loop and the evaluator know of a model.

use super::{Batch, Latent};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::nn::Mode;
use std::fmt::Debug;

/// A generative model of examples with latent variables. [`super::Vae`] is the one that most models are a combination of.
pub trait Model: Debug + Send + Sync {
    /// What a step over `batch` minimises and reports.
    ///
    /// Inputs it may declare: `rng` (`U32` \[4\]: seed, step) where anything is drawn, `beta` and `capacity` (scalars).
    ///
    /// # Errors
    /// Where the parts or the data do not fit together.
    fn terms(&self, g: &mut Graph, batch: &Batch, mode: Mode) -> Result<Terms>;

    /// Length L of a code.
    fn latent(&self) -> usize;

    /// Whether [`Terms::elbo`] bounds ln p(x). Where the posterior is a point among infinitely many its KL is infinite; it is
    /// left out, and what remains is −reconstruction, which bounds nothing.
    fn bounded(&self) -> bool {
        true
    }

    /// E[x|z] of codes `z` [B, L], in evaluation; `batch` has what the model is conditioned on.
    fn decode(&self, g: &mut Graph, z: Value, batch: &Batch) -> Result<Value>;

    /// A code for each example of `batch` from the prior, [B, L]. Of the batch it reads what the model is conditioned on.
    fn sample(&self, g: &mut Graph, batch: &Batch) -> Result<Value>;

    /// Examples of codes `z` [B, L] drawn from p(x|z), nearer to the most likely the lower the `temperature` is (0: the most
    /// likely; 1: as they are), where the model writes examples element by element; else E[x|z].
    ///
    /// # Errors
    /// A temperature below 0.
    fn draw(&self, g: &mut Graph, z: Value, batch: &Batch, temperature: f32) -> Result<Value> {
        let _ = temperature;
        self.decode(g, z, batch)
    }

    /// The columns of the modalities that the model has beside each other, in the order in which [`Model::decode`] yields them
    /// side by side; empty for a model of one.
    fn modalities(&self) -> Vec<&str> {
        vec![]
    }

    /// Importance weights ln p(x, z) − ln q(z|x), nats, of `samples` codes for each example, [samples, B]: the logarithm of
    /// their mean estimates ln p(x) from below (Burda 2015, arXiv 1509.00519, equation 8).
    ///
    /// # Errors
    /// Where the posterior has no density.
    fn log_weights(&self, g: &mut Graph, batch: &Batch, samples: usize) -> Result<Value> {
        let _ = (g, batch, samples);
        Err(Error::Config("this model's likelihood is not estimated by importance sampling".into()))
    }

    /// ln q(y|x) of each class for each example of `batch`, [B, C], in evaluation.
    ///
    /// # Errors
    /// Where the model tells no classes apart.
    fn classify(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let _ = (g, batch);
        Err(Error::Config("this model tells no classes apart".into()))
    }

    /// The model as one whose codes are rows of a table, where it is one.
    fn discrete(&self) -> Option<&dyn Discrete> {
        None
    }
}

/// What a model whose codes are rows of a table can do besides.
pub trait Discrete {
    /// Rows of the table, K.
    fn codes(&self) -> usize;
    /// Rows in a code.
    fn places(&self) -> usize;
    /// Which rows the examples of `batch` have: U32 [B, places].
    fn indices(&self, g: &mut Graph, batch: &Batch) -> Result<Value>;
    /// The codes [B, L] of such rows.
    fn vectors(&self, g: &mut Graph, indices: Value) -> Result<Value>;
}

/// Parameters that minimise a loss of their own: a discriminator.
#[derive(Clone, Debug)]
pub struct Player {
    /// Dotted path: all parameters below it are the player's, and no longer follow [`Terms::loss`].
    pub scope: String,
    /// Its loss, a scalar.
    pub loss: Value,
}

/// What [`Model::terms`] yields. Batch means unless said; all in nats per example.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What is minimised: a scalar.
    pub loss: Value,
    /// Who minimises something else.
    pub players: Vec<Player>,
    /// The evidence lower bound, whatever β and free bits are, where the model is [`Model::bounded`]: a scalar.
    pub elbo: Value,
    /// −ln p(x|z): a scalar.
    pub reconstruction: Value,
    /// KL(q(z|x) ‖ p(z)): a scalar.
    pub kl: Value,
    /// Further figures to watch, scalars by name.
    pub figures: Vec<(&'static str, Value)>,
    /// −ln p(x|z) of each example: \[B\].
    pub reconstruction_each: Value,
    /// KL of each example in its parts, which sum to it, [B, D]: D = L by latent dimension, those of all levels side by side
    /// where there are levels; by place where codes are rows of a table; with that of the class as the last where the class is
    /// latent; D = 1 where it does not fall apart, behind flows and of mixtures.
    pub kl_each: Value,
    /// The sample and its distribution.
    pub latent: Latent,
    /// E[x|z], shaped as x.
    pub mean: Value,
}

impl Terms {
    /// Those of a model that hides nothing, so that its bound is ln p itself and the KL is 0: from −ln p of each example \[B\],
    /// what stands for a code [B, L], and the mean. The loss is the mean −ln p.
    ///
    /// # Errors
    /// None that these shapes can cause.
    pub fn observed(g: &mut Graph, reconstruction_each: Value, code: Value, mean: Value) -> Result<Self> {
        let reconstruction = g.mean_all(reconstruction_each)?;
        let batch = g.shape(reconstruction_each).len();
        Ok(Self {
            loss: reconstruction,
            players: vec![],
            elbo: g.scale(reconstruction, -1.0)?,
            reconstruction,
            kl: g.full([], 0.0)?,
            figures: vec![],
            reconstruction_each,
            kl_each: g.full([batch, 1], 0.0)?,
            latent: Latent::point(code),
            mean,
        })
    }

    /// What the parameter at the dotted path `name` minimises: its player's loss, or the model's.
    pub fn loss_of(&self, name: &str) -> Value {
        let below = |scope: &str| name.strip_prefix(scope).is_some_and(|rest| rest.starts_with('.'));
        self.players.iter().find(|player| below(&player.scope)).map_or(self.loss, |player| player.loss)
    }

    /// The gradient for each of `params`, of the loss that it minimises; `grad` is [`Graph::grad`] or scales on the way.
    ///
    /// # Errors
    /// Those of `grad`.
    pub fn gradients(
        &self,
        g: &mut Graph,
        params: &[Value],
        grad: impl Fn(&mut Graph, Value, &[Value]) -> Result<Vec<Value>>,
    ) -> Result<Vec<Value>> {
        let losses: Vec<Value> = params.iter().map(|&param| self.loss_of(&g.label(param))).collect();
        let mut grads = vec![self.loss; params.len()];
        let mut done: Vec<Value> = vec![];
        for &loss in &losses {
            if done.contains(&loss) {
                continue;
            }
            done.push(loss);
            let own: Vec<usize> = (0..params.len()).filter(|&i| losses[i] == loss).collect();
            let wrt: Vec<Value> = own.iter().map(|&i| params[i]).collect();
            own.into_iter().zip(grad(g, loss, &wrt)?).for_each(|(i, grad)| grads[i] = grad);
        }
        Ok(grads)
    }
}
