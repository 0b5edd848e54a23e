//! What the numbers of a recipe cannot be, so that a mistake is named by its key and not by the op that meets it.

use super::Recipe;
use crate::error::{Error, Result};
use toml::Value;

/// Keys that count something there must be, wherever they stand.
const COUNTS: [&str; 18] = [
    "batch",
    "blocks",
    "channels",
    "codes",
    "components",
    "figure.samples",
    "heads",
    "hidden",
    "latent",
    "layers",
    "model.objective.samples",
    "pseudo_inputs",
    "steps",
    "test",
    "train",
    "upsample",
    "valid",
    "width",
];
/// The most of them.
const MOST: i64 = 1 << 30;
/// Those of which each is a part of a graph, and the most of these.
const PARTS: [&str; 3] = ["blocks", "components", "layers"];
const MOST_PARTS: i64 = 1000;
/// Keys of numbers above 0.
const POSITIVE: [&str; 4] = ["eps", "rate", "scale", "sigma"];
/// Keys of numbers of 0 or more.
const NOT_NEGATIVE: [&str; 8] =
    ["capacity", "clip", "floor", "free_bits", "gamma", "pixels", "probability", "weight_decay"];
/// The stages of Burda 2015 grow by 3: this many are 10⁹ passes.
const MOST_STAGES: i64 = 20;

/// Whether every number of `recipe` can be what it says.
///
/// # Errors
/// [`Error::Config`] with the dotted key of the first that cannot.
pub(super) fn numbers(recipe: &Recipe) -> Result<()> {
    let table = Value::try_from(recipe).map_err(|e| Error::Config(format!("the recipe cannot be read again: {e}")))?;
    walk("", &table)?;
    let train = &recipe.train;
    match train.steps + train.epochs + u64::from(train.stages) {
        0 => Err(Error::Config("train.steps = 0: without epochs or stages it must be 1 or more".into())),
        _ => Ok(()),
    }
}

fn walk(path: &str, value: &Value) -> Result<()> {
    match value {
        Value::Table(table) => table.iter().try_for_each(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            walk(&path, value)
        }),
        Value::Array(list) => list.iter().try_for_each(|value| walk(path, value)),
        Value::Integer(number) => integer(path, *number),
        Value::Float(number) => float(path, *number),
        _ => Ok(()),
    }
}

fn is(path: &str, keys: &[&str]) -> bool {
    keys.iter().any(|key| path == *key || path.strip_suffix(key).is_some_and(|rest| rest.ends_with('.')))
}

fn integer(path: &str, number: i64) -> Result<()> {
    // Where 0 stands for what is usual, or where passes are counted in its place.
    let spared = ["data.steps", "train.steps"].contains(&path) && number == 0;
    if is(path, &COUNTS) && !spared && !(1..=MOST).contains(&number) {
        return Err(Error::Config(format!("{path} = {number}: it must be between 1 and {MOST}")));
    }
    if is(path, &PARTS) && number > MOST_PARTS {
        return Err(Error::Config(format!("{path} = {number}: it must be at most {MOST_PARTS}")));
    }
    if path == "train.epochs" && !(0..=MOST).contains(&number) {
        return Err(Error::Config(format!("{path} = {number}: it must be between 0 and {MOST}")));
    }
    if path == "train.stages" && number > MOST_STAGES {
        return Err(Error::Config(format!("{path} = {number}: it must be at most {MOST_STAGES}")));
    }
    float(path, number as f64)
}

fn float(path: &str, number: f64) -> Result<()> {
    if !number.is_finite() {
        return Err(Error::Config(format!("{path} = {number}: it must be finite")));
    }
    // The rate of a figure is bits per pixel, and 0 where it is no PSNR; a group that stands still has a rate of 0.
    let still = ["figure.rate", "train.group.rate"].contains(&path) && number == 0.0;
    if is(path, &POSITIVE) && !still && number <= 0.0 {
        return Err(Error::Config(format!("{path} = {number}: it must be above 0")));
    }
    if is(path, &["beta1", "beta2"]) && !(0.0..1.0).contains(&number) {
        return Err(Error::Config(format!("{path} = {number}: it must be 0 or more and below 1")));
    }
    if is(path, &NOT_NEGATIVE) && number < 0.0 {
        return Err(Error::Config(format!("{path} = {number}: it must be 0 or more")));
    }
    Ok(())
}
