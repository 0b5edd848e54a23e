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

mod compress;
mod crossmodal;
mod data;
mod figure;
mod labels;
mod ladder;
mod model;
mod multimodal;
mod nets;
mod parts;
mod pictures;
mod quantized;
mod run;
mod samplers;
mod scores;
mod semi;
mod sequence;
mod series;
mod strokes;
mod train;
mod vae;
mod views;
mod ways;
mod words;

use crate::error::{Error, Result, nearest};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

pub use compress::Codec;
pub use data::{Binarize, DataSpec, Parts};
pub use figure::{Figure, FigureSpec, Metric};
pub use ladder::{LadderSpec, LevelSpec};
pub use model::ModelSpec;
pub use multimodal::{AlignmentSpec, JointSpec, ModalitySpec, MultimodalSpec};
pub use nets::{Act, Net, NormSpec};
pub use parts::{
    CorruptionSpec, DeviationWord, FlowSpec, LikelihoodSpec, ObjectiveSpec, PosteriorSpec, PriorSpec, SpreadSpec,
    SpreadWord,
};
pub use quantized::{CodePriorSpec, QuantizedSpec};
pub use run::{Run, Summary};
pub use samplers::Sampler;
pub use scores::Scores;
pub use semi::{M1M2Spec, M1Spec, M2Spec};
pub use sequence::{ReaderSpec, SketchSpec, TextSpec, WriterSpec};
pub use train::{GroupSpec, ScheduleSpec, TrainSpec};
pub use vae::VaeSpec;

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
            let hint = nearest(name, names()).map_or_else(String::new, |near| format!(", did you mean {near}?"));
            Error::Name(format!(
                "no recipe is called {name}{hint}; there are {}",
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
        Value::Table(table).try_into().map_err(|e: toml::de::Error| Error::Config(with_hint(e.message())))
    }

    /// The whole recipe, defaults included, as TOML.
    ///
    /// # Errors
    /// None that a recipe which was parsed can cause.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::Config(format!("the recipe cannot be written: {e}")))
    }
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
        at = next.as_table_mut().ok_or_else(|| Error::Config(format!("{key}: {step} is no table of a recipe")))?;
    }
    at.insert(last.to_string(), value);
    Ok(())
}

/// A message that names what it expected, with the nearest of it.
fn with_hint(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown");
    let hint = quoted.next().filter(|_| unknown).and_then(|wrong| nearest(wrong, quoted));
    hint.map_or_else(|| message.to_string(), |near| format!("{message}; did you mean {near}?"))
}
