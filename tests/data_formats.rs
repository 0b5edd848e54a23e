//! Files of pictures and arrays: CIFAR-10, SVHN, folders, NumPy; what is written by hand is read back, what is broken is named.

use flate2::{Compression, write::ZlibEncoder};
use std::fs;
use std::io::Write;
use std::path::Path;
use wavae::data::{
    Dataset, Split, load_cifar10, load_dsprites, load_folder, load_idx, load_npy, load_svhn, synthetic_faces, write_npy,
};
use wavae::tensor::ArrayData;
use wavae::{Array, Error};

#[path = "common/files.rs"]
mod files;

use files::{Folder, refused};

fn pixels(set: &Dataset) -> &[u8] {
    match &set.column("x").unwrap().data {
        ArrayData::U8(bytes) => bytes,
        _ => panic!("x holds bytes"),
    }
}

/// A record of CIFAR-10 whose planes are red 10, green 20, blue 30 but for one pixel, row 1, column 2: 11, 21, 31.
fn record(label: u8) -> Vec<u8> {
    let mut bytes = vec![label];
    for c in 1..=3u8 {
        let mut plane = vec![10 * c; 1024];
        plane[34] += 1;
        bytes.extend(plane);
    }
    bytes
}

#[test]
fn cifar10() {
    let folder = Folder::new("cifar");
    folder.write("cifar-10-batches-bin/data_batch_1.bin", [record(3), record(9)].concat());
    folder.write("cifar-10-batches-bin/data_batch_2.bin", record(0));
    folder.write("cifar-10-batches-bin/test_batch.bin", record(7));
    let set = load_cifar10(&folder.0, Some(1)).unwrap();
    assert_eq!(set.column("x").unwrap().shape.dims(), [4, 32, 32, 3]);
    assert_eq!(set.integers("label").unwrap(), [3, 9, 0, 7]);
    assert_eq!(set.split, [Split::Train, Split::Train, Split::Valid, Split::Test]);
    assert_eq!((set.classes, set.class_names[3].as_str()), (10, "cat"));
    assert_eq!(pixels(&set)[..6], [10, 20, 30, 10, 20, 30]);
    assert_eq!(pixels(&set)[3 * 34..3 * 35], [11, 21, 31]);
    assert!(matches!(load_cifar10(&folder.0, Some(3)), Err(Error::Config(_))));
    let inner = folder.0.join("cifar-10-batches-bin");
    folder.write("cifar-10-batches-bin/data_batch_2.bin", &record(0)[1..]);
    refused(load_cifar10(&folder.0, None), "data_batch_2.bin", "3072 bytes are no whole number of records");
    folder.write("cifar-10-batches-bin/data_batch_2.bin", record(10));
    refused(load_cifar10(&inner, None), "data_batch_2.bin", "record 0 has the label 10");
    folder.write("cifar-10-batches-bin/data_batch_2.bin", "");
    refused(load_cifar10(&inner, None), "data_batch_2.bin", "0 bytes");
    refused(load_cifar10(folder.0.join("nowhere"), None), "data_batch_1.bin", "no such file");
}

/// An element of a MATLAB file: kind, size, bytes, padding.
fn element(kind: u32, bytes: &[u8]) -> Vec<u8> {
    let mut all = [kind.to_le_bytes(), (bytes.len() as u32).to_le_bytes()].concat();
    all.extend(bytes);
    all.resize(all.len().next_multiple_of(8), 0);
    all
}

/// A numeric array, whose name is stored in the tag where it fits, as MATLAB does.
fn matrix(name: &str, class: u32, dims: &[i32], kind: u32, data: &[u8]) -> Vec<u8> {
    let flags = element(6, &[class.to_le_bytes(), [0; 4]].concat());
    let dims = element(5, &dims.iter().flat_map(|d| d.to_le_bytes()).collect::<Vec<_>>());
    let mut short = (1 | (name.len() as u32) << 16).to_le_bytes().to_vec();
    short.extend(name.bytes());
    short.resize(8, 0);
    element(14, &[flags, dims, short, element(kind, data)].concat())
}

fn compressed(matrix: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(matrix).unwrap();
    let bytes = encoder.finish().unwrap();
    // Compressed elements have no padding.
    [[15u32.to_le_bytes(), (bytes.len() as u32).to_le_bytes()].concat(), bytes].concat()
}

fn mat(arrays: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"MATLAB 5.0 MAT-file".to_vec();
    bytes.resize(124, b' ');
    bytes.extend([0x00, 0x01, b'I', b'M']);
    bytes.extend(arrays.concat());
    bytes
}

/// `n` images in MATLAB's order, whose byte at (row, column, channel) of image i is row + 2 column + 70 channel + i.
fn svhn_x(n: usize) -> Vec<u8> {
    (0..n * 3072).map(|k| (k % 32 + 2 * (k / 32 % 32) + 70 * (k / 1024 % 3) + k / 3072) as u8).collect()
}

#[test]
fn svhn() {
    let folder = Folder::new("svhn");
    let x = matrix("X", 9, &[32, 32, 3, 4], 2, &svhn_x(4));
    // Labels are doubles, which MATLAB stores as bytes where they fit.
    let y = matrix("y", 6, &[4, 1], 2, &[1, 10, 9, 2]);
    folder.write("train_32x32.mat", mat(&[compressed(&x), compressed(&y)]));
    let doubles: Vec<u8> = [5f64, 10.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let (test_x, test_y) = (matrix("X", 9, &[32, 32, 3, 2], 2, &svhn_x(2)), matrix("y", 6, &[2, 1], 9, &doubles));
    folder.write("test_32x32.mat", mat(&[test_y, test_x]));
    let set = load_svhn(&folder.0, Some(1)).unwrap();
    assert_eq!(set.column("x").unwrap().shape.dims(), [6, 32, 32, 3]);
    assert_eq!(set.integers("label").unwrap(), [1, 0, 9, 2, 5, 0]);
    assert_eq!(set.split[2..], [Split::Train, Split::Valid, Split::Test, Split::Test]);
    for (i, row, column, channel) in [(0, 0, 0, 0), (1, 5, 7, 2), (3, 31, 30, 1)] {
        let at = ((i * 32 + row) * 32 + column) * 3 + channel;
        assert_eq!(usize::from(pixels(&set)[at]), row + 2 * column + 70 * channel + i);
    }
    let write = |arrays: &[Vec<u8>]| folder.write("train_32x32.mat", mat(arrays));
    let fails = |expected: &str| refused(load_svhn(&folder.0, None), "train_32x32.mat", expected);
    write(std::slice::from_ref(&x));
    fails("holds no array y");
    write(&[x.clone(), matrix("y", 6, &[3, 1], 2, &[1, 2, 3])]);
    fails("y is [3, 1] for 4 images");
    write(&[x.clone(), matrix("y", 6, &[4, 1], 2, &[1, 2, 3, 11])]);
    fails("image 3 has the label 11");
    write(&[matrix("X", 9, &[32, 32, 1, 12], 2, &svhn_x(4)), y.clone()]);
    fails("X is [32, 32, 1, 12]");
    write(&[matrix("X", 9, &[32, 32, 3, 5], 2, &svhn_x(4)), y.clone()]);
    fails("an array is damaged");
    let whole = mat(&[compressed(&x), compressed(&y)]);
    for cut in [130, 200, whole.len() - 1] {
        folder.write("train_32x32.mat", &whole[..cut]);
        fails("truncated");
    }
    let mut flipped = whole.clone();
    flipped[150] ^= 0xff;
    folder.write("train_32x32.mat", flipped);
    fails("damaged");
    folder.write("train_32x32.mat", "MATLAB 7.3 MAT-file, Platform: GLNXA64");
    fails("version 7.3");
    folder.write("train_32x32.mat", "<html>not found</html>");
    fails("not a MATLAB level 5 file");
    fs::remove_file(folder.0.join("train_32x32.mat")).unwrap();
    fails("no such file");
}

#[test]
fn folders_of_pictures() {
    let folder = Folder::new("pictures");
    let faces = synthetic_faces(4, 40, 1).unwrap();
    let save = |i: usize, name: &str| {
        let path = folder.write(name, "");
        image::save_buffer(path, faces.image(i), 40, 40, image::ColorType::Rgb8).unwrap();
    };
    save(0, "b cat/deep/2.png");
    save(1, "a dog/1.PNG");
    save(2, "b cat/1.jpg");
    folder.write("b cat/.hidden.png", "no picture");
    folder.write("b cat/notes.txt", "no picture either");
    let set = load_folder(&folder.0, 40, None).unwrap();
    assert_eq!(set.column("x").unwrap().shape.dims(), [3, 40, 40, 3]);
    assert_eq!((set.integers("label").unwrap(), set.classes), (&[0, 1, 1][..], 2));
    assert_eq!(set.class_names, ["a dog", "b cat"]);
    // In the order of the paths; PNG is exact.
    assert_eq!(pixels(&set)[..4800], *faces.image(1));
    assert_eq!(pixels(&set)[9600..], *faces.image(0));
    assert_eq!(load_folder(&folder.0, 16, Some(2)).unwrap().column("x").unwrap().shape.dims(), [2, 16, 16, 3]);
    // The middle of a wide picture: black, white, black.
    let wide: Vec<u8> =
        (0..10 * 30).flat_map(|k| if (10..20).contains(&(k % 30)) { [255; 3] } else { [0; 3] }).collect();
    let path = folder.write("wide/a.png", "");
    image::save_buffer(&path, &wide, 30, 10, image::ColorType::Rgb8).unwrap();
    assert!(pixels(&load_folder(path.parent().unwrap(), 5, None).unwrap()).iter().all(|p| *p == 255));
    // A picture beside the folders: there are no classes.
    save(3, "top.png");
    assert!(!load_folder(&folder.0, 8, None).unwrap().has("label"));
    let whole = fs::read(folder.0.join("b cat/1.jpg")).unwrap();
    folder.write("b cat/1.jpg", &whole[..whole.len() / 2]);
    refused(load_folder(&folder.0, 8, None), "b cat/1.jpg", "truncated JPEG");
    folder.write("b cat/1.jpg", &whole);
    let png = fs::read(folder.0.join("top.png")).unwrap();
    folder.write("top.png", &png[..png.len() / 2]);
    refused(load_folder(&folder.0, 8, None), "top.png", "damaged picture");
    folder.write("empty/notes.txt", "");
    refused(load_folder(folder.0.join("empty"), 8, None), "empty", "no file that ends in .png");
    refused(load_folder(folder.0.join("nowhere"), 8, None), "nowhere", "cannot be listed");
    assert!(matches!(load_folder(&folder.0, 0, None), Err(Error::Config(_))));
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    npy_header(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"), data)
}

fn npy_header(header: &str, data: &[u8]) -> Vec<u8> {
    let mut header = header.to_string();
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[test]
fn numpy_arrays() {
    let folder = Folder::new("npy");
    let load = |bytes: Vec<u8>| load_npy(folder.write("a.npy", bytes)).map(|set| set.column("x").unwrap().clone());
    let values = [1.0f32, -2.5, 3.0, 4.0, 5.0, 6.5];
    let expected = Array::f32([3, 2], values.to_vec()).unwrap();
    assert_eq!(load(npy("<f4", "(3, 2)", &floats(&values))).unwrap(), expected);
    let doubles: Vec<u8> = values.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect();
    assert_eq!(load(npy("<f8", "(3, 2)", &doubles)).unwrap(), expected);
    let big: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
    assert_eq!(load(npy(">f4", "(3, 2)", &big)).unwrap(), expected);
    assert_eq!(load(npy("|u1", "(3,)", &[7, 8, 9])).unwrap(), Array::u8([3], vec![7, 8, 9]).unwrap());
    assert_eq!(load(npy("|u1", "(1, 2, 2)", &[1, 2, 3, 4])).unwrap().shape.dims(), [1, 2, 2, 1]);
    let longs: Vec<u8> = [3i64, 70_000].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(load(npy("<i8", "(2,)", &longs)).unwrap(), Array::u32([2], vec![3, 70_000]).unwrap());
    let fails = |bytes: Vec<u8>, expected: &str| refused(load(bytes), "a.npy", expected);
    fails(npy("<f4", "(3, 2)", &floats(&values[..5])), "truncated in row 2 of 3");
    fails(npy("<f4", "(3, 2)", &floats(&values))[..30].to_vec(), "truncated inside the header");
    fails(npy("<f4", "(3, 2)", &floats(&[1.0, 2.0, 3.0, f32::NAN, 5.0, 6.0])), "element 1 of example 1 is NaN");
    fails(npy("<f4", "(0, 2)", &[]), "holds no examples");
    fails(npy("<f4", "()", &floats(&[1.0])), "cannot be examples");
    fails(npy("<f4", "(1, 99999999999, 99999999999)", &[]), "cannot be examples");
    fails(npy("<f4", "(99999999999, 2)", &floats(&values)), "truncated in row 3 of 99999999999");
    fails(npy("<i4", "(1,)", &(-1i32).to_le_bytes()), "negative");
    fails(npy("|O", "(1,)", &[0; 8]), "no numbers known here");
    fails(npy_header("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", &floats(&[1.0])), "Fortran");
    fails(npy_header("{'descr': '<f4', 'shape': (1, 1), }", &floats(&[1.0])), "says nothing");
    fails(b"<html>".to_vec(), "truncated inside the header");
    fails(b"<html>not found</html>".to_vec(), "not a NumPy array");
    refused(load_npy(folder.0.join("none.npy")), "none.npy", "cannot open");
}

fn npz(path: &Path, members: &[(&str, Vec<u8>)]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (k, (name, bytes)) in members.iter().enumerate() {
        // numpy.savez stores, numpy.savez_compressed deflates.
        let method = if k % 2 == 0 { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
        zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default().compression_method(method))
            .unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn numpy_archives() {
    let folder = Folder::new("npz");
    let path = folder.0.join("a.npz");
    let x = npy("|u1", "(2, 2, 2)", &[1, 2, 3, 4, 5, 6, 7, 8]);
    let y = npy("<i8", "(2,)", &[4i64, 1].iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>());
    let mass = npy("<f4", "(2, 1)", &floats(&[0.5, 0.25]));
    npz(
        &path,
        &[
            ("images", x.clone()),
            ("y", y),
            ("mass", mass),
            ("notes", npy("|O", "()", &[1])),
            ("more", npy("<f4", "(1,)", &floats(&[1.0]))),
        ],
    );
    let set = load_npy(&path).unwrap();
    assert_eq!(set.example("x").unwrap().dims(), [2, 2, 1]);
    assert_eq!((set.integers("label").unwrap(), set.classes), (&[4, 1][..], 5));
    assert_eq!(set.floats("mass").unwrap(), [0.5, 0.25]);
    assert!(!set.has("notes") && !set.has("more"));
    npz(&path, &[("anything", x.clone())]);
    assert_eq!(load_npy(&path).unwrap().len(), 2, "the only array is x");
    // Modalities, and bytes that count.
    let lengths = npy("|u1", "(2,)", &[3, 4]);
    npz(&path, &[("frames", x), ("audio", npy("<f4", "(2, 1)", &floats(&[0.5, 1.5]))), ("length", lengths)]);
    let set = load_npy(&path).unwrap();
    assert_eq!((set.example("frames").unwrap().dims(), set.floats("audio").unwrap()), (&[2, 2][..], &[0.5, 1.5][..]));
    assert_eq!(set.integers("length").unwrap(), [3, 4]);
    npz(&path, &[("notes", npy("|O", "(2,)", &[1])), ("more", npy("|S3", "(2,)", &[1]))]);
    refused(load_npy(&path), "a.npz", "holds no array of numbers: more, notes");
    let whole = fs::read(&path).unwrap();
    folder.write("a.npz", &whole[..whole.len() / 2]);
    refused(load_npy(&path), "a.npz", "not a whole .npz file");
}

/// What is written comes back, and NumPy's rule that the preamble fills a multiple of 64 bytes holds.
#[test]
fn arrays_are_written_as_npy() {
    let folder = Folder::new("npy-written");
    let path = folder.0.join("a.npy");
    for array in [
        Array::f32([3, 2], vec![0.5, -1.5, 2.0, 3.0, -0.0, 1e-30]).unwrap(),
        Array::u32([2], vec![7, 1 << 30]).unwrap(),
        Array::u8([2, 1, 3, 1], vec![1, 2, 3, 4, 5, 255]).unwrap(),
        Array::f32([1; 9], vec![0.25]).unwrap(),
    ] {
        write_npy(&path, &array).unwrap();
        assert_eq!(*load_npy(&path).unwrap().column("x").unwrap(), array);
        let bytes = fs::read(&path).unwrap();
        let preamble = bytes.len() - array.bytes().len();
        assert!(preamble.is_multiple_of(64) && bytes[preamble - 1] == b'\n', "{preamble}");
    }
    refused(write_npy(folder.0.join("none/b.npy"), &Array::f32([1], vec![0.0]).unwrap()), "b.npy", "cannot be written");
}

#[test]
fn the_file_of_dsprites() {
    let folder = Folder::new("dsprites");
    let path = folder.0.join("dsprites.npz");
    let n = 50usize;
    let images: Vec<u8> = (0..n * 64).map(|k| u8::from(k % 64 == k / 64)).collect();
    let classes = |i: usize| [0i64, (i % 3) as i64, (i % 6) as i64, (i % 40) as i64, 1, 2];
    let bytes: Vec<u8> = (0..n).flat_map(classes).flat_map(i64::to_le_bytes).collect();
    let values: Vec<u8> = (0..n).flat_map(|i| classes(i).map(|c| c as f64 / 2.0)).flat_map(f64::to_le_bytes).collect();
    let members = |images: Vec<u8>| {
        [
            ("imgs", npy("|u1", "(50, 8, 8)", &images)),
            ("latents_classes", npy("<i8", "(50, 6)", &bytes)),
            ("latents_values", npy("<f8", "(50, 6)", &values)),
        ]
    };
    npz(&path, &members(images.clone()));
    let set = load_dsprites(&path, Some(20), 3).unwrap();
    assert_eq!((set.len(), set.factor_sizes.as_slice()), (20, &[3, 6, 40, 32, 32][..]));
    assert_eq!(set, load_dsprites(&path, Some(20), 3).unwrap());
    for i in 0..20 {
        // The one white pixel tells which image it is.
        let image = &pixels(&set)[i * 64..][..64];
        let which = image.iter().position(|p| *p == 255).unwrap();
        assert_eq!(image.iter().filter(|p| **p != 0).count(), 1);
        let expected = classes(which)[1..].iter().map(|c| *c as f32).collect::<Vec<_>>();
        assert_eq!(set.floats("factors").unwrap()[i * 5..][..5], expected);
        assert_eq!(set.floats("values").unwrap()[i * 5..][..5], expected.iter().map(|c| c / 2.0).collect::<Vec<_>>());
    }
    assert_eq!(load_dsprites(&path, None, 3).unwrap().len(), 50);
    let mut bad = images;
    bad[7] = 2;
    npz(&path, &members(bad));
    refused(load_dsprites(&path, None, 0), "dsprites.npz", "something else than 0 and 1");
    npz(&path, &members(vec![0; 3200])[..2]);
    refused(load_dsprites(&path, None, 0), "dsprites.npz", "no array latents_values");
}

/// EMNIST's files have names and an orientation of their own.
#[test]
fn emnist() {
    let folder = Folder::new("emnist");
    let idx = |magic: u32, dims: &[u32], data: &[u8]| {
        [&[magic][..], dims]
            .concat()
            .iter()
            .flat_map(|w| w.to_be_bytes())
            .chain(data.iter().copied())
            .collect::<Vec<_>>()
    };
    // 2 rows of 3, on its side.
    folder.write("emnist-letters-train-images-idx3-ubyte", idx(0x803, &[1, 3, 2], &[1, 4, 2, 5, 3, 6]));
    folder.write("emnist-letters-train-labels-idx1-ubyte", idx(0x801, &[1], &[26]));
    folder.write("emnist-letters-test-images-idx3-ubyte", idx(0x803, &[1, 3, 2], &[7; 6]));
    folder.write("emnist-letters-test-labels-idx1-ubyte", idx(0x801, &[1], &[3]));
    let set = load_idx(&folder.0, 0).unwrap();
    assert_eq!((set.height, set.width), (2, 3));
    assert_eq!(set.image(0), [1, 2, 3, 4, 5, 6]);
    assert_eq!((set.labels, set.split), (Some(vec![26, 3]), vec![Split::Train, Split::Test]));
    folder.write("emnist-digits-train-images-idx3-ubyte", "");
    refused(load_idx(&folder.0, 0), "train-images-idx3-ubyte", "no such file");
}
