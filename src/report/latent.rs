//! How the codes of a latent space are spread.

use super::Histogram;
use crate::error::{Error, Result};

/// Two histograms, of the posterior's means and of its standard deviations (`mu` and `sigma`, [N, `latent`] each, over all
/// examples), with the dimensions that are `active` apart from the others. Where the posterior is the prior, means are all
/// near 0 and deviations near 1.
///
/// # Errors
/// [`Error::Shape`] where the two are not of that shape, or there is no such dimension.
///
/// ```
/// # fn main() -> wavae::Result<()> {
/// # let folder = std::env::temp_dir().join("wavae-doc");
/// let (mu, sigma) = ([1.2, 0.01, -0.8, -0.02], [0.2, 0.99, 0.3, 1.0]);
/// let [means, deviations] = wavae::report::latent_histograms(&mu, &sigma, 2, &[0])?;
/// means.save(folder.join("mu.png"))?;
/// deviations.save(folder.join("sigma.png"))?;
/// # Ok(())
/// # }
/// ```
pub fn latent_histograms(mu: &[f32], sigma: &[f32], latent: usize, active: &[usize]) -> Result<[Histogram; 2]> {
    let whole = latent > 0 && mu.len() == sigma.len() && mu.len().is_multiple_of(latent);
    if !whole || active.iter().any(|j| *j >= latent) {
        let (means, deviations) = (mu.len(), sigma.len());
        let message =
            format!("{means} means and {deviations} deviations of {latent} dimensions, of which {active:?} are active");
        return Err(Error::shape("latent histograms", message));
    }
    let picture = |title: &str, axis: &str, values: &[f32]| {
        let part = |wanted: bool| -> Vec<f64> {
            let of = |(at, _): &(usize, &f32)| active.contains(&(at % latent)) == wanted;
            values.iter().enumerate().filter(of).map(|(_, &v)| v.into()).collect()
        };
        let [used, unused] = [part(true), part(false)];
        let mut plot = Histogram::new(title).x(axis).y("density").density();
        for (count, name, values) in [(used.len(), "active", used), (unused.len(), "unused", unused)] {
            if count > 0 {
                plot = plot.series(format!("{} {name}", count * latent / mu.len()), &values);
            }
        }
        plot
    };
    Ok([
        picture("Posterior means by dimension", "mean", mu),
        picture("Posterior deviations by dimension", "standard deviation", sigma),
    ])
}
