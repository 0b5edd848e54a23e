//! The class-conditional prior.

use super::{Prior, PriorContext, estimated_kl};
use crate::dist::Normal;
use crate::error::{Error, Result};
use crate::graph::{Graph, Init, Value};
use crate::vae::Latent;

/// p(z|y) = N(μ_y, diag σ_y²), a trained Gaussian for each class, which starts at N(0, I): the prior of a conditional model
/// (Sohn 2015, "Learning structured output representation using deep conditional generative models", equation 4, with a
/// table as prior network). Its KL to a diagonal Gaussian is exact, dimension by dimension.
#[derive(Clone, Copy, Debug)]
pub struct ClassPrior;

impl ClassPrior {
    /// p(z|y) for `rows` rows of z, [rows, L] each.
    fn of(&self, g: &mut Graph, rows: usize, context: &PriorContext<'_>) -> Result<Normal> {
        let none =
            || Error::Config("a class prior is for a conditional model: it needs a class for each example".into());
        let label = context.label.ok_or_else(none)?;
        let classes = g.shape(label).last();
        let label = g.tile(label, rows / g.shape(label).dims()[0].max(1))?;
        let [mu, logvar] = g.scoped("prior", |g| {
            let mut table = |name: &str| {
                let table = g.param(name, [classes, context.latent], Init::Constant(0.0))?;
                g.matmul(label, table)
            };
            Ok::<_, Error>([table("mu")?, table("logvar")?])
        })?;
        Ok(Normal { mu, logvar: g.clamp(logvar, -12.0, 6.0)? })
    }
}

impl Prior for ClassPrior {
    fn log_prob(&self, g: &mut Graph, z: Value, context: &PriorContext<'_>) -> Result<Value> {
        let p = self.of(g, g.shape(z).dims()[0], context)?;
        let each = p.log_prob(g, z)?;
        g.per_example(each)
    }
    fn sample(&self, g: &mut Graph, rng: Value, count: usize, context: &PriorContext<'_>) -> Result<Value> {
        self.of(g, count, context)?.rsample(g, rng)
    }
    fn kl(&self, g: &mut Graph, latent: &Latent, context: &PriorContext<'_>) -> Result<Value> {
        match (latent.q, latent.log_q_flowed) {
            (Some(q), None) => {
                let p = self.of(g, g.shape(latent.z).dims()[0], context)?;
                q.kl(g, &p)
            }
            _ => estimated_kl(self, g, latent, context),
        }
    }
}
