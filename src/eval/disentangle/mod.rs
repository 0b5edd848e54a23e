//! Disentanglement: whether each latent dimension holds one true factor of the data, and each factor one dimension.
//!
//! Four published scores between codes μ [N, L] and the factors that made the examples, each 1 for codes that hold every
//! factor in a dimension of its own and near 0 for codes that know nothing of them (the FactorVAE score: 1/K by chance).
//! They ask different things: only `dci` sees whether a dimension holds *several* factors, and only `mig` and `sap`
//! how far the best dimension is ahead of the second. Factors that never vary say nothing and are passed over.
//!
//! ```
//! use wavae::eval::{FactorKind, Factors, mig};
//! // Two factors of four values each, in all sixteen combinations; each code is its factor.
//! let factors: Vec<u32> = (0..16).flat_map(|i| [i / 4, i % 4]).collect();
//! let codes: Vec<f32> = factors.iter().map(|&f| f as f32).collect();
//! let factors = Factors::new(&factors, &[FactorKind::Ordered; 2])?;
//! assert!((mig(&codes, 2, &factors)? - 1.0).abs() < 1e-12);
//! # Ok::<(), wavae::Error>(())
//! ```

mod dci;
mod forest;
mod mig;
mod sap;
mod votes;

pub use dci::{Dci, dci};
pub use mig::{mig, mig_of_each};
pub use sap::sap;
pub use votes::{FactorVotes, factor_vae_score};

use crate::error::{Error, Result};
use crate::eval::check;

/// What the class indices of a factor mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorKind {
    /// Steps of a quantity: a position, a size.
    Ordered,
    /// Names without an order: a shape, a colour.
    Category,
}

/// The true factors of N examples.
#[derive(Clone, Debug)]
pub struct Factors {
    columns: Vec<Factor>,
    count: usize,
}

/// One factor that varies: its column in the caller's table, and for each example its value, counted 0..`sizes` in the
/// order of the indices.
#[derive(Clone, Debug)]
struct Factor {
    column: usize,
    kind: FactorKind,
    /// The caller's index of each example.
    raw: Vec<u32>,
    value: Vec<usize>,
    size: usize,
}

impl Factors {
    /// Class indices `values` [N, K], and what each of the K means.
    ///
    /// # Errors
    /// [`Error::Config`] where `values` are no rows of K, or none of the factors varies.
    pub fn new(values: &[u32], kinds: &[FactorKind]) -> Result<Self> {
        let factors = kinds.len();
        if factors == 0 || !values.len().is_multiple_of(factors) {
            return Err(Error::Config(format!("factors: {} values are no rows of {factors}", values.len())));
        }
        let column = |(column, &kind): (usize, &FactorKind)| {
            let raw: Vec<u32> = values.iter().skip(column).step_by(factors).copied().collect();
            let mut names = raw.clone();
            names.sort_unstable();
            names.dedup();
            let value = raw.iter().map(|v| names.partition_point(|n| n < v)).collect();
            Factor { column, kind, raw, value, size: names.len() }
        };
        let columns: Vec<Factor> = kinds.iter().enumerate().map(column).filter(|f| f.size > 1).collect();
        if columns.is_empty() {
            return Err(Error::Config("factors: none of them varies over the examples".into()));
        }
        Ok(Self { columns, count: values.len() / factors })
    }

    /// The number of examples N.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Always false: there is a factor that varies.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The columns that vary, in order: what the scores by factor are about.
    pub fn varying(&self) -> Vec<usize> {
        self.columns.iter().map(|f| f.column).collect()
    }

    /// The L columns of `codes` [N, L].
    fn code_columns(&self, codes: &[f32], latent: usize) -> Result<Vec<Vec<f32>>> {
        let rows = check::rows("codes", codes, latent)?;
        check::same("codes and factors", rows, self.count)?;
        Ok((0..latent).map(|j| codes.iter().skip(j).step_by(latent).copied().collect()).collect())
    }
}

/// The best dimension's score minus the second best's (0 where there is no second) for each factor.
fn gaps(scores: &[Vec<f64>]) -> Vec<f64> {
    let gap = |row: &Vec<f64>| {
        let mut row = row.clone();
        row.sort_by(|a, b| b.total_cmp(a));
        row[0] - row.get(1).copied().unwrap_or(0.0)
    };
    scores.iter().map(gap).collect()
}
