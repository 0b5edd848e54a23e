//! The scores of disentanglement, where a set's factors count.

use crate::data::Dataset;
use crate::error::Result;
use crate::eval::{FactorKind, FactorVotes, Factors, dci, factor_vae_score, mig, mig_of_each, sap};
use serde::Serialize;

/// What codes hold of the true factors, each 1 at best ([`crate::eval`] has their sources).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// The mutual information gap.
    pub mig: f64,
    /// The gap of each factor that varies, whose mean that is: which factors a dimension of their own holds.
    pub mig_of: Vec<(String, f64)>,
    /// Separated attribute predictability.
    pub sap: f64,
    /// DCI: whether each dimension serves one factor.
    pub dci_disentanglement: f64,
    /// DCI: whether each factor is held by one dimension.
    pub dci_completeness: f64,
    /// DCI: how well the factors are predicted.
    pub dci_informativeness: f64,
    /// The FactorVAE score.
    pub factor_vae: f64,
}

/// The column `factors` as classes.
pub(super) fn factors(set: &Dataset) -> Result<Factors> {
    let values = set.floats("factors")?;
    let classes: Vec<u32> = values.iter().map(|&v| v.max(0.0).round() as u32).collect();
    let kind = |k: usize| match set.factors.get(k).map(String::as_str) {
        Some("shape" | "class" | "colour") => FactorKind::Category,
        _ => FactorKind::Ordered,
    };
    let kinds: Vec<FactorKind> = (0..values.len() / set.len().max(1)).map(kind).collect();
    Factors::new(&classes, &kinds)
}

/// The scores of `codes` [N, L] where every factor of `set` has a known number of values, else `None`; also where there are too
/// few examples for a score.
pub(super) fn scores(set: &Dataset, codes: &[f32], latent: usize) -> Option<Scores> {
    if set.factor_sizes.is_empty() || set.factor_sizes.contains(&0) {
        return None;
    }
    let all = || -> Result<Scores> {
        let factors = factors(set)?;
        let gaps = mig_of_each(codes, latent, &factors)?;
        let name = |k: usize| set.factors.get(k).map_or_else(|| k.to_string(), String::clone);
        let by_forest = dci(codes, latent, &factors, 0)?;
        Ok(Scores {
            mig: mig(codes, latent, &factors)?,
            mig_of: factors.varying().into_iter().map(name).zip(gaps).collect(),
            sap: sap(codes, latent, &factors)?,
            dci_disentanglement: by_forest.disentanglement,
            dci_completeness: by_forest.completeness,
            dci_informativeness: by_forest.informativeness,
            factor_vae: factor_vae_score(codes, latent, &factors, &FactorVotes::default())?,
        })
    };
    all().ok()
}
