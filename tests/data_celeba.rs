//! The CelebA layout: what is written is read back, by any number of threads, and what is broken is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wavae::Error;
use wavae::data::{
    BatchLoader, BatchOptions, CelebA, CelebAOptions, ImageSet, Split, jpeg::check_jpeg, synthetic_faces, write_celeba,
};

/// A folder of its own for a test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("wavae-celeba-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
    /// `count` synthetic faces written as CelebA.
    fn with_faces(test: &str, count: usize) -> (Self, ImageSet) {
        let (folder, set) = (Self::new(test), synthetic_faces(count, 64, 11).unwrap());
        write_celeba(&folder.0, &set).unwrap();
        (folder, set)
    }
    fn options(&self) -> CelebAOptions {
        CelebAOptions { workers: 2, ..CelebAOptions::new(&self.0) }
    }
    fn jpeg(&self, number: usize) -> PathBuf {
        self.0.join(format!("img_align_celeba/{number:06}.jpg"))
    }
    fn edit(&self, file: &str, edit: impl FnOnce(String) -> String) {
        let path = self.0.join(file);
        fs::write(&path, edit(fs::read_to_string(&path).unwrap())).unwrap();
    }
    /// The message of opening it, which must fail and name `file`.
    fn refused(&self, file: &str) -> String {
        message_naming(CelebA::open(self.options()).map(|_| ()), &self.0.join(file))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn message_naming(result: Result<(), Error>, file: &Path) -> String {
    match result {
        Err(Error::File { path, message }) => {
            assert_eq!(path, file, "{message}");
            message
        }
        other => panic!("expected an error that names {}, got {other:?}", file.display()),
    }
}

fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>() / a.len() as f64
}

#[test]
fn what_is_written_is_read_back() {
    let (folder, set) = Folder::with_faces("roundtrip", 30);
    let celeba = CelebA::open(folder.options()).unwrap();
    let all: Vec<usize> = (0..30).collect();
    let read = celeba.load(&all).unwrap();
    assert_eq!((read.height, read.width, read.channels), (64, 64, 3));
    assert_eq!(read.attribute_names, set.attribute_names);
    assert_eq!(read.attributes, set.attributes);
    assert_eq!(read.split, set.split);
    for i in 0..30 {
        // Up to 148 and back down with a triangle filter blurs by a few levels in the mean, where two different faces
        // are some 50 apart; and no crop that is off by a pixel may be nearer.
        let (back, original) = (read.image(i), set.image(i));
        let d = mean_difference(back, original);
        assert!(d < 5.0, "image {i} is {d} off");
        for by in [3, 64 * 3] {
            let (end, n) = (original.len() - by, original.len());
            assert!(d < mean_difference(&back[by..n], &original[..end]), "image {i} is shifted");
            assert!(d < mean_difference(&back[..end], &original[by..n]), "image {i} is shifted");
        }
    }
    let valid = celeba.load_split(Split::Valid, 1..100).unwrap();
    assert_eq!(valid.pixels, read.gather(&[18, 28]));
    assert_eq!(celeba.skipped(), 0);
}

#[test]
fn a_picture_of_the_crops_size_survives_but_for_jpeg() {
    let folder = Folder::new("exact");
    let set = synthetic_faces(4, 148, 5).unwrap();
    write_celeba(&folder.0, &set).unwrap();
    let read = CelebA::open(CelebAOptions { size: 148, ..folder.options() }).unwrap().load(&[0, 1, 2, 3]).unwrap();
    // Quality 97 divides by quantisers of at most 7: errors of a level or two.
    let d = mean_difference(&read.pixels, &set.pixels);
    assert!(d < 2.0, "{d}");
}

#[test]
fn files_are_laid_out_as_celebas() {
    let (folder, set) = Folder::with_faces("layout", 12);
    let attributes = fs::read_to_string(folder.0.join("list_attr_celeba.txt")).unwrap();
    let lines: Vec<&str> = attributes.lines().collect();
    assert_eq!(lines.len(), 14);
    assert_eq!(lines[0], "12");
    assert!(lines[1].starts_with("5_o_Clock_Shadow Arched_Eyebrows Attractive") && lines[1].trim().ends_with(" Young"));
    let row: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!((row.len(), row[0], lines[2].len()), (41, "000001.jpg", 10 + 40 * 3));
    assert_eq!(row[32], set.attribute("Smiling").unwrap()[0].to_string());
    let partition = fs::read_to_string(folder.0.join("list_eval_partition.txt")).unwrap();
    assert!(partition.contains("000008.jpg 0\n000009.jpg 1\n000010.jpg 2\n"));
    assert_eq!(image::image_dimensions(folder.jpeg(12)).unwrap(), (178, 218));
    assert!(message_naming(write_celeba(&folder.0, &set), &folder.0.join("img_align_celeba")).contains("not empty"));
}

#[test]
fn order_does_not_depend_on_workers() {
    let (folder, _) = Folder::with_faces("order", 24);
    let with = |workers| CelebA::open(CelebAOptions { workers, size: 16, ..folder.options() }).unwrap();
    let picked = [5, 3, 3, 20, 0, 7, 11];
    assert_eq!(with(1).load(&picked).unwrap(), with(3).load(&picked).unwrap());

    let batches = |workers, epochs| {
        let celeba = with(1);
        let train = celeba.indices(Split::Train);
        let options = BatchOptions { workers, epochs: Some(epochs), ..BatchOptions::new(5, 42) };
        BatchLoader::new(Arc::new(celeba), train, options).unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    let (one, three) = (batches(1, 3), batches(3, 3));
    assert_eq!(one, three);
    assert_eq!(one.len(), 3 * 4); // 20 train images
    for epoch in 0..3 {
        let mut seen: Vec<usize> = one.iter().filter(|b| b.epoch == epoch).flat_map(|b| b.indices.clone()).collect();
        assert!(!seen.is_sorted(), "epoch {epoch} is not shuffled");
        seen.sort_unstable();
        assert_eq!(seen, with(1).indices(Split::Train));
    }
    assert_ne!(one[0].indices, one[4].indices, "each epoch has its own order");
}

#[test]
fn batches_in_memory_and_on_disk_are_the_same_and_continue() {
    let (folder, _) = Folder::with_faces("memory", 20);
    let celeba = CelebA::open(CelebAOptions { size: 16, ..folder.options() }).unwrap();
    let memory = celeba.load(&(0..20).collect::<Vec<_>>()).unwrap();
    let train = memory.indices(Split::Train);
    let options = BatchOptions { epochs: Some(2), ..BatchOptions::new(4, 7) };
    let disk: Vec<_> =
        BatchLoader::new(Arc::new(celeba), train.clone(), options.clone()).unwrap().map(Result::unwrap).collect();
    let memory = Arc::new(memory);
    let resident: Vec<_> =
        BatchLoader::new(memory.clone(), train.clone(), options.clone()).unwrap().map(Result::unwrap).collect();
    assert_eq!(disk, resident);
    assert_eq!(resident[3].columns[0].1.bytes(), memory.gather(&resident[3].indices));
    let later = BatchOptions { start: 5, ..options };
    let later: Vec<_> = BatchLoader::new(memory.clone(), train, later).unwrap().map(Result::unwrap).collect();
    assert_eq!(later, resident[5..]);

    let plain = BatchOptions { shuffle: false, ..BatchOptions::new(2, 0) };
    let mut plain = BatchLoader::new(memory.clone(), vec![4, 2, 9, 1, 3], plain).unwrap();
    assert_eq!(plain.per_epoch(), 2);
    let orders: Vec<Vec<usize>> = plain.by_ref().take(3).map(|b| b.unwrap().indices).collect();
    assert_eq!(orders, [[4, 2], [9, 1], [4, 2]]);

    let refused =
        |indices, batch| BatchLoader::new(memory.clone(), indices, BatchOptions::new(batch, 0)).err().unwrap();
    assert!(refused(vec![1, 2], 3).to_string().contains("2 examples do not fill a batch of 3"));
    assert!(refused(vec![1, 20], 2).to_string().contains("example 20"));
    assert!(matches!(refused(vec![1], 0), Error::Config(_)));
}

#[test]
fn every_cut_of_a_jpeg_is_refused_by_name() {
    let (folder, _) = Folder::with_faces("cuts", 3);
    let whole = fs::read(folder.jpeg(2)).unwrap();
    let celeba = CelebA::open(folder.options()).unwrap();
    for k in 0..40 {
        let cut = (whole.len() - 1) * k / 39;
        fs::write(folder.jpeg(2), &whole[..cut]).unwrap();
        let message = message_naming(celeba.load(&[0, 1, 2]).map(|_| ()), &folder.jpeg(2));
        assert!(message.contains("--skip-bad"), "cut at {cut}: {message}");
        let kinds = ["truncated", "empty", "not a JPEG"];
        assert!(kinds.iter().any(|kind| message.contains(kind)), "cut at {cut}: {message}");
    }
    // Noise, and a picture too small for the crop.
    fs::write(folder.jpeg(2), b"<html>not found</html>").unwrap();
    assert!(message_naming(celeba.load(&[1]).map(|_| ()), &folder.jpeg(2)).contains("not a JPEG"));
    image::RgbImage::new(100, 300).save(folder.jpeg(2)).unwrap();
    assert!(message_naming(celeba.load(&[1]).map(|_| ()), &folder.jpeg(2)).contains("100×300"));
    fs::remove_file(folder.jpeg(2)).unwrap();
    assert!(message_naming(celeba.load(&[1]).map(|_| ()), &folder.jpeg(2)).contains("cannot be read"));
}

/// The walk on files made by hand: segment, scan, second scan, restarts, stuffed and fill bytes, what follows the end.
#[test]
fn the_marker_walk_knows_the_format() {
    let start = [0xff, 0xd8, 0xff, 0xe0, 0, 4, 0xff, 0xd9]; // an end marker inside a segment is data
    let frame = [0xff, 0xc2, 0, 3, 8];
    let scan = [0xff, 0xda, 0, 3, 1, 0x12, 0xff, 0x00, 0x34, 0xff, 0xd3, 0x56];
    let join = |parts: &[&[u8]]| parts.concat();
    let good = [
        join(&[&start, &frame, &scan, &[0xff, 0xd9]]),
        join(&[&start, &frame, &scan, &[0xff, 0xc4, 0, 2], &scan, &[0xff, 0xff, 0xff, 0xd9]]),
        join(&[&start, &[0xff, 0xff], &frame[1..], &scan, &[0xff, 0xd9], b"trailing \xff\xd8 bytes"]),
    ];
    for file in &good {
        assert_eq!(check_jpeg(file), Ok(()), "{file:02x?}");
    }
    let whole = &good[1];
    for cut in 0..whole.len() {
        assert!(check_jpeg(&whole[..cut]).is_err(), "cut at {cut}");
    }
    let (cut, whole) = (&start[..6], start.len() - 6);
    assert!(check_jpeg(cut).unwrap_err().contains(&format!("{whole} bytes before a segment does")));
    let bad = [
        join(&[&start, &frame, &[0xff, 0xd9]]),                             // no scan
        join(&[&start, &scan, &[0xff, 0xd9]]),                              // no frame
        join(&[&start, &frame, &[0x00], &scan, &[0xff, 0xd9]]),             // garbage between segments
        join(&[&start, &[0xff, 0xe1, 0, 1], &frame, &scan, &[0xff, 0xd9]]), // length below 2
        join(&[&start, &frame, &scan, &[0; 64]]),                           // zeros to the end
    ];
    for file in &bad {
        assert!(check_jpeg(file).is_err(), "{file:02x?}");
    }
}

#[test]
fn skip_bad_leaves_out_counts_and_has_a_cap() {
    let (folder, set) = Folder::with_faces("skip", 20);
    let whole = fs::read(folder.jpeg(4)).unwrap();
    for number in [4, 13] {
        fs::write(folder.jpeg(number), &whole[..whole.len() / 2]).unwrap();
    }
    let with = |skip_bad| CelebA::open(CelebAOptions { skip_bad, ..folder.options() }).unwrap();
    let all: Vec<usize> = (0..20).collect();
    message_naming(with(None).load(&all).map(|_| ()), &folder.jpeg(4));
    message_naming(with(Some(0)).load(&all).map(|_| ()), &folder.jpeg(4));
    assert!(message_naming(with(Some(1)).load(&all).map(|_| ()), &folder.jpeg(13)).contains("--skip-bad"));

    let celeba = with(Some(2));
    let read = celeba.load(&all).unwrap();
    let good: Vec<usize> = all.iter().copied().filter(|i| ![3, 12].contains(i)).collect();
    assert_eq!((read.len(), celeba.skipped()), (18, 2));
    let expected = set.subset(&good);
    assert_eq!((&read.attributes, &read.split), (&expected.attributes, &expected.split));
    assert!((0..18).all(|k| mean_difference(read.image(k), expected.image(k)) < 5.0));
    // Again, and twice in one list: the same two images, not more.
    assert_eq!(celeba.load(&[3, 3, 12, 3, 1]).unwrap().len(), 1);
    assert_eq!(celeba.skipped(), 2);

    let celeba = Arc::new(celeba);
    let options = BatchOptions { workers: 3, shuffle: false, epochs: Some(1), ..BatchOptions::new(5, 1) };
    let batches: Vec<_> =
        BatchLoader::new(celeba.clone(), all.clone(), options).unwrap().map(|b| b.unwrap().indices).collect();
    assert_eq!(batches, [[0, 1, 2, 4, 4], [5, 6, 7, 8, 9], [10, 11, 13, 13, 14], [15, 16, 17, 18, 19]]);
    assert_eq!(celeba.skipped(), 2);
    let strict = BatchOptions { shuffle: false, ..BatchOptions::new(5, 1) };
    let first = BatchLoader::new(Arc::new(with(None)), all, strict).unwrap().next().unwrap();
    message_naming(first.map(|_| ()), &folder.jpeg(4));
}

#[test]
fn a_limit_keeps_the_share_of_each_split() {
    let (folder, _) = Folder::with_faces("limit", 30);
    let celeba = CelebA::open(CelebAOptions { limit: Some(10), ..folder.options() }).unwrap();
    let kept = [Split::Train, Split::Valid, Split::Test].map(|split| celeba.indices(split).len());
    assert_eq!(kept, [8, 1, 1]);
    let full = CelebA::open(folder.options()).unwrap();
    for (i, original) in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].into_iter().enumerate() {
        assert_eq!(celeba.path(i), full.path(original));
        assert_eq!(celeba.attribute_row(i), full.attribute_row(original));
    }
}

#[test]
fn what_is_missing_is_named() {
    let nowhere = Folder::new("nowhere");
    assert!(nowhere.refused("").contains("no such folder"));
    for missing in ["img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"] {
        let (folder, _) = Folder::with_faces(&format!("missing-{missing}"), 2);
        let path = folder.0.join(missing);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
        assert!(folder.refused(missing).contains("missing"));
    }
}

/// One fault at a time in a good folder of three.
#[test]
fn lists_that_disagree_are_named() {
    type Case = (&'static str, &'static str, fn(String) -> String, &'static str);
    let cases: [Case; 9] = [
        ("list_attr_celeba.txt", "its own count", |s| s.replacen('3', "4", 1), "promises 4 images, 3 rows"),
        ("list_attr_celeba.txt", "no count", |s| s.replacen('3', "", 1), "line 1"),
        ("list_attr_celeba.txt", "a name too many", |s| s.replacen("Young", "Young Old", 1), "40 values for 41"),
        ("list_attr_celeba.txt", "a value", |s| s.replacen(" -1", "  0", 1), "“0”"),
        ("list_attr_celeba.txt", "a file twice", |s| s.replace("000002", "000001"), "000001.jpg twice"),
        ("list_eval_partition.txt", "a split", |s| s.replace("2.jpg 0", "2.jpg 3"), "line 2"),
        ("list_eval_partition.txt", "fewer", |s| s.lines().take(2).collect::<Vec<_>>().join("\n"), "lists 2 files"),
        ("list_eval_partition.txt", "another file", |s| s.replace("000002", "000009"), "does not list 000002.jpg"),
        ("list_attr_celeba.txt", "empty", |_| String::new(), "ends before"),
    ];
    for (k, (file, what, edit, expected)) in cases.into_iter().enumerate() {
        let (folder, _) = Folder::with_faces(&format!("disagree-{k}"), 3);
        folder.edit(file, edit);
        let message = folder.refused(file);
        assert!(message.contains(expected), "{what}: {message}");
    }
    let (folder, _) = Folder::with_faces("disagree-files", 3);
    fs::rename(folder.jpeg(3), folder.jpeg(7)).unwrap();
    assert!(folder.refused("img_align_celeba").contains("000003.jpg"));
    fs::copy(folder.jpeg(7), folder.jpeg(3)).unwrap();
    let message = folder.refused("list_attr_celeba.txt");
    assert!(message.contains("000007.jpg") && message.contains("3 files listed, 4 in the folder"), "{message}");
}

/// Kaggle's copies: commas and a header row; and the download's own folders.
#[test]
fn csv_lists_and_nested_folders_are_read() {
    let (folder, set) = Folder::with_faces("csv", 10);
    let comma = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(",");
    let attributes = fs::read_to_string(folder.0.join("list_attr_celeba.txt")).unwrap();
    let mut csv = format!("image_id,{}\r\n", comma(attributes.lines().nth(1).unwrap()));
    attributes.lines().skip(2).for_each(|line| csv += &(comma(line) + "\r\n"));
    let partition = fs::read_to_string(folder.0.join("list_eval_partition.txt")).unwrap();
    let partition = partition.lines().fold("image_id,partition\n".to_string(), |all, line| all + &comma(line) + "\n");
    for list in ["list_attr_celeba.txt", "list_eval_partition.txt"] {
        fs::remove_file(folder.0.join(list)).unwrap();
    }
    for nested in ["Img", "Anno", "Eval"] {
        fs::create_dir(folder.0.join(nested)).unwrap();
    }
    fs::rename(folder.0.join("img_align_celeba"), folder.0.join("Img/img_align_celeba")).unwrap();
    fs::write(folder.0.join("Anno/list_attr_celeba.csv"), csv).unwrap();
    fs::write(folder.0.join("Eval/list_eval_partition.csv"), partition).unwrap();
    let read = CelebA::open(CelebAOptions { size: 8, ..folder.options() }).unwrap().load_split(Split::Train, 0..100);
    let read = read.unwrap();
    let expected = set.subset(&set.indices(Split::Train));
    assert_eq!(read.attribute_names, expected.attribute_names);
    assert_eq!(read.attributes, expected.attributes);
}

#[test]
fn options_out_of_range_are_refused() {
    let (folder, set) = Folder::with_faces("options", 2);
    let with = |change: fn(&mut CelebAOptions)| {
        let mut options = folder.options();
        change(&mut options);
        CelebA::open(options)
    };
    assert!(matches!(with(|o| o.crop = 0), Err(Error::Config(_))));
    assert!(matches!(with(|o| o.size = 0), Err(Error::Config(_))));
    assert!(matches!(with(|o| o.size = 1 << 40), Err(Error::Config(_))));
    assert!(matches!(with(|o| o.workers = 0), Err(Error::Config(_))));
    assert!(matches!(with(|o| o.limit = Some(0)), Err(Error::Config(_))));
    assert!(with(|o| o.crop = 178).unwrap().load(&[0]).is_ok());
    message_naming(with(|o| o.crop = 179).unwrap().load(&[0]).map(|_| ()), &folder.jpeg(1));
    assert!(matches!(with(|_| ()).unwrap().load(&[2]), Err(Error::Config(_))));
    let gray = ImageSet::new(8, 8, 1, vec![0; 64]).unwrap();
    assert!(matches!(write_celeba(folder.0.join("gray"), &gray), Err(Error::Config(_))));
    let odd = ImageSet { width: 32, height: 128, ..set };
    assert!(matches!(write_celeba(folder.0.join("odd"), &odd), Err(Error::Config(_))));
}
