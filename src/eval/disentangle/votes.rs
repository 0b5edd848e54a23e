//! The FactorVAE score.

use super::{Factor, Factors};
use crate::error::{Error, Result};
use crate::eval::variance_of_means;
use crate::rng::Philox;
use rand::RngExt;

/// A dimension that varies by less over the data is not used, and has no vote (Kim & Mnih prune such by their KL;
/// Locatello 2019 by this variance).
const UNUSED: f64 = 0.05;

/// How the FactorVAE score draws its votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactorVotes {
    /// Votes that the classifier learns from.
    pub train: usize,
    /// Votes that it is scored on.
    pub test: usize,
    /// Examples of one vote; all of a value where it has fewer, but at least 8.
    pub examples: usize,
    /// The seed of all draws.
    pub seed: u64,
}

impl Default for FactorVotes {
    /// 800 votes and 800 more, of 64 examples.
    fn default() -> Self {
        Self { train: 800, test: 800, examples: 64, seed: 0 }
    }
}

/// FactorVAE score of `codes` [N, L] (Kim & Mnih 2018, arXiv 1802.05983, section 4): examples are drawn that agree in one
/// factor; the dimension that varies least among them, measured by its spread over all data, votes for that factor; a
/// majority vote over dimensions guesses the factor. The score is the accuracy of that guess on fresh votes; chance is 1/K.
///
/// The paper draws its examples from the generator. Here they are drawn from the N given, grouped by value, so random
/// points of a grid do: a value needs at least 8 examples, 64 and more are better.
///
/// # Errors
/// [`Error::Config`] where codes and factors differ in number, a factor has no value with 8 examples, or there are no
/// votes; [`Error::NonFinite`] for a code that is not finite.
pub fn factor_vae_score(codes: &[f32], latent: usize, factors: &Factors, votes: &FactorVotes) -> Result<f64> {
    const LEAST: usize = 8;
    let columns = factors.code_columns(codes, latent)?;
    if votes.train == 0 || votes.test == 0 || votes.examples < 2 {
        return Err(Error::Config(
            "the FactorVAE score needs votes of at least 2 examples to learn and to test".into(),
        ));
    }
    let variance = variance_of_means(codes, latent);
    let used: Vec<usize> = (0..latent).filter(|&j| variance[j] >= UNUSED).collect();
    if used.is_empty() {
        return Ok(0.0);
    }
    let groups = factors.columns.iter().map(|f| groups(f, LEAST)).collect::<Result<Vec<_>>>()?;
    let mut rng = Philox::new(votes.seed, 0);
    let mut draw = |count: usize| -> Vec<(usize, usize)> {
        let vote = |_| {
            let factor = rng.random_range(0..groups.len());
            let group = &groups[factor][rng.random_range(0..groups[factor].len())];
            let examples = choose(group, votes.examples, &mut rng);
            let spread = |&j: &usize| sample_variance(&columns[j], &examples) / variance[j];
            let spreads: Vec<f64> = used.iter().map(spread).collect();
            let least = (0..used.len()).min_by(|&a, &b| spreads[a].total_cmp(&spreads[b])).unwrap_or(0);
            (least, factor)
        };
        (0..count).map(vote).collect()
    };
    let (train, test) = (draw(votes.train), draw(votes.test));
    let mut table = vec![vec![0usize; groups.len()]; used.len()];
    train.iter().for_each(|&(dimension, factor)| table[dimension][factor] += 1);
    let first_most = |row: &Vec<usize>| (0..row.len()).rev().max_by_key(|&k| row[k]).unwrap_or(0);
    let guess: Vec<usize> = table.iter().map(first_most).collect();
    Ok(test.iter().filter(|&&(d, f)| guess[d] == f).count() as f64 / test.len() as f64)
}

/// The examples of each value that has at least `least`.
fn groups(factor: &Factor, least: usize) -> Result<Vec<Vec<usize>>> {
    let mut groups = vec![Vec::new(); factor.size];
    factor.value.iter().enumerate().for_each(|(example, &v)| groups[v].push(example));
    groups.retain(|g| g.len() >= least);
    if groups.is_empty() {
        let (column, size) = (factor.column, factor.size);
        return Err(Error::Config(format!(
            "the FactorVAE score needs {least} examples that agree in factor {column}, and none of its {size} values \
             has as many; encode more examples"
        )));
    }
    Ok(groups)
}

/// `count` of the group without repetition, or all of it.
fn choose(group: &[usize], count: usize, rng: &mut Philox) -> Vec<usize> {
    let mut group = group.to_vec();
    let count = count.min(group.len());
    for i in 0..count {
        let other = rng.random_range(i..group.len());
        group.swap(i, other);
    }
    group.truncate(count);
    group
}

fn sample_variance(values: &[f32], examples: &[usize]) -> f64 {
    let count = examples.len() as f64;
    let mean = examples.iter().map(|&i| f64::from(values[i])).sum::<f64>() / count;
    examples.iter().map(|&i| (f64::from(values[i]) - mean).powi(2)).sum::<f64>() / (count - 1.0)
}
