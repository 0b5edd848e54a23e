//! Terms that draw the posteriors of single modalities together.

use super::{product_of_experts, shared_information};
use crate::dist::Normal;
use crate::error::Result;
use crate::graph::{Graph, Value};

/// What else holds the posteriors together, with its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Alignment {
    /// Nothing.
    None,
    /// Σₘ KL(q(z|x) ‖ q(z|xₘ)) with the product of all that are present as q(z|x) (JMVAE-kl: Suzuki 2016, arXiv 1611.01891,
    /// equation 3), nats.
    Kl(f32),
    /// For each pair of modalities the cross-entropy of finding the partner of each example among the batch, both ways, by
    /// [`shared_information`]: the contrast of pairs with strangers of Shi 2020 (arXiv 2007.01179), with the model's own
    /// pointwise mutual information as the score. Nats; ln B where nothing is shared.
    Contrast(f32),
}

impl Alignment {
    /// Weight, name and value of the term, the mean over the batch; `experts` [B, L] and `present` [B, 1] of each modality.
    ///
    /// # Errors
    /// Those of the graph.
    pub(super) fn term(
        self,
        g: &mut Graph,
        experts: &[Normal],
        present: &[Value],
    ) -> Result<Option<(f32, &'static str, Value)>> {
        let posterior = |g: &mut Graph, m: usize| product_of_experts(g, &experts[m..=m], &present[m..=m]);
        let mut sum: Option<Value> = None;
        let mut add = |g: &mut Graph, term: Value| -> Result<()> {
            sum = Some(sum.map_or(Ok(term), |sum| g.add(sum, term))?);
            Ok(())
        };
        let (weight, name) = match self {
            Self::None => return Ok(None),
            Self::Kl(weight) => {
                let joint = product_of_experts(g, experts, present)?;
                for (m, &has) in present.iter().enumerate() {
                    let own = posterior(g, m)?;
                    let each = joint.kl(g, &own)?;
                    let each = g.mul(each, has)?;
                    let each = g.per_example(each)?;
                    let mean = g.mean_all(each)?;
                    add(g, mean)?;
                }
                (weight, "apart")
            }
            Self::Contrast(weight) => {
                for b in 1..experts.len() {
                    for a in 0..b {
                        let own = posterior(g, a)?;
                        let term = contrast(g, (own, present[a]), (experts[b], present[b]))?;
                        add(g, term)?;
                    }
                }
                (weight, "contrast")
            }
        };
        Ok(sum.map(|sum| (weight, name, sum)))
    }
}

/// Mean over the pairs that are whole of −½ (ln softmaxⱼ s(i, j) + ln softmaxᵢ s(i, j)) at i = j. One that is missing shares
/// nothing with anybody: its s is 0.
fn contrast(g: &mut Graph, (own, has_a): (Normal, Value), (expert, has_b): (Normal, Value)) -> Result<Value> {
    let rows = g.shape(own.mu).dims()[0];
    let score = shared_information(g, own, expert)?;
    let column = g.reshape(has_b, [1, rows])?;
    let score = g.mul(score, has_a)?;
    let score = g.mul(score, column)?;
    let (i, j) = (g.iota([rows, rows], 0)?, g.iota([rows, rows], 1)?);
    let one = g.full([], 1.0)?;
    let (below, above) = (g.where_at_least(i, j, one)?, g.where_at_least(j, i, one)?);
    let diagonal = g.mul(below, above)?;
    let partner = g.mul(score, diagonal)?;
    let partner = g.sum(partner, &[1])?;
    let (across, down) = (g.logsumexp(score, &[1])?, g.logsumexp(score, &[0])?);
    let both = g.add(across, down)?;
    let half = g.scale(both, 0.5)?;
    let each = g.sub(half, partner)?;
    let whole = g.mul(has_a, has_b)?;
    let whole = g.reshape(whole, [rows])?;
    let each = g.mul(each, whole)?;
    g.mean_all(each)
}
