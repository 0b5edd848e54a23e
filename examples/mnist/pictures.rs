//! The latent plane: where the digits lie in it, and what lies where.

use crate::common::pictures::{by_kl, grid};
use std::f64::consts::PI;
use std::path::Path;
use wavae::Result;
use wavae::data::ImageSet;
use wavae::report::ScatterPlot;
use wavae::train::Evaluator;

/// The two dimensions that are drawn, and how to say so: those of the largest KL where there are more than two.
pub fn plane(kl_dims: &[f64]) -> ([usize; 2], String) {
    if kl_dims.len() == 2 {
        return ([0, 1], String::new());
    }
    let order = by_kl(kl_dims);
    let (a, b) = (order[0], order[1]); // --latent is at least 2
    ([a, b], format!(", z{a} and z{b} (largest KL of {})", kl_dims.len()))
}

/// μ of `test` in the plane, coloured by class.
pub fn latent(codes: &[f32], test: &ImageSet, kl_dims: &[f64], out: &Path) -> Result<()> {
    let ([a, b], remark) = plane(kl_dims);
    let points: Vec<(f64, f64)> =
        codes.chunks_exact(kl_dims.len()).map(|row| (f64::from(row[a]), f64::from(row[b]))).collect();
    let labels = test.labels.as_deref().unwrap_or(&[]);
    // All classes up to the highest, so that each has its colour whichever were held out.
    let names: Vec<String> = (0..=labels.iter().max().copied().unwrap_or(0)).map(|class| class.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    ScatterPlot::new(format!("means of held-out digits{remark}"))
        .x(format!("z{a}"))
        .y(format!("z{b}"))
        .labelled(&points, labels, &names)
        .equal()
        .size(900, 940)
        .save(out.join("latent.png"))
}

/// What the decoder makes of a grid over the plane whose lines are equally probable under the prior; every other
/// dimension is 0. Up and to the right are the larger values, as in the plot of the means.
pub fn manifold(evaluator: &mut Evaluator, like: &ImageSet, kl_dims: &[f64], out: &Path) -> Result<()> {
    const SIDE: usize = 20;
    let ([a, b], remark) = plane(kl_dims);
    let place = |i: usize| normal_quantile((i as f64 + 0.5) / SIDE as f64) as f32;
    let mut z = vec![];
    for row in (0..SIDE).rev() {
        for column in 0..SIDE {
            let mut code = vec![0.0; kl_dims.len()];
            (code[a], code[b]) = (place(column), place(row));
            z.extend(code);
        }
    }
    grid(SIDE, like)?
        .images(&evaluator.decode(&z)?)?
        .padding(0)
        .scale(2)
        .title(format!("decoded quantiles of the prior{remark}"))
        .save(out.join("manifold.png"))
}

/// The standard normal's quantile of `p` in (0, 1), to about 0.002 relative: Winitzki's closed form of the inverse error
/// function (2008), ample for a picture.
fn normal_quantile(p: f64) -> f64 {
    const A: f64 = 0.147;
    let x = 2.0 * p - 1.0;
    let log = (1.0 - x * x).ln();
    let half = 2.0 / (PI * A) + log / 2.0;
    x.signum() * (2.0 * ((half * half - log / A).sqrt() - half)).sqrt()
}
