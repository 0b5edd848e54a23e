//! Recipes: data, model, training and figure of a published variant in a few lines of TOML. Those under `examples/recipes/` are
//! built in; [`Recipe::named`] finds them, [`Recipe::parse`] reads any other.
//!
//! ```
//! let recipe = wavae::recipe::Recipe::named("vae-digits", &[("model.latent", "5"), ("train.steps", "10")])?;
//! assert!(recipe.to_toml()?.contains("latent = 5"));
//! let wrong = wavae::recipe::Recipe::named("vae-digit", &[]).unwrap_err();
//! assert!(wrong.to_string().contains("did you mean vae-digits?"));
//! # Ok::<(), wavae::Error>(())
//! ```

mod check;
mod data;
mod model;
mod run;
mod train;

use crate::error::{Error, Result, hint};
use serde::{Deserialize, Serialize};
use std::path::Path;
use toml::{Table, Value};

pub use data::{Binarize, DataRecord, DataSpec, Splits};
pub use model::{
    Act, AlignmentSpec, CodePriorSpec, CorruptionSpec, DeviationWord, FlowSpec, JointSpec, LadderSpec, LevelSpec,
    LikelihoodSpec, M1M2Spec, M1Spec, M2Spec, ModalitySpec, ModelSpec, MultimodalSpec, Net, NormSpec, ObjectiveSpec,
    PosteriorSpec, PriorSpec, QuantizedSpec, ReaderSpec, SketchSpec, SpreadSpec, SpreadWord, TextSpec, VaeSpec,
    WriterSpec,
};
pub use run::{Codec, Drawn, Figure, FigureSpec, Metric, Run, Sampler, Scores, Summary};
pub use train::{GroupSpec, PrecisionWord, RecomputeWord, ScheduleSpec, TrainSpec};

/// Name and text of every recipe that is built in, by name.
pub const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

/// A recipe. See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// One line: what it is, and whose.
    pub about: String,
    /// The examples.
    pub data: DataSpec,
    /// The model.
    pub model: ModelSpec,
    /// The training.
    #[serde(default)]
    pub train: TrainSpec,
    /// The figure that it is judged by.
    pub figure: FigureSpec,
}

impl Recipe {
    /// The recipe that is built in under `name`, with `changes`: dotted keys and TOML values.
    ///
    /// # Errors
    /// An unknown name or key, with the nearest one; a value that does not fit.
    pub fn named(name: &str, changes: &[(&str, &str)]) -> Result<Self> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name);
        let unknown = || {
            let names = || BUILT_IN.iter().map(|(name, _)| *name);
            let hint = hint(name, names());
            Error::Name(format!(
                "no recipe is called {name}{hint} There are {}",
                names().collect::<Vec<_>>().join(", ")
            ))
        };
        Self::parse(found.ok_or_else(unknown)?.1, changes).map_err(|e| Error::Config(format!("recipe {name}: {e}")))
    }

    /// A recipe from its text, with `changes`.
    ///
    /// # Errors
    /// As [`Recipe::named`].
    pub fn parse(text: &str, changes: &[(&str, &str)]) -> Result<Self> {
        let mut table: Table = toml::from_str(text).map_err(|e| Error::Config(format!("no TOML: {e}")))?;
        for (key, value) in changes {
            set(&mut table, key, value)?;
        }
        let recipe = read(table).map_err(|error| match culprit(text, changes) {
            Some((key, value)) => Error::Config(format!("{key}={value}: {error}")),
            None => error,
        })?;
        check::numbers(&recipe)?;
        Ok(recipe)
    }

    /// The recipe of the folder `run` that [`Run::train`] wrote.
    ///
    /// # Errors
    /// A file that is missing or broken.
    pub fn of_run(run: &Path) -> Result<Self> {
        let file = run.join("recipe.toml");
        let text = std::fs::read_to_string(&file).map_err(|e| Error::file(&file, e))?;
        Self::parse(&text, &[]).map_err(|e| Error::file(&file, e))
    }

    /// The whole recipe, defaults included, as TOML.
    ///
    /// # Errors
    /// None that a recipe which was parsed can cause.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::Config(format!("the recipe cannot be written: {e}")))
    }
}

/// The first of `changes` without which, and without those after it, `text` is a recipe.
fn culprit<'a>(text: &str, changes: &'a [(&'a str, &'a str)]) -> Option<&'a (&'a str, &'a str)> {
    let mut table: Table = toml::from_str(text).ok()?;
    read(table.clone()).ok()?;
    changes.iter().find(|(key, value)| set(&mut table, key, value).and_then(|()| read(table.clone())).is_err())
}

/// A recipe from its table. A schedule may be a number, which is then constant, and a part without settings its name.
fn read(mut table: Table) -> Result<Recipe> {
    if let Some(Value::Table(train)) = table.get_mut("train") {
        for key in ["beta", "capacity"] {
            let number = train.get(key).and_then(|value| value.as_float().or(value.as_integer().map(|n| n as f64)));
            if let Some(number) = number {
                train.insert(key.into(), named("constant", [("value", Value::Float(number))]));
            }
        }
    }
    table.get_mut("model").into_iter().for_each(widen);
    Value::Table(table).try_into().map_err(|e: toml::de::Error| Error::Config(with_hint(e.message())))
}

fn widen(model: &mut Value) {
    let Value::Table(table) = model else { return };
    for (key, value) in table.iter_mut() {
        match value {
            Value::String(name) if PARTS.contains(&key.as_str()) => *value = named(&name.clone(), []),
            Value::Table(_) => widen(value),
            _ => {}
        }
    }
}

/// Parts of a model that are tables with a `kind`.
const PARTS: [&str; 8] =
    ["likelihood", "posterior", "prior", "objective", "encoder", "decoder", "classifier", "alignment"];

fn named<const N: usize>(kind: &str, settings: [(&str, Value); N]) -> Value {
    let settings = settings.map(|(key, value)| (key.to_string(), value));
    let kind = ("kind".to_string(), Value::String(kind.into()));
    Value::Table(settings.into_iter().chain([kind]).collect())
}

/// Sets the dotted `key` of `table`; what is no TOML value is a string.
fn set(table: &mut Table, key: &str, value: &str) -> Result<()> {
    let parsed = toml::from_str::<Table>(&format!("value = {value}")).ok().and_then(|mut t| t.remove("value"));
    let value = parsed.unwrap_or_else(|| Value::String(value.to_string()));
    let mut path: Vec<&str> = key.split('.').collect();
    let last = path.pop().unwrap_or_default();
    let mut at = table;
    for step in path {
        let next = at.entry(step).or_insert_with(|| Value::Table(Table::new()));
        at = next.as_table_mut().ok_or_else(|| Error::Config(format!("{key}: {step} is no table of a recipe; a list is set whole, train.group=[{{scope=\"prior\", rate=0.01}}]")))?;
    }
    at.insert(last.to_string(), value);
    Ok(())
}

/// A message that names what it expected, with the nearest of it.
fn with_hint(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown");
    let hint = quoted.next().filter(|_| unknown).map(|wrong| hint(wrong, quoted));
    format!("{message}{}", hint.unwrap_or_default())
}
