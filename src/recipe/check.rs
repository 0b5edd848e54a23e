//! What the numbers of a recipe cannot be, so that a mistake is named by its key and not by the op that meets it.

use super::Recipe;
use crate::error::{Error, Result};
use toml::{Table, Value};

/// Keys that count something there must be, wherever they stand.
const COUNTS: [&str; 19] = [
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
    "period",
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
const NOT_NEGATIVE: [&str; 14] = [
    "alpha",
    "capacity",
    "clip",
    "commitment",
    "diagonal",
    "free_bits",
    "gamma",
    "off_diagonal",
    "pixels",
    "restart",
    "to",
    "value",
    "weight",
    "weight_decay",
];
/// Keys of shares, from 0 to 1.
const SHARES: [&str; 4] = ["decay", "floor", "probability", "ramp"];
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
        Value::Table(table) if table.get("kind").and_then(Value::as_str) == Some("info") => info(path, table),
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

/// The weights of Zhao 2019 (arXiv 1706.02262, equation 6) that α and λ make: α by itself may well be below 0.
fn info(path: &str, table: &Table) -> Result<()> {
    let number = |key| table.get(key).and_then(Value::as_float).unwrap_or_default();
    let (alpha, lambda) = (number("alpha"), number("lambda"));
    for (what, weight) in [("1 - alpha", 1.0 - alpha), ("alpha + lambda - 1", alpha + lambda - 1.0)] {
        // What is 0 in f32 may be below it by as much as its 2⁻²⁴.
        if !weight.is_finite() || weight < -1e-6 * (1.0 + alpha.abs()) {
            let message = format!("{path}: {what} is {weight}, and it is a weight: it must be finite and 0 or more");
            return Err(Error::Config(message));
        }
    }
    Ok(())
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
    if is(path, &SHARES) && !(0.0..=1.0).contains(&number) {
        return Err(Error::Config(format!("{path} = {number}: it must be between 0 and 1")));
    }
    if is(path, &["ramp"]) && number == 0.0 {
        return Err(Error::Config(format!("{path} = {number}: it must be above 0")));
    }
    if is(path, &NOT_NEGATIVE) && number < 0.0 {
        return Err(Error::Config(format!("{path} = {number}: it must be 0 or more")));
    }
    Ok(())
}
