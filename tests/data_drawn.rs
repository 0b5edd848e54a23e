//! Sets of drawn pictures: sprites, house numbers, sketches.

use std::collections::BTreeSet;
use wavae::Error;
use wavae::data::{
    Dataset, SKETCH_CLASSES, SKETCH_STEPS, Split, SpriteGrid, dsprites, house_numbers, rasterize_sketch, sketch_images,
    sketches,
};
use wavae::tensor::ArrayData;

fn pixels(set: &Dataset) -> &[u8] {
    match &set.column("x").unwrap().data {
        ArrayData::U8(bytes) => bytes,
        _ => panic!("x holds bytes"),
    }
}

/// Example i of a seed is the same in a larger set and on one thread; another seed gives others; absurd sizes are refused.
fn reproducible(make: impl Fn(usize, u64) -> wavae::Result<Dataset> + Sync) {
    let many = make(30, 3).unwrap();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let few = one.install(|| make(20, 3).unwrap());
    assert_eq!(many.subset(&(0..20).collect::<Vec<_>>()), few);
    assert_ne!(make(20, 4).unwrap().column("x").unwrap(), few.column("x").unwrap());
    assert_eq!([Split::Train, Split::Valid, Split::Test].map(|split| many.indices(split).len()), [24, 3, 3]);
    for n in [0, usize::MAX] {
        assert!(matches!(make(n, 1), Err(Error::Config(_))));
    }
    assert_eq!(many.floats("factors").unwrap().len(), 30 * many.factors.len());
    assert_eq!(many.factor_sizes.len(), many.factors.len());
}

#[test]
fn examples_depend_on_seed_and_index_only() {
    reproducible(dsprites);
    reproducible(|n, seed| SpriteGrid::small().sample(n, seed));
    reproducible(house_numbers);
    reproducible(sketches);
}

#[test]
fn the_grid_of_sprites_is_that_of_dsprites() {
    let grid = SpriteGrid::default();
    assert_eq!((grid.side(), grid.len()), (64, 737_280));
    // The last image of the published file: heart, full size, turned by 2π, at the lower right.
    assert_eq!(grid.classes(737_279), [2, 5, 39, 31, 31]);
    assert_eq!(grid.values([2, 5, 39, 31, 31]), [3.0, 1.0, std::f32::consts::TAU, 1.0, 1.0]);
    assert_eq!(grid.values([1, 0, 0, 0, 0]), [2.0, 0.5, 0.0, 0.0, 0.0]);
    for index in [0, 1, 31, 32, 1024, 40_960, 245_760, 500_001] {
        assert_eq!(grid.index(grid.classes(index)), index);
    }
    let all = SpriteGrid::small().all().unwrap();
    assert_eq!((all.len(), all.factor_sizes.as_slice()), (7680, &[3, 4, 10, 8, 8][..]));
    let small = SpriteGrid::small();
    for i in [0, 77, 4000, 7679] {
        let classes: Vec<usize> = all.floats("factors").unwrap()[i * 5..][..5].iter().map(|v| *v as usize).collect();
        assert_eq!(classes, small.classes(i));
        assert_eq!(pixels(&all)[i * 1024..][..1024], small.draw(small.classes(i)));
        assert_eq!(all.floats("values").unwrap()[i * 5..][..5], small.values(small.classes(i)));
    }
    let test = all.indices(Split::Test).len();
    assert!((650..890).contains(&test), "a tenth of 7680 within five deviations: {test}");
    for bad in [
        SpriteGrid::new(7, [3, 1, 1, 1, 1]),
        SpriteGrid::new(64, [4, 1, 1, 1, 1]),
        SpriteGrid::new(64, [3, 0, 1, 1, 1]),
    ] {
        assert!(matches!(bad, Err(Error::Config(_))));
    }
}

/// Area grows with the scale, the centre of mass moves with x and y and with nothing else, turning keeps the area.
#[test]
fn sprites_show_their_factors() {
    let grid = SpriteGrid::default();
    let moments = |classes| {
        let image = grid.draw(classes);
        assert!(image.iter().all(|p| *p == 0 || *p == 255));
        let mut sums = [0.0f64; 3];
        for (k, _) in image.iter().enumerate().filter(|(_, p)| **p == 255) {
            sums = [sums[0] + 1.0, sums[1] + (k % 64) as f64 + 0.5, sums[2] + (k / 64) as f64 + 0.5];
        }
        [sums[0], sums[1] / sums[0], sums[2] / sums[0]]
    };
    for shape in 0..3 {
        let areas: Vec<f64> = (0..6).map(|scale| moments([shape, scale, 7, 16, 16])[0]).collect();
        assert!(areas.windows(2).all(|pair| pair[0] < pair[1]), "{areas:?}");
        // Half the scale has a quarter of the area, but for pixels along the edge.
        assert!((areas[5] / areas[0] - 4.0).abs() < 0.6, "{areas:?}");
        for turn in 0..40 {
            let [area, x, y] = moments([shape, 5, turn, 16, 16]);
            assert!((area / areas[5] - 1.0).abs() < 0.06, "turned by {turn}: {area} for {}", areas[5]);
            // A heart's mass is not where its middle is, but near.
            assert!((x - 32.5).abs() < 2.0 && (y - 32.5).abs() < 2.0, "{x} {y}");
        }
        for k in 0..31 {
            let (left, right) = (moments([shape, 3, 11, k, 5]), moments([shape, 3, 11, k + 1, 5]));
            assert!((right[1] - left[1] - 64.0 * 0.53 / 31.0).abs() < 0.35 && (right[2] - left[2]).abs() < 0.3);
            let (above, below) = (moments([shape, 3, 11, 5, k]), moments([shape, 3, 11, 5, k + 1]));
            assert!((below[2] - above[2] - 64.0 * 0.53 / 31.0).abs() < 0.35 && (below[1] - above[1]).abs() < 0.3);
        }
        for corner in [[0, 0], [0, 31], [31, 0], [31, 31]] {
            let whole = moments([shape, 5, 5, corner[0], corner[1]])[0];
            assert!((whole / moments([shape, 5, 5, 16, 16])[0] - 1.0).abs() < 0.05, "nothing is cut off");
        }
    }
}

#[test]
fn house_numbers_are_in_the_middle_and_can_be_read() {
    let set = house_numbers(6000, 2).unwrap();
    assert_eq!((set.example("x").unwrap().dims(), set.classes), (&[32, 32, 3][..], 10));
    let labels = set.integers("label").unwrap();
    for class in 0..10 {
        // Binomial(6000, 0.1): mean 600, standard deviation 23; five of them.
        let n = labels.iter().filter(|l| **l == class).count();
        assert!((480..=720).contains(&n), "{n} of class {class}");
    }
    let [ink, wall] =
        ["ink", "wall"].map(|what| ["red", "green", "blue"].map(|c| set.factor(&format!("{what} {c}")).unwrap()));
    let bright = |c: &[Vec<f32>; 3], i: usize| 0.3 * c[0][i] + 0.59 * c[1][i] + 0.11 * c[2][i];
    let mut features = vec![];
    for i in 0..set.len() {
        let contrast = bright(&ink, i) - bright(&wall, i);
        assert!(contrast.abs() > 0.2, "example {i}: {contrast}");
        // How much of the ink is in each pixel, by the true colours.
        let image = &pixels(&set)[i * 3072..][..3072];
        features.push(
            image
                .chunks_exact(3)
                .map(|p| {
                    let p = p.iter().map(|v| f32::from(*v) / 255.0).collect::<Vec<_>>();
                    (0.3 * p[0] + 0.59 * p[1] + 0.11 * p[2] - bright(&wall, i)) / contrast
                })
                .collect::<Vec<f32>>(),
        );
    }
    // Nearest class mean, as with the digits: far above chance, far below what handwriting without clutter gives.
    let half = set.len() / 2;
    let mut means = vec![vec![0.0f32; 1024]; 10];
    for i in 0..half {
        means[labels[i] as usize].iter_mut().zip(&features[i]).for_each(|(m, f)| *m += f);
    }
    for (class, mean) in means.iter_mut().enumerate() {
        let n = labels[..half].iter().filter(|l| **l as usize == class).count() as f32;
        mean.iter_mut().for_each(|m| *m /= n);
    }
    let right = (half..set.len()).filter(|&i| {
        let error = |c: usize| features[i].iter().zip(&means[c]).map(|(f, m)| (f - m).powi(2)).sum::<f32>();
        (0..10).min_by(|a, b| error(*a).total_cmp(&error(*b))) == Some(labels[i] as usize)
    });
    let accuracy = right.count() as f64 / half as f64;
    println!("nearest class mean of what is ink: {accuracy:.3}");
    assert!((0.4..0.9).contains(&accuracy), "{accuracy}");
}

#[test]
fn sketches_are_stroke_five() {
    let set = sketches(3000, 1).unwrap();
    let (x, lengths, labels) =
        (set.floats("x").unwrap(), set.integers("length").unwrap(), set.integers("label").unwrap());
    assert_eq!(labels.iter().collect::<BTreeSet<_>>().len(), SKETCH_CLASSES.len());
    let (mut squares, mut count) = (0.0f64, 0.0f64);
    for (row, &length) in x.chunks_exact(SKETCH_STEPS * 5).zip(lengths) {
        let length = length as usize;
        assert!((5..SKETCH_STEPS).contains(&length), "{length} steps leave one for the end");
        for (t, step) in row.chunks_exact(5).enumerate() {
            let pen = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
            assert!(pen.contains(&[step[2], step[3], step[4]]));
            assert_eq!(step[4] == 1.0, t >= length);
            assert!(t < length || step[..2] == [0.0, 0.0]);
            squares += step[..2].iter().map(|v| f64::from(v * v)).sum::<f64>();
            count += if t < length { 2.0 } else { 0.0 };
        }
        assert_eq!(row[length * 5 - 2], 1.0, "the last step lifts the pen");
    }
    let unit = (squares / count).sqrt();
    println!("root mean square movement {unit:.3}, longest {:?}", lengths.iter().max());
    assert!((0.9..1.1).contains(&unit), "{unit}");
}

#[test]
fn sketches_become_images() {
    // A square and a dot of a line inside, by hand.
    let down = |dx: f32, dy: f32| [dx, dy, 1.0, 0.0, 0.0];
    let up = |dx: f32, dy: f32| [dx, dy, 0.0, 1.0, 0.0];
    let steps =
        [down(-1.0, -1.0), down(2.0, 0.0), down(0.0, 2.0), down(-2.0, 0.0), up(0.0, -2.0), [9.0, 9.0, 0.0, 0.0, 1.0]];
    let image = rasterize_sketch(&steps.concat(), 50);
    let at = |x: usize, y: usize| image[y * 50 + x];
    // 8 % margin: the frame runs from 4 to 46.
    assert!(at(4, 25) > 100 && at(45, 25) > 100 && at(25, 4) > 100 && at(25, 45) > 100);
    assert!(at(25, 25) == 0 && at(1, 1) == 0 && at(48, 48) == 0 && at(10, 10) == 0);
    for nothing in [vec![], down(1.0, 1.0).to_vec(), vec![f32::NAN; 10], up(3.0, 3.0).repeat(2)] {
        assert!(rasterize_sketch(&nothing, 16).iter().all(|p| *p == 0));
    }
    let set = sketches(400, 4).unwrap();
    let images = sketch_images(&set, 28).unwrap();
    assert_eq!(images.example("x").unwrap().dims(), [28, 28, 1]);
    assert!(!images.has("length") && images.has("label"));
    assert!(pixels(&images).chunks_exact(784).all(|image| image.iter().filter(|p| **p > 200).count() > 20));
    assert!(sketch_images(&images, 28).is_err() && sketch_images(&set, 4).is_err());
}
