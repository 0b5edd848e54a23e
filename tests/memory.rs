//! Training takes no more memory at step 2,000 than at step 100: resident memory of the process and bytes on the device.
//! One test, so that nothing else allocates beside it.
#![cfg(target_os = "linux")]

mod common;

use common::models::{mlp, resident};
use std::fs;
use wavae::Device;
use wavae::train::{Config, Trainer};

/// Resident memory of this process, bytes.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

/// A leak of 512 bytes a step, a tenth of one batch's figures and inputs, would show after the 1,900 steps.
const BOUND: u64 = 1900 * 512;

#[test]
fn memory_is_constant_from_step_100_to_step_2000() {
    let model = mlp();
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let config = Config { steps: 2000, batch: 8, ..Config::default() };
        let mut trainer = Trainer::new(&device, &model.vae, &resident(model.image, 37), config).unwrap();
        let on_device = |trainer: &Trainer| {
            let store = trainer.store().allocated_bytes();
            match &device {
                Device::Gpu(gpu) => {
                    // Bytes on their way to a buffer are freed once the step that takes them is done.
                    gpu.wait().unwrap();
                    (store, gpu.allocated_bytes().unwrap_or(0))
                }
                Device::Cpu => (store, 0),
            }
        };
        let (mut records, mut early) = (0, None);
        while trainer.step() < 2000 {
            trainer.advance_many([1, 4][usize::from(trainer.step() % 5 == 1)]).unwrap(); // 1, 5, 6, 10 …
            let sampled = [100, 2000].contains(&trainer.step());
            records += trainer.records(sampled).unwrap().len();
            if trainer.step() == 100 {
                early = Some((resident_bytes(), on_device(&trainer)));
            }
        }
        assert_eq!(records, 2000);
        let (before, bytes) = early.unwrap();
        let after = resident_bytes();
        println!("{device}: resident {before} → {after} bytes, on the device {bytes:?}");
        assert_eq!(on_device(&trainer), bytes, "{device}: bytes on the device");
        assert!(after < before + BOUND, "{device}: {before} bytes resident at step 100, {after} at step 2000");
    }
}
