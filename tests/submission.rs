//! How steps reach the device: one by one or many at once, from a resident set or a stream, the bits are the same.

mod common;

use common::models::{images, mlp};
use common::training::{config, finish, trainer, weights};
use std::sync::Arc;
use wavae::data::Dataset;
use wavae::tensor::Array;
use wavae::train::{Config, Metrics, Progress, Schedule, Source, Trainer};
use wavae::vae::Vae;
use wavae::{Device, Error};

/// The same examples in the same order, resident or streamed by any number of threads, with the classes that the model is
/// given or without: the same bits.
#[test]
fn a_stream_trains_as_the_resident_set_does() {
    let plain = mlp();
    let pixels = Dataset::from(images(plain.image, 37));
    let labelled = pixels.clone().with_labels((0..37).map(|i| i % 3).collect(), 3).unwrap();
    let conditional = Vae { classes: Some(3), ..mlp().vae };
    for (vae, set) in [(&plain.vae, pixels), (&conditional, labelled)] {
        for device in [Device::Cpu, Device::Gpu(common::gpu())] {
            let run = |source: &Source| {
                let mut trainer = Trainer::new(&device, vae, source, config(12)).unwrap();
                let losses: Vec<u32> = finish(&mut trainer, 12).iter().map(|r| r.loss.unwrap().to_bits()).collect();
                (losses, weights(&trainer))
            };
            let resident = run(&Source::Resident(Arc::new(set.clone())));
            for workers in [1, 3] {
                let examples = Arc::new(set.clone());
                let stream = Source::Stream { examples, indices: (0..set.len()).collect(), workers };
                assert!(run(&stream) == resident, "{device}: {workers} workers");
            }
        }
    }
}

/// A set with a column that the device takes in no one binding is streamed, the visits of a pass kept.
#[test]
fn what_no_binding_takes_is_streamed() {
    let gpu = common::gpu();
    let rows = gpu.caps().max_binding_bytes.min(gpu.caps().max_buffer_bytes) as usize / (1 << 20) + 1;
    let device = Device::Gpu(gpu);
    let set = |rows: usize| {
        let bytes = Array::u8([rows, 1 << 20], vec![0; rows << 20]).unwrap(); // pages that nobody touches take no memory
        let mut set = Dataset::new("x", bytes).unwrap().with_labels(vec![0; rows], 1).unwrap();
        set.visits = vec![2; rows];
        set
    };
    assert!(matches!(Source::of(set(1), &device, 1), Source::Resident(_)));
    let source = Source::of(set(rows), &device, 1);
    assert_eq!(source.len(), 2 * rows);
    let Source::Stream { indices, .. } = &source else { panic!("{rows} MiB are resident") };
    assert_eq!(indices[..4], [0, 0, 1, 1]);
    let types = source.types(2);
    assert_eq!(types.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["x", "label"]);
}

/// Bits of every loss, and the weights, of 12 steps submitted in groups.
fn in_groups(device: &Device, source: &Source, config: Config, groups: &[u64]) -> (Vec<u32>, Vec<(String, Vec<f32>)>) {
    let model = mlp();
    let mut trainer = Trainer::new(device, &model.vae, source, config).unwrap();
    let mut records = vec![];
    for &steps in groups {
        trainer.advance_many(steps).unwrap();
        records.extend(trainer.records(false).unwrap());
    }
    records.extend(trainer.records(true).unwrap());
    assert!(records.iter().map(|r| r.step).eq(1..=groups.iter().sum()), "{records:?}");
    (records.iter().map(|r| r.loss.unwrap().to_bits()).collect(), weights(&trainer))
}

#[test]
fn several_steps_a_submission_are_the_same_steps() {
    let [h, w, c] = mlp().image;
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        // Batches of 2,100 images are too large for a row: each is uploaded by itself.
        for (batch, count) in [(8, 37), (2100, 4300)] {
            let set = Arc::new(images([h, w, c], count));
            let stream = Source::Stream { examples: set.clone(), indices: (0..count).collect(), workers: 2 };
            let config = Config { batch, beta: Schedule::Linear { to: 1.0, steps: 9 }, ..config(12) };
            let resident = Source::Resident(Arc::new(images([h, w, c], count).into()));
            let one = in_groups(&device, &resident, config.clone(), &[1; 12]);
            for source in [resident, stream] {
                for groups in [&[12][..], &[1, 1, 7, 3]] {
                    assert!(
                        in_groups(&device, &source, config.clone(), groups) == one,
                        "{device}: {batch}, {groups:?}"
                    );
                }
            }
        }
    }
}

/// β overflows at the second step: of four steps submitted together only the first moves the weights.
#[test]
fn a_bad_step_amid_a_submission_is_named() {
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let config = Config { beta: Schedule::Linear { to: 3e38, steps: 4 }, ..config(10) };
        let mut good = trainer(&device, config.clone());
        finish(&mut good, 1);
        let mut bad = trainer(&device, config);
        bad.advance_many(4).unwrap();
        match bad.records(true) {
            Err(Error::NonFinite(m)) => assert!(m.contains("step 2"), "{m}"),
            other => panic!("{:?}", other.map(|r| r.len())),
        }
        assert_eq!(weights(&bad), weights(&good), "{device}");
    }
}

#[test]
fn a_whole_run_submits_many_steps_and_misses_no_validation() {
    let device = Device::Gpu(common::gpu());
    let mut trainer = trainer(&device, Config { validate_every: 7, ..config(40) });
    let mut metrics = Metrics::default();
    trainer.run(Some(&images(mlp().image, 11)), &mut metrics, &mut Progress::hidden(40)).unwrap();
    assert!(trainer.steps_at_once() > 1, "a step of this model takes far less than a submission may");
    let steps = |kind| metrics.series(kind, |_| 0.0).into_iter().map(|(step, _)| step as u64).collect::<Vec<_>>();
    assert_eq!(steps("train"), (1..=40).collect::<Vec<_>>());
    assert_eq!(steps("valid"), [7, 14, 21, 28, 35, 40]);
}
