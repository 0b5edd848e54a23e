//! Objectives that ask for independent latent dimensions by the codes of a batch: β-TC and DIP.

use super::{Loss, Objective, Pass};
use crate::dist::Normal;
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};

/// Reconstruction + α · I(x; z) + β · TC(z) + γ · Σ_d KL(q(z_d) ‖ p(z_d)), the three parts of the KL with weights of their own;
/// β is the input `beta`. The aggregate posterior is estimated by minibatch-weighted sampling (Chen 2018, arXiv 1802.04942,
/// equations 2 and S5). The three parts sum to the KL's estimate from the sample.
#[derive(Clone, Copy, Debug)]
pub struct BetaTc {
    /// Weight of the mutual information between x and z.
    pub alpha: f32,
    /// Weight of the dimensions' own KL.
    pub gamma: f32,
    /// Training examples, N.
    pub examples: usize,
}

/// The parts of the KL, batch means.
#[derive(Clone, Copy, Debug)]
pub struct Decomposition {
    /// I(x; z) under q.
    pub mutual_information: Value,
    /// KL(q(z) ‖ Π q(z_d)).
    pub total_correlation: Value,
    /// Σ_d KL(q(z_d) ‖ p(z_d)).
    pub dimension_kl: Value,
}

fn gaussian(pass: &Pass<'_>, what: &str) -> Result<Normal> {
    match (pass.latent.q, pass.latent.log_q_flowed, pass.samples) {
        (Some(q), None, 1) => Ok(q),
        _ => Err(Error::Config(format!("{what} needs a Gaussian posterior without a flow"))),
    }
}

impl BetaTc {
    /// The decomposition of the KL of a pass.
    ///
    /// # Errors
    /// Where the posterior is no plain Gaussian.
    pub fn decompose(&self, g: &mut Graph, pass: &Pass<'_>) -> Result<Decomposition> {
        let q = gaussian(pass, "the total correlation")?;
        let [batch, dims] = [g.shape(pass.latent.z).dims()[0], g.shape(pass.latent.z).last()];
        let z = g.reshape(pass.latent.z, [batch, 1, dims])?;
        let all = Normal { mu: g.reshape(q.mu, [1, batch, dims])?, logvar: g.reshape(q.logvar, [1, batch, dims])? };
        let pairs = all.log_prob(g, z)?; // ln q(z_i,d | x_j), [i, j, d]
        let joint = g.sum(pairs, &[2])?;
        let log_q = g.logsumexp(joint, &[1])?;
        let marginals = g.logsumexp(pairs, &[1])?; // [i, d]
        let log_marginals = g.sum(marginals, &[1])?;
        let normalizer = (self.examples.max(1) as f32 * batch as f32).ln();
        let log_q = g.affine(log_q, 1.0, -normalizer)?;
        let log_marginals = g.affine(log_marginals, 1.0, -normalizer * dims as f32)?;
        let (log_q_given_x, log_p) = pass.densities(g)?;
        let mut mean_difference = |a: Value, b: Value| {
            let each = g.sub(a, b)?;
            g.mean_all(each)
        };
        Ok(Decomposition {
            mutual_information: mean_difference(log_q_given_x, log_q)?,
            total_correlation: mean_difference(log_q, log_marginals)?,
            dimension_kl: mean_difference(log_marginals, log_p)?,
        })
    }
}

impl Objective for BetaTc {
    fn loss(&self, g: &mut Graph, pass: &Pass<'_>) -> Result<Loss> {
        let parts = self.decompose(g, pass)?;
        let beta = pass.beta(g)?;
        let information = g.scale(parts.mutual_information, self.alpha)?;
        let correlation = g.mul(parts.total_correlation, beta)?;
        let own = g.scale(parts.dimension_kl, self.gamma)?;
        let mut loss = pass.reconstruction;
        for part in [information, correlation, own] {
            loss = g.add(loss, part)?;
        }
        let figures = vec![("mutual_information", parts.mutual_information), ("tc", parts.total_correlation)];
        Ok(Loss { figures, ..loss.into() })
    }
}

/// −ELBO + λ_od Σ_{i≠j} C_ij² + λ_d Σ_i (C_ii − 1)², the ELBO's KL with weight `beta`; C is the covariance of μ over the
/// batch (DIP-VAE-I) or that plus the mean of σ² on the diagonal (DIP-VAE-II), the covariance of q(z) (Kumar 2018, arXiv
/// 1711.00848, equations 5 to 7).
#[derive(Clone, Copy, Debug)]
pub struct Dip {
    /// λ_od.
    pub off_diagonal: f32,
    /// λ_d.
    pub diagonal: f32,
    /// Whether C includes the mean of σ²: DIP-VAE-II.
    pub second: bool,
}

impl Objective for Dip {
    fn loss(&self, g: &mut Graph, pass: &Pass<'_>) -> Result<Loss> {
        let q = gaussian(pass, "a covariance of codes")?;
        let batch = g.shape(q.mu).dims()[0] as f32;
        let mean = g.mean(q.mu, &[0])?;
        let centred = g.sub(q.mu, mean)?;
        let covariance = g.matmul_t(centred, centred, true, false)?;
        let covariance = g.scale(covariance, 1.0 / batch)?;
        let squares = g.square(centred)?;
        let variances = g.mean(squares, &[0])?; // the diagonal
        let sum_squares = |g: &mut Graph, x: Value| {
            let squares = g.square(x)?;
            g.sum_all(squares)
        };
        let whole = sum_squares(g, covariance)?;
        let diagonal = sum_squares(g, variances)?;
        let off = g.sub(whole, diagonal)?;
        let mut spread = variances;
        if self.second {
            let sigma2 = g.exp(q.logvar)?;
            let sigma2 = g.mean(sigma2, &[0])?;
            spread = g.add(variances, sigma2)?;
        }
        let from_one = g.affine(spread, 1.0, -1.0)?;
        let on = sum_squares(g, from_one)?;
        let beta = pass.beta(g)?;
        let weighted = g.mul(pass.kl, beta)?;
        let mut loss = g.add(pass.reconstruction, weighted)?;
        for (part, weight) in [(off, self.off_diagonal), (on, self.diagonal)] {
            let part = g.scale(part, weight)?;
            loss = g.add(loss, part)?;
        }
        Ok(Loss { figures: vec![("off_diagonal", off)], ..loss.into() })
    }
}
