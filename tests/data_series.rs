//! Files of series, text and sound; and the one door to all data.

use std::fs;
use std::path::Path;
use wavae::Error;
use wavae::data::audio::{LogMel, MelOptions};
use wavae::data::{
    Dataset, FORMATS, Options, SETS, Split, binarize, load_csv, load_quickdraw, load_text, load_wav, open, read_wav,
    synthetic_digits, synthetic_faces, write_celeba, write_idx,
};

#[path = "common/files.rs"]
mod files;

use files::{Folder, refused};

#[test]
fn windows_of_a_series() {
    let folder = Folder::new("csv");
    // Rows 0 to 19: a channel that counts, one that is constant.
    let rows: String = (0..20).map(|k| format!("2024-01-{:02},{k},7\n", k + 1)).collect();
    let path = folder.write("a.csv", format!("Date,\"Close\",Volume\n{rows}"));
    let set = load_csv(&path, 3, 2, None).unwrap();
    // Training rows 0..16: windows at 0, 2, …, 12; rows 16..18 and 18..20 hold none of three.
    assert_eq!((set.len(), set.example("x").unwrap().dims()), (7, &[3, 2][..]));
    assert_eq!(set.split, [Split::Train; 7]);
    let x = set.floats("x").unwrap();
    // The windows' values are 0 1 2 2 3 4 … 12 13 14: mean 7, variance 4² + 2/3 over the 21.
    let deviation = (16.0f32 + 2.0 / 3.0).sqrt();
    for (k, step) in x.chunks_exact(2).enumerate() {
        let row = (k / 3 * 2 + k % 3) as f32;
        assert!((step[0] - (row - 7.0) / deviation).abs() < 1e-5 && step[1] == 0.0, "{k}: {step:?}");
    }
    let set = load_csv(&path, 2, 1, None).unwrap();
    let count = |split| set.indices(split).len();
    assert_eq!([Split::Train, Split::Valid, Split::Test].map(count), [15, 1, 1]);
    assert_eq!(load_csv(&path, 2, 1, Some(5)).unwrap().len(), 5);
    // Scaled by the training windows alone.
    let train = set.part(Split::Train);
    let close: Vec<f32> = train.floats("x").unwrap().iter().step_by(2).copied().collect();
    let mean = close.iter().sum::<f32>() / close.len() as f32;
    let variance = close.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / close.len() as f32;
    assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4, "{mean}, {variance}");
    // Other marks, no header, and a folder of two series.
    for mark in [";", "\t", " "] {
        folder.write("more/b.csv", rows.lines().map(|l| l[11..].replace(',', mark) + "\r\n").collect::<String>());
        assert_eq!(load_csv(folder.0.join("more"), 2, 1, None).unwrap().floats("x").unwrap(), set.floats("x").unwrap());
    }
    assert_eq!(load_csv(folder.0.join("more"), 2, 1, None).unwrap().len(), 17);
    folder.write("more/c.csv", "1 2\n".repeat(20));
    assert_eq!(load_csv(folder.0.join("more"), 2, 1, None).unwrap().len(), 34);
    folder.write("more/c.csv", "1 2 3\n".repeat(20));
    refused(load_csv(folder.0.join("more"), 2, 1, None), "c.csv", "has 3 channels, the files before it 2");
}

#[test]
fn broken_series() {
    let folder = Folder::new("csv-broken");
    for (text, expected) in [
        ("", "empty"),
        ("a,b\n1,2\n3\n", "line 3 has 1 fields, the first 2"),
        ("a,b\n1,2\n\n3,x\n", "line 4, field 2: “x” is no finite number"),
        ("1,2\n3,NaN\n", "line 2, field 2: “NaN”"),
        ("1,2\n3,1e99\n", "is no finite number"),
        ("date\n2024\n", "no column of numbers"),
        ("1,2\n3,4\n", "2 rows hold no training window of 4"),
    ] {
        let path = folder.write("a.csv", text);
        refused(load_csv(&path, 4, 1, None), "a.csv", expected);
    }
    refused(load_csv(folder.write("a.csv", b"1,2\n\xff,3\n"), 1, 1, None), "a.csv", "line 2 is not UTF-8");
    refused(load_csv(folder.0.join("none"), 1, 1, None), "none", "cannot be listed");
    assert!(matches!(load_csv(&folder.0, 0, 1, None), Err(Error::Config(_))));
}

#[test]
fn lines_of_text() {
    let folder = Folder::new("text");
    let path = folder.write("a.txt", "\u{feff}The cat, the dog.\n\n  Don't see\tÉtés\nthe the cat\n");
    let set = load_text(&path, None, 100, None).unwrap();
    // the 4, cat 2, then by the alphabet: ',' '.' don't dog see étés
    let words = ["<pad>", "<bos>", "<eos>", "<unk>", "the", "cat", ",", ".", "dog", "don't", "see", "étés"];
    assert_eq!(set.vocabulary, words);
    assert_eq!(set.integers("length").unwrap(), [8, 5, 5]);
    let (p, rows) = (0, set.integers("x").unwrap());
    assert_eq!(rows[..8], [1, 4, 5, 6, 4, 8, 7, 2]);
    assert_eq!(rows[8..], [1, 9, 10, 11, 2, p, p, p, 1, 4, 4, 5, 2, p, p, p]);
    // Six words in all: the and cat; four tokens a row.
    let set = load_text(&path, Some(4), 6, None).unwrap();
    assert_eq!(set.integers("x").unwrap(), [1, 4, 5, 2, 1, 3, 3, 2, 1, 4, 4, 2]);
    assert_eq!(load_text(&path, None, 100, Some(1)).unwrap().len(), 1);
    refused(load_text(folder.write("b.txt", b"good\nb\xe9d\n"), None, 9, None), "b.txt", "line 2 is not UTF-8");
    refused(load_text(folder.write("b.txt", "\n \n"), None, 9, None), "b.txt", "no words");
    assert!(matches!(load_text(&path, Some(2), 9, None), Err(Error::Config(_))));
    assert!(matches!(load_text(&path, None, 4, None), Err(Error::Config(_))));
}

fn wav(path: &Path, bits: u16, channels: u16, rate: u32, samples: &[f32]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let float = bits == 0;
    let sample_format = if float { hound::SampleFormat::Float } else { hound::SampleFormat::Int };
    let spec =
        hound::WavSpec { channels, sample_rate: rate, bits_per_sample: if float { 32 } else { bits }, sample_format };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in samples {
        if float {
            writer.write_sample(*sample).unwrap();
        } else {
            let full = 2f64.powi(i32::from(bits) - 1);
            writer.write_sample((f64::from(*sample) * full).round().min(full - 1.0) as i32).unwrap();
        }
    }
    writer.finalize().unwrap();
}

#[test]
fn sound_files() {
    let folder = Folder::new("wav");
    let samples: Vec<f32> = (0..1200).map(|t| 0.6 * (0.3 * t as f32).sin()).collect();
    let path = folder.0.join("a.wav");
    for bits in [0, 8, 16, 24, 32] {
        wav(&path, bits, 1, 8000, &samples);
        let (read, rate) = read_wav(&path).unwrap();
        assert_eq!((read.len(), rate), (1200, 8000));
        // Half a step of the quantization.
        let step = if bits == 0 { 1e-7 } else { 2f32.powi(1 - i32::from(bits)) };
        assert!(read.iter().zip(&samples).all(|(a, b)| (a - b).abs() <= 0.5 * step + 1e-7), "{bits} bits");
    }
    let stereo: Vec<f32> = samples.iter().flat_map(|s| [s * 1.5, s * 0.5]).collect();
    wav(&path, 0, 2, 8000, &stereo);
    assert!(read_wav(&path).unwrap().0.iter().zip(&samples).all(|(a, b)| (a - b).abs() < 1e-6));
    // A folder: two classes, one sound shorter than the other.
    fs::remove_file(&path).unwrap();
    wav(&folder.0.join("yes/1.wav"), 16, 1, 8000, &samples);
    wav(&folder.0.join("no/1.wav"), 16, 1, 8000, &samples[..700]);
    let set = load_wav(&folder.0, None, None).unwrap();
    assert_eq!((set.class_names.join(" "), set.integers("label").unwrap()), ("no yes".to_string(), &[0, 1][..]));
    // Frames of 256 samples every 128.
    assert_eq!((set.integers("length").unwrap(), set.example("x").unwrap().dims()), (&[4, 8][..], &[8, 40][..]));
    let x = set.floats("x").unwrap();
    let mean = x.iter().sum::<f32>() / x.len() as f32;
    let deviation = (x.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / x.len() as f32).sqrt();
    assert!(mean.abs() < 1e-4 && (deviation - 1.0).abs() < 1e-4);
    // But for the scale it is the spectrogram.
    let own = LogMel::new(MelOptions::speech(8000)).unwrap().compute(&read_wav(folder.0.join("yes/1.wav")).unwrap().0);
    let (a, b) = (x[321] - x[320], own[1] - own[0]);
    for k in 1..40 {
        assert!(((x[320 + k] - x[320]) * b - (own[k] - own[0]) * a).abs() < 1e-2, "band {k}");
    }
    assert_eq!(load_wav(&folder.0, Some(3), Some(1)).unwrap().column("x").unwrap().shape.dims(), [1, 3, 40]);
    wav(&folder.0.join("yes/2.wav"), 16, 1, 16_000, &samples);
    refused(load_wav(&folder.0, None, None), "yes/2.wav", "16000 samples a second");
    let whole = fs::read(folder.0.join("yes/1.wav")).unwrap();
    refused(read_wav(folder.write("b.wav", &whole[..whole.len() / 2])), "b.wav", "not a whole WAV file");
    refused(read_wav(folder.write("b.wav", "<html>")), "b.wav", "not a whole WAV file");
    wav(&folder.0.join("b.wav"), 16, 1, 8000, &[]);
    refused(read_wav(folder.0.join("b.wav")), "b.wav", "0 samples");
    wav(&folder.0.join("b.wav"), 0, 1, 8000, &[0.0, f32::NAN]);
    refused(read_wav(folder.0.join("b.wav")), "b.wav", "sample 1 is NaN");
}

#[test]
fn drawings_of_quick_draw() {
    let folder = Folder::new("quickdraw");
    // A right angle of three points and a line of two, with the fields that the files have besides.
    let line = |word: &str| {
        format!(
            "{{\"word\":\"{word}\",\"recognized\":true,\"drawing\":[[[0,255,255],[0,0,255]],[[0,0],[255,127.5]]]}}\n"
        )
    };
    folder.write("a.ndjson", line("fish") + &line("cat"));
    folder.write("b.ndjson", line("fish"));
    let set = load_quickdraw(&folder.0, None, None).unwrap();
    assert_eq!(set.column("x").unwrap().shape.dims(), [3, 6, 5]);
    assert_eq!((set.class_names.join(" "), set.integers("label").unwrap()), ("cat fish".to_string(), &[1, 0, 1][..]));
    assert_eq!(set.integers("length").unwrap(), [5; 3]);
    let unit = 0.41; // as the drawn sketches have it
    let expected = [
        [-1.0, -1.0, 1.0, 0.0],
        [2.0, 0.0, 1.0, 0.0],
        [0.0, 2.0, 0.0, 1.0],
        [-2.0, 0.0, 1.0, 0.0],
        [0.0, -1.0, 0.0, 1.0],
    ];
    for (step, expected) in set.floats("x").unwrap().chunks_exact(5).zip(expected) {
        assert!((step[0] - expected[0] / unit).abs() < 1e-5 && (step[1] - expected[1] / unit).abs() < 1e-5, "{step:?}");
        assert_eq!(step[2..], [expected[2], expected[3], 0.0]);
    }
    assert_eq!(set.floats("x").unwrap()[25..30], [0.0, 0.0, 0.0, 0.0, 1.0]);
    let cut = load_quickdraw(&folder.0, Some(4), Some(1)).unwrap();
    assert_eq!((cut.column("x").unwrap().shape.dims(), cut.integers("length").unwrap()), (&[1, 4, 5][..], &[3][..]));
    for (bad, expected) in [
        ("{\"word\":\"cat\"}", "line 4: no drawing"),
        ("{\"word\":\"cat\",\"drawing\":[]}", "line 4: a drawing without strokes"),
        ("{\"word\":\"cat\",\"drawing\":[[[1,2],[1]]]}", "line 4: a stroke of 2 x and 1 y"),
        ("{\"word\":\"cat\",\"drawing\":[[[1]]]}", "line 4: a stroke without x and y"),
        ("{\"word\":\"cat\",\"drawing\":[[[1", "line 4: no drawing"),
    ] {
        folder.write("b.ndjson", line("fish") + "\n" + &line("fish") + bad);
        refused(load_quickdraw(&folder.0, None, None), "b.ndjson", expected);
    }
    refused(load_quickdraw(folder.write("c.ndjson", "\n"), None, None), "c.ndjson", "no drawings");
    assert!(matches!(load_quickdraw(&folder.0, Some(1), None), Err(Error::Config(_))));
}

#[test]
fn one_door_to_all() {
    let options = Options { count: Some(20), ..Options::default() };
    for name in SETS {
        let set = open(name, None, &options).unwrap();
        assert_eq!(set.len(), 20, "{name}");
        assert_eq!(set, open(name, None, &options).unwrap(), "{name}");
        assert!(set.has("x") || set.has("audio") && set.has("frames"), "{name}");
        assert!(set.has("label") || set.has("factors"), "{name}");
        let other = open(name, None, &Options { seed: 1, ..options.clone() }).unwrap();
        assert_ne!(set.columns()[0], other.columns()[0], "{name}");
    }
    let shape = |name, options: Options| open(name, None, &options).unwrap().example("x").unwrap().dims().to_vec();
    let small = |side, steps| Options { side, steps, ..options.clone() };
    assert_eq!(shape("faces", small(Some(16), None)), [16, 16, 3]);
    assert_eq!(shape("dsprites", small(Some(32), None)), [32, 32, 1]);
    assert_eq!(shape("sketches", small(Some(28), None)), [28, 28, 1]);
    assert_eq!(shape("prices", small(None, Some(32))), [32, 3]);
    assert_eq!(open("dsprites-small", None, &Options::default()).unwrap().len(), 7680);
}

#[test]
fn names_and_paths_that_do_not_fit() {
    let message = |name: &str, path: Option<&Path>| open(name, path, &Options::default()).unwrap_err().to_string();
    for (wrong, right) in [
        ("digit", "digits"),
        ("dsprite", "dsprites"),
        ("Prices", "prices"),
        ("sentance", "sentences"),
        ("tones-event", "tone-events"),
        ("cifar", "cifar10"),
    ] {
        assert!(message(wrong, None).contains(&format!("did you mean {right}?")), "{}", message(wrong, None));
    }
    for format in FORMATS {
        assert!(message(format, None).contains("read from files"), "{format}");
    }
    let here = std::env::temp_dir();
    assert!(message("dsprites-small", Some(&here)).contains(here.to_str().unwrap()), "read as dSprites' file");
    assert!(message("digitz", Some(&here)).contains("did you mean digits?"));
    assert!(message("digits", Some(&here.join("nowhere-at-all"))).contains("nowhere-at-all: no such file or folder"));
}

#[test]
fn sets_come_from_their_files() {
    let folder = Folder::new("door");
    let digits = synthetic_digits(30, 1).unwrap();
    write_idx(folder.0.join("idx"), &digits, true).unwrap();
    let options = Options { valid: Some(3), ..Options::default() };
    let order = [Split::Train, Split::Valid, Split::Test].map(|split| digits.indices(split)).concat();
    let expected = Dataset::from(digits.subset(&order));
    assert_eq!(open("digits", Some(&folder.0.join("idx")), &options).unwrap(), expected);
    let few = open("idx", Some(&folder.0.join("idx")), &Options { count: Some(10), ..options.clone() }).unwrap();
    assert_eq!((few.len(), few.indices(Split::Test).len()), (10, 1));
    write_celeba(folder.0.join("celeba"), &synthetic_faces(10, 32, 1).unwrap()).unwrap();
    let faces = open("faces", Some(&folder.0.join("celeba")), &Options { side: Some(16), ..options.clone() }).unwrap();
    assert_eq!((faces.column("x").unwrap().shape.dims(), faces.factors.len()), (&[10, 16, 16, 3][..], 40));
    let text = folder.write("a.txt", "one two\nthree\n");
    assert_eq!(open("sentences", Some(&text), &options).unwrap().vocabulary.len(), 7);
    let csv = folder.write("a.csv", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
    assert_eq!(
        open("prices", Some(&csv), &Options { steps: Some(4), ..options }).unwrap().example("x").unwrap().dims(),
        [4, 1]
    );
}

/// A pixel of value v is white with probability v/255: over many digits the mean stays, within five standard errors.
#[test]
fn binary_pixels() {
    let digits = Dataset::from(synthetic_digits(500, 3).unwrap());
    let binary = binarize(&digits, 7);
    assert_eq!(binary, binarize(&digits, 7));
    assert_ne!(binary, binarize(&digits, 8));
    assert_eq!(binary.column("label").unwrap(), digits.column("label").unwrap());
    let first: Vec<usize> = (0..20).collect();
    assert_eq!(binarize(&digits.subset(&first), 7), binary.subset(&first));
    let (before, after) = (digits.column("x").unwrap().bytes(), binary.column("x").unwrap().bytes());
    assert!(before.iter().zip(after).all(|(b, a)| match b {
        0 => *a == 0,
        255 => *a == 255,
        _ => *a == 0 || *a == 255,
    }));
    let (mut difference, mut variance) = (0.0f64, 0.0f64);
    for (b, a) in before.iter().zip(after) {
        let p = f64::from(*b) / 255.0;
        difference += f64::from(*a) / 255.0 - p;
        variance += p * (1.0 - p);
    }
    assert!(difference.abs() < 5.0 * variance.sqrt(), "{difference} for {}", variance.sqrt());
}
