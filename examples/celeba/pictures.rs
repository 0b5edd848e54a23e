//! What there is to look at besides the pictures of every model.

use crate::common::pictures::{by_kl, first, grid};
use std::path::Path;
use wavae::Result;
use wavae::data::ImageSet;
use wavae::train::Evaluator;

/// From one held-out face to another along a straight line in latent space.
pub fn interpolations(evaluator: &mut Evaluator, test: &ImageSet, out: &Path) -> Result<()> {
    const PAIRS: usize = 6;
    const STEPS: usize = 9;
    let shown = first(test, 2 * PAIRS);
    let latent = evaluator.latent();
    let codes = evaluator.encode(&shown)?;
    let mut z = vec![];
    for pair in codes.chunks_exact(2 * latent) {
        let (a, b) = pair.split_at(latent);
        for step in 0..STEPS {
            let t = step as f32 / (STEPS - 1) as f32;
            z.extend(a.iter().zip(b).map(|(a, b)| a + t * (b - a)));
        }
    }
    let images = evaluator.decode(&z)?;
    grid(STEPS, test)?
        .images(&images)?
        .title("interpolations between held-out faces")
        .save(out.join("interpolations.png"))
}

/// One held-out face with the dimensions of the largest KL moved one at a time.
pub fn traversals(evaluator: &mut Evaluator, test: &ImageSet, kl_dims: &[f64], out: &Path) -> Result<()> {
    const STEPS: usize = 9;
    let code = evaluator.encode(&first(test, 1))?;
    let mut order = by_kl(kl_dims);
    order.truncate(10);
    let mut z = vec![];
    for &dimension in &order {
        for step in 0..STEPS {
            let mut row = code.clone();
            row[dimension] = -3.0 + 6.0 * step as f32 / (STEPS - 1) as f32;
            z.extend(row);
        }
    }
    let captions = order.iter().map(|&d| format!("z{d}  KL {:.2}", kl_dims[d]));
    let images = evaluator.decode(&z)?;
    grid(STEPS, test)?
        .images(&images)?
        .row_captions(captions)
        .title("traversals, z from -3 to 3")
        .save(out.join("traversals.png"))
}

/// Held-out faces that do not smile, and the same moved along the smile vector.
pub fn smiles(evaluator: &mut Evaluator, neutral: &ImageSet, vector: &[f32], strength: f32, out: &Path) -> Result<()> {
    const FACES: usize = 10;
    let shown = first(neutral, FACES);
    let codes = evaluator.encode(&shown)?;
    let mut picture = grid(shown.len().max(1), neutral)?.images_u8(&shown.pixels)?;
    let shares = [0.0, 0.5, 1.0];
    for share in shares {
        picture = picture.images(&evaluator.decode(&moved(&codes, vector, share * strength))?)?;
    }
    let captions = std::iter::once("original".to_string()).chain(shares.map(|s| format!("+{:.2} smile", s * strength)));
    picture.row_captions(captions).title("adding the smile vector").save(out.join("smile.png"))
}

/// Every code of `codes` moved by `strength` times `vector`.
pub fn moved(codes: &[f32], vector: &[f32], strength: f32) -> Vec<f32> {
    let rows = codes.chunks_exact(vector.len());
    rows.flat_map(|row| row.iter().zip(vector).map(move |(z, v)| z + strength * v)).collect()
}
