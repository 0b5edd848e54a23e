//! Small trainings that several test programs start from.

use super::models::{mlp, resident};
use wavae::Device;
use wavae::train::{Config, Rate, Record, Trainer};

/// Batches of 8 at a constant rate.
pub fn config(steps: u64) -> Config {
    Config { steps, batch: 8, rate: Rate::constant(3e-3), ..Config::default() }
}

/// The small multilayer model on 37 images.
pub fn trainer(device: &Device, config: Config) -> Trainer {
    let model = mlp();
    Trainer::new(device, &model.vae, &resident(model.image, 37), config).unwrap()
}

/// Trains to the end, step by step.
pub fn finish(trainer: &mut Trainer, steps: u64) -> Vec<Record> {
    let mut records = vec![];
    for _ in 0..steps {
        trainer.advance().unwrap();
        records.extend(trainer.records(true).unwrap());
    }
    records
}

/// What is saved of a model, by name.
pub fn weights(trainer: &Trainer) -> Vec<(String, Vec<f32>)> {
    let store = trainer.store();
    let read = |name: String| (store.read(&name).unwrap().as_f32().to_vec(), name);
    store.weights().into_iter().map(|(name, _)| read(name)).map(|(w, name)| (name, w)).collect()
}
