//! Which numbers a likelihood is of, and whether a column holds such.

use super::parts::{LikelihoodSpec, SpreadSpec};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::tensor::{Array, ArrayData, DType};
use crate::vae::Pseudo;

/// A likelihood in a recipe: its key, the column it is of, and what it is.
pub(in crate::recipe) type Of<'a> = (String, &'a str, LikelihoodSpec);

impl LikelihoodSpec {
    /// Its name in recipes.
    fn name(self) -> &'static str {
        match self {
            Self::Bernoulli => "bernoulli",
            Self::GaussianPixels { .. } => "gaussian-pixels",
            Self::Gaussian { .. } => "gaussian",
            Self::LaplacePixels { .. } => "laplace-pixels",
            Self::Laplace { .. } => "laplace",
            Self::Logistic { .. } => "logistic",
            Self::Poisson => "poisson",
            Self::NegativeBinomial { .. } => "negative-binomial",
        }
    }

    /// The numbers that it is of, in words.
    fn wanted(self) -> &'static str {
        match self {
            Self::Bernoulli | Self::GaussianPixels { .. } | Self::LaplacePixels { .. } => "bytes or floats from 0 to 1",
            Self::Gaussian { .. } | Self::Laplace { .. } => "bytes or floats",
            Self::Logistic { .. } => "bytes",
            Self::Poisson | Self::NegativeBinomial { .. } => "counts, whole floats of 0 or more",
        }
    }

    /// Where trained inputs of a model of such numbers lie.
    pub(super) fn pseudo(self) -> Pseudo {
        match self {
            Self::Bernoulli | Self::GaussianPixels { .. } | Self::LaplacePixels { .. } | Self::Logistic { .. } => {
                Pseudo::Unit
            }
            Self::Gaussian { .. } | Self::Laplace { .. } => Pseudo::Real,
            Self::Poisson | Self::NegativeBinomial { .. } => Pseudo::NotNegative,
        }
    }

    /// Whether it is of any numbers there are, as codes are.
    pub(super) fn of_reals(self) -> bool {
        self.pseudo() == Pseudo::Real
    }

    fn fits(self, numbers: &Array) -> bool {
        match (self, &numbers.data) {
            (_, ArrayData::U32(_)) => false,
            (Self::Poisson | Self::NegativeBinomial { .. }, ArrayData::U8(_)) => false, // they are read as x/255
            (Self::Logistic { .. }, ArrayData::F32(_)) => false,
            (_, ArrayData::U8(_)) => true,
            (Self::Gaussian { .. } | Self::Laplace { .. }, ArrayData::F32(x)) => x.iter().all(|x| x.is_finite()),
            (Self::Poisson | Self::NegativeBinomial { .. }, ArrayData::F32(x)) => x.iter().all(|&x| is_count(x)),
            (_, ArrayData::F32(x)) => x.iter().all(|x| (0.0..=1.0).contains(x)),
        }
    }
}

fn is_count(x: f32) -> bool {
    x >= 0.0 && x.fract() == 0.0 // not of infinity
}

/// Whether the columns of `set` hold the numbers that the likelihoods `all` are of.
///
/// # Errors
/// [`Error::Config`] with the key of the first that does not fit, what its column holds and what would fit.
pub(in crate::recipe) fn fit(all: &[Of<'_>], set: &Dataset) -> Result<()> {
    for (key, column, likelihood) in all {
        let numbers = set.column(column)?;
        if !likelihood.fits(numbers) {
            let (name, wanted) = (likelihood.name(), likelihood.wanted());
            let (found, other) = (described(numbers), fitting(numbers));
            let message = format!("{key} = {name}: it is of {wanted}, and the column {column} holds {found}; {other}");
            return Err(Error::Config(message));
        }
    }
    Ok(())
}

/// Whether bits can be drawn for `x`: its numbers are probabilities.
///
/// # Errors
/// [`Error::Config`] where they are not.
pub(in crate::recipe) fn probabilities(set: &Dataset) -> Result<()> {
    let x = set.column("x")?;
    if LikelihoodSpec::Bernoulli.fits(x) {
        return Ok(());
    }
    let message = "data.binarize: bits are drawn for bytes or floats from 0 to 1";
    Err(Error::Config(format!("{message}, and the column x holds {}; take none", described(x))))
}

fn described(numbers: &Array) -> String {
    let ty = numbers.ty();
    match &numbers.data {
        ArrayData::U8(_) => format!("bytes, {ty}"),
        ArrayData::U32(_) => format!("tokens, {ty}"),
        ArrayData::F32(x) if x.iter().any(|x| !x.is_finite()) => format!("floats that are not all finite, {ty}"),
        ArrayData::F32(x) => {
            let least = x.iter().copied().fold(f32::INFINITY, f32::min);
            let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let whole = if x.iter().all(|x| x.fract() == 0.0) { "whole floats" } else { "floats" };
            format!("{whole} from {least} to {most}, {ty}")
        }
    }
}

/// What to take for such numbers.
fn fitting(numbers: &Array) -> String {
    if numbers.ty().dtype == DType::U32 {
        return "a text model takes tokens".into();
    }
    let sigma = SpreadSpec::Fixed(1.0);
    let all = [
        LikelihoodSpec::Bernoulli,
        LikelihoodSpec::GaussianPixels { sigma },
        LikelihoodSpec::Gaussian { sigma },
        LikelihoodSpec::Logistic { components: 1 },
        LikelihoodSpec::Poisson,
    ];
    let names: Vec<&str> = all.into_iter().filter(|other| other.fits(numbers)).map(LikelihoodSpec::name).collect();
    match names.split_last() {
        Some((last, [])) => format!("{last} would fit"),
        Some((last, others)) => format!("{} or {last} would fit", others.join(", ")),
        None => "no likelihood is of such numbers".into(),
    }
}
