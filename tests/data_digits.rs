//! Synthetic digits and the IDX files they, and MNIST, are kept in.

use std::fs;
use std::path::{Path, PathBuf};
use wavae::Error;
use wavae::data::{ImageSet, Split, load_idx, synthetic_digits, write_idx};

/// A folder of one test's own, empty at first and removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("wavae-idx-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Six 2×3 images: three to train on, one to validate, two to test, in this order.
fn small() -> ImageSet {
    let mut set = ImageSet::new(2, 3, 1, (0..36).collect()).unwrap();
    set.labels = Some(vec![3, 1, 4, 1, 5, 9]);
    set.split = [vec![Split::Train; 3], vec![Split::Valid], vec![Split::Test; 2]].concat();
    set
}

/// The message of the `File` error, which must name `file`.
fn file_error(result: Result<ImageSet, Error>, file: &str) -> String {
    match result {
        Err(Error::File { path, message }) => {
            assert!(path.ends_with(file), "{} instead of {file}: {message}", path.display());
            message
        }
        other => panic!("a File error for {file}, not {other:?}"),
    }
}

fn header(words: &[u32], data: &[u8]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_be_bytes()).chain(data.iter().copied()).collect()
}

#[test]
fn digits_depend_on_seed_and_index_alone() {
    let long = synthetic_digits(40, 7).unwrap();
    assert_eq!(long, synthetic_digits(40, 7).unwrap());
    let short = synthetic_digits(23, 7).unwrap();
    assert_eq!(long.subset(&(0..23).collect::<Vec<_>>()), short);
    let other = synthetic_digits(40, 8).unwrap();
    assert!((0..40).all(|i| long.image(i) != other.image(i)), "another seed, other digits");
    assert!((1..40).all(|i| long.image(i) != long.image(0)), "no two digits are alike");
    assert!(synthetic_digits(0, 1).unwrap().is_empty());
    assert!(matches!(synthetic_digits(usize::MAX, 1), Err(Error::Config(_))));
}

#[test]
fn digits_are_laid_out_like_mnist() {
    let set = synthetic_digits(2000, 1).unwrap();
    assert_eq!((set.height, set.width, set.channels, set.len()), (28, 28, 1, 2000));
    let part = |s| set.indices(s).len();
    assert_eq!([part(Split::Train), part(Split::Valid), part(Split::Test)], [1600, 200, 200]);
    let labels = set.labels.as_ref().unwrap();
    for class in 0..10 {
        // Binomial(2000, 0.1): mean 200, standard deviation 13.4; five of them.
        let n = labels.iter().filter(|l| **l == class).count();
        assert!((133..=267).contains(&n), "{n} digits of class {class}");
    }
    // MNIST's mean is 0.1307 and its standard deviation 0.3081.
    let n = set.pixels.len() as f64;
    let mean = set.pixels.iter().map(|p| f64::from(*p) / 255.0).sum::<f64>() / n;
    let variance = set.pixels.iter().map(|p| (f64::from(*p) / 255.0 - mean).powi(2)).sum::<f64>() / n;
    assert!((mean - 0.1307).abs() < 0.02 && (variance.sqrt() - 0.3081).abs() < 0.02, "{mean} {}", variance.sqrt());
    for i in 0..set.len() {
        let image = set.image(i);
        assert!(image.iter().any(|p| *p > 200), "digit {i} is visible");
        assert!(
            (0..28).all(|k| image[k] == 0 && image[27 * 28 + k] == 0 && image[k * 28] == 0 && image[k * 28 + 27] == 0)
        );
    }
}

/// Classifies test digits by the nearest of the class means of the training digits.
#[test]
fn classes_are_distinct_but_vary() {
    let set = synthetic_digits(5000, 3).unwrap();
    let labels = set.labels.as_ref().unwrap();
    let train = set.indices(Split::Train);
    let means: Vec<Vec<f32>> = (0..10)
        .map(|class| set.mean_image(&train.iter().copied().filter(|i| labels[*i] == class).collect::<Vec<_>>()))
        .collect();
    let distance =
        |image: &[u8], mean: &[f32]| -> f32 { image.iter().zip(mean).map(|(p, m)| (f32::from(*p) - m).powi(2)).sum() };
    let test = set.indices(Split::Test);
    let correct = test.iter().filter(|&&i| {
        let errors: Vec<f32> = means.iter().map(|m| distance(set.image(i), m)).collect();
        let nearest = (0..10).min_by(|a, b| errors[*a].total_cmp(&errors[*b])).unwrap();
        nearest == usize::from(labels[i])
    });
    let accuracy = correct.count() as f64 / test.len() as f64;
    println!("nearest class mean: {accuracy}");
    // MNIST itself gives 82 %. Chance is 10 %; all digits of a class alike would give 100 %.
    assert!((0.7..0.97).contains(&accuracy), "{accuracy}");
}

#[test]
fn round_trip_plain_and_gzipped() {
    let set = small();
    for gz in [false, true] {
        let folder = Folder::new(&format!("round-{gz}"));
        write_idx(&folder.0, &set, gz).unwrap();
        assert_eq!(load_idx(&folder.0, 1).unwrap(), set);
        let images = fs::read(folder.0.join(if gz { "t10k-images-idx3-ubyte.gz" } else { "t10k-images-idx3-ubyte" }));
        let images = images.unwrap();
        if gz {
            assert_eq!(images[..2], [0x1f, 0x8b]);
        } else {
            // The published layout, byte for byte.
            assert_eq!(images, header(&[0x803, 2, 2, 3], &(24..36).collect::<Vec<_>>()));
            let labels = fs::read(folder.0.join("train-labels-idx1-ubyte")).unwrap();
            assert_eq!(labels, header(&[0x801, 4], &[3, 1, 4, 1]));
        }
    }
    // The digits themselves, out of order by split.
    let digits = synthetic_digits(30, 5).unwrap();
    let folder = Folder::new("digits");
    write_idx(&folder.0, &digits, true).unwrap();
    let order = [Split::Train, Split::Valid, Split::Test].map(|s| digits.indices(s)).concat();
    assert_eq!(load_idx(&folder.0, 3).unwrap(), digits.subset(&order));
}

#[test]
fn other_names_and_disguises() {
    let folder = Folder::new("names");
    write_idx(&folder.0, &small(), true).unwrap();
    let rename = |from: &str, to: &str| fs::rename(folder.0.join(from), folder.0.join(to)).unwrap();
    rename("train-images-idx3-ubyte.gz", "train-images.idx3-ubyte.gz");
    // Gzipped under a plain name, as some browsers leave it.
    rename("train-labels-idx1-ubyte.gz", "train-labels.idx1-ubyte");
    assert_eq!(load_idx(&folder.0, 1).unwrap(), small());
    // Without a test set.
    fs::remove_file(folder.0.join("t10k-images-idx3-ubyte.gz")).unwrap();
    file_error(load_idx(&folder.0, 1), "t10k-images-idx3-ubyte");
    fs::remove_file(folder.0.join("t10k-labels-idx1-ubyte.gz")).unwrap();
    assert_eq!(load_idx(&folder.0, 1).unwrap(), small().subset(&[0, 1, 2, 3]));
}

/// What is wrong with each file is one error that names it.
#[test]
fn broken_files() {
    let images = |n: u32, h: u32, w: u32, data: usize| header(&[0x803, n, h, w], &vec![7; data]);
    let labels = |n: u32, data: usize| header(&[0x801, n], &vec![1; data]);
    let huge = u32::MAX;
    let (train_images, train_labels) = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte");
    let cases: [(&str, Vec<u8>, &str); 14] = [
        (train_images, vec![], "truncated"),
        (train_images, images(4, 2, 3, 24)[..10].to_vec(), "truncated"),
        (train_images, images(4, 2, 3, 23), "truncated: 23 of 24 bytes for 4×2×3 images"),
        (train_images, images(4, 2, 3, 25), "longer than 4×2×3 images"),
        (train_images, images(4, 0, 3, 0), "4×0×3 images, which cannot be"),
        (train_images, images(0, 2, 3, 0), "cannot be"),
        (train_images, images(huge, huge, huge, 24), "cannot be"),
        (train_images, images(huge, 2, 3, 24), "truncated: 24 of"),
        (train_images, labels(4, 4), "magic number 0x00000801 (these are labels) instead of 0x00000803"),
        (train_images, b"<html>not found</html>".to_vec(), "not an IDX file of images"),
        (train_labels, images(4, 2, 3, 24), "(these are images) instead of 0x00000801"),
        (train_labels, labels(4, 3), "truncated: 3 of 4"),
        (train_labels, labels(5, 5), "5 labels, but train-images-idx3-ubyte holds 4 images"),
        ("t10k-images-idx3-ubyte", images(2, 3, 2, 12), "test images are 3×2, training images 2×3"),
    ];
    let folder = Folder::new("broken");
    for (file, bytes, expected) in cases {
        write_idx(&folder.0, &small(), false).unwrap();
        fs::write(folder.0.join(file), bytes).unwrap();
        let message = file_error(load_idx(&folder.0, 0), file);
        assert!(message.contains(expected), "{message:?} should say {expected:?}");
    }
}

#[test]
fn broken_gzip() {
    let folder = Folder::new("gzip");
    let file = "train-images-idx3-ubyte.gz";
    write_idx(&folder.0, &small(), true).unwrap();
    let good = fs::read(folder.0.join(file)).unwrap();
    for cut in [5, good.len() - 10, good.len() - 1] {
        fs::write(folder.0.join(file), &good[..cut]).unwrap();
        let message = file_error(load_idx(&folder.0, 0), file);
        assert!(message.contains("truncated"), "cut at {cut}: {message}");
    }
    // A wrong checksum.
    let mut bad = good.clone();
    let at = bad.len() - 6;
    bad[at] ^= 0xff;
    fs::write(folder.0.join(file), bad).unwrap();
    assert!(file_error(load_idx(&folder.0, 0), file).contains("cannot read"));
}

#[test]
fn missing_files_and_folders() {
    let folder = Folder::new("missing");
    assert!(file_error(load_idx(&folder.0, 0), "train-images-idx3-ubyte").contains("no such file"));
    assert!(file_error(load_idx(folder.0.join("nowhere"), 0), "nowhere").contains("no such folder"));
    write_idx(&folder.0, &small(), false).unwrap();
    fs::remove_file(folder.0.join("train-labels-idx1-ubyte")).unwrap();
    assert!(file_error(load_idx(&folder.0, 0), "train-labels-idx1-ubyte").contains("no such file"));
}

#[test]
fn settings_that_cannot_be() {
    let folder = Folder::new("settings");
    let config = |result: Result<(), Error>, says: &str| match result {
        Err(Error::Config(message)) => assert!(message.contains(says), "{message}"),
        other => panic!("{other:?}"),
    };
    write_idx(&folder.0, &small(), false).unwrap();
    config(load_idx(&folder.0, 4).map(drop), "4 validation images");
    let write = |set: &ImageSet| write_idx(&folder.0, set, false);
    config(write(&ImageSet { labels: None, ..small() }), "label");
    config(write(&small().subset(&[4, 5])), "no training images");
    let mut colour = ImageSet::new(1, 1, 3, vec![0; 3]).unwrap();
    colour.labels = Some(vec![0]);
    config(write(&colour), "3 channels");
    // A file where the folder should be.
    let blocked: &Path = &folder.0.join("train-labels-idx1-ubyte");
    assert!(matches!(write_idx(blocked, &small(), false), Err(Error::File { .. })));
}
