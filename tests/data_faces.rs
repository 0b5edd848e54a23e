//! The synthetic faces: reproducible, balanced, and the smile is in the pixels.

use wavae::data::{CELEBA_ATTRIBUTES, FaceFactors, ImageSet, Split, synthetic_faces};

const N: usize = 1500;

fn faces() -> ImageSet {
    synthetic_faces(N, 64, 3).unwrap()
}

#[test]
fn a_face_depends_on_seed_and_index_only() {
    let many = synthetic_faces(20, 32, 9).unwrap();
    let few = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| synthetic_faces(5, 32, 9));
    assert_eq!(few.unwrap().pixels, many.pixels[..5 * 32 * 32 * 3]);
    assert_eq!(many.image(7), FaceFactors::sample(9, 7).draw(32));
    assert_ne!(many.image(7), FaceFactors::sample(8, 7).draw(32));
    assert_ne!(many.image(7), many.image(8));
}

#[test]
fn sizes_agree() {
    // Drawing at 128 and averaging 2×2 pixels must give the drawing at 64 but for what anti-aliasing approximates:
    // a few of 255 levels in the mean, where two different faces are some 50 apart.
    let mean_difference =
        |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>() / a.len() as f64;
    for i in 0..8 {
        let (small, large) = (FaceFactors::sample(1, i).draw(64), FaceFactors::sample(1, i).draw(128));
        let mut halved = vec![0u8; small.len()];
        for (k, out) in halved.iter_mut().enumerate() {
            let (c, x, y) = (k % 3, k / 3 % 64, k / 192);
            let sum: u32 = (0..4).map(|q| u32::from(large[((2 * y + q / 2) * 128 + 2 * x + q % 2) * 3 + c])).sum();
            *out = (sum / 4) as u8;
        }
        let d = mean_difference(&small, &halved);
        assert!(d < 4.0, "face {i}: {d}");
    }
    let (a, b) = (FaceFactors::sample(1, 0).draw(64), FaceFactors::sample(1, 1).draw(64));
    assert!(mean_difference(&a, &b) > 20.0);
}

#[test]
fn attributes_are_celebas_and_true() {
    let set = faces();
    assert_eq!(set.attribute_names, CELEBA_ATTRIBUTES);
    assert!(set.attributes.iter().all(|v| v.abs() == 1));
    for i in 0..50 {
        let f = FaceFactors::sample(3, i as u64);
        let has = |name| set.attribute(name).unwrap()[i] == 1;
        assert_eq!(has("Smiling"), f.smiling);
        assert_eq!(has("Male"), f.male);
        assert_eq!(has("Eyeglasses"), f.glasses.is_some());
    }
    for name in ["Male", "Young", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Bangs", "Eyeglasses", "Bald"]
    {
        let share = set.attribute(name).unwrap().iter().filter(|&&v| v == 1).count() as f64 / N as f64;
        assert!((0.01..0.75).contains(&share), "{name}: {share}");
    }
}

#[test]
fn splits_are_eight_one_one() {
    let set = synthetic_faces(40, 8, 0).unwrap();
    assert_eq!(set.indices(Split::Valid), [8, 18, 28, 38]);
    assert_eq!(set.indices(Split::Test), [9, 19, 29, 39]);
    assert_eq!(set.indices(Split::Train).len(), 32);
}

/// The correlation of two ±1 columns of independent attributes has standard deviation 1/√N = 0.026: five of them.
#[test]
fn smiling_is_independent_of_everything() {
    let set = faces();
    let smiling = set.attribute("Smiling").unwrap();
    let mean = |v: &[i8]| v.iter().map(|&v| f64::from(v)).sum::<f64>() / N as f64;
    assert!(mean(&smiling).abs() < 5.0 / (N as f64).sqrt(), "mean {}", mean(&smiling));
    for name in CELEBA_ATTRIBUTES.iter().filter(|&&n| n != "Smiling") {
        let other = set.attribute(name).unwrap();
        let product: Vec<i8> = smiling.iter().zip(&other).map(|(a, b)| a * b).collect();
        let (a, b) = (mean(&smiling), mean(&other));
        let deviation = ((1.0 - a * a) * (1.0 - b * b)).sqrt();
        if deviation > 0.0 {
            let r = (mean(&product) - a * b) / deviation;
            assert!(r.abs() < 5.0 / (N as f64).sqrt(), "{name}: {r}");
        }
    }
}

/// A logistic regression on the region of the mouth, fitted to half of the faces, reads the smile of the other half.
#[test]
fn the_smile_is_linear_in_the_pixels() {
    let set = faces();
    let smiling = set.attribute("Smiling").unwrap();
    // 2×2 means of green over the mouth's region, columns 16..48, rows 38..58.
    let features: Vec<Vec<f64>> = (0..N)
        .map(|i| {
            let image = set.image(i);
            let at = |x: usize, y: usize| f64::from(image[(y * 64 + x) * 3 + 1]) / 255.0 - 0.5;
            let mut row = vec![0.5];
            for y in (38..58).step_by(2) {
                row.extend(
                    (16..48).step_by(2).map(|x| (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1)) / 4.0),
                );
            }
            row
        })
        .collect();
    let half = N / 2;
    let mut w = vec![0.0; features[0].len()];
    let dot = |w: &[f64], x: &[f64]| w.iter().zip(x).map(|(a, b)| a * b).sum::<f64>();
    for _ in 0..400 {
        let mut gradient = vec![0.0; w.len()];
        for i in 0..half {
            let y = f64::from(smiling[i]);
            let p = y / (1.0 + (y * dot(&w, &features[i])).exp());
            gradient.iter_mut().zip(&features[i]).for_each(|(g, x)| *g += p * x / half as f64);
        }
        w.iter_mut().zip(&gradient).for_each(|(w, g)| *w += 2.0 * g);
    }
    let right = (half..N).filter(|&i| dot(&w, &features[i]) * f64::from(smiling[i]) > 0.0).count();
    let accuracy = right as f64 / (N - half) as f64;
    println!("accuracy {accuracy}");
    assert!(accuracy >= 0.97, "a linear probe of the pixels reads {accuracy}");
}

#[test]
fn a_size_that_cannot_be_is_an_error() {
    assert!(synthetic_faces(1, 0, 0).unwrap_err().to_string().contains("size from 1"));
    assert!(synthetic_faces(1, 5000, 0).is_err());
    assert!(matches!(synthetic_faces(usize::MAX, 64, 0), Err(wavae::Error::Config(_))));
    assert!(synthetic_faces(0, 64, 0).unwrap().is_empty());
}
